-- threads: conversations that are made, written, changed and deleted by REST; what is told of it, and its log.
--
-- A thread is a conversation of the platform threads whose channel is its tenant and whose subject is its learner; its
-- messages are messages like all others. What is theirs alone is in these columns, null of every other conversation.
ALTER TABLE conversations
    ADD COLUMN updated  timestamptz,
    ADD COLUMN changed  timestamptz,
    ADD COLUMN archived timestamptz;
COMMENT ON COLUMN conversations.updated IS 'Of a thread: when it, or anything in it, was last written.';
COMMENT ON COLUMN conversations.changed IS
    'Of a thread: when its title, its metadata or whether it is archived last changed; of which its ETag is made.';
COMMENT ON COLUMN conversations.archived IS 'Of a thread: since when it is put aside; null if it is not.';
-- Lists of a tenant's threads, and of a learner's, the last written first. Of no other platform is there a row in them,
-- so that nothing is slower there.
CREATE INDEX conversations_threads_idx ON conversations (channel, updated, id) WHERE platform = 'threads';
CREATE INDEX conversations_learners_idx ON conversations (channel, subject_id, updated, id) WHERE platform = 'threads';

-- A thread takes its messages along. On this platform only: the key costs a third of what it takes to write a row.
SELECT make_message_partitions(ARRAY ['threads']);
ALTER TABLE messages_threads
    ADD CONSTRAINT messages_threads_conversation_fkey
    FOREIGN KEY (conversation_id) REFERENCES conversations (id) ON DELETE CASCADE;


-- What is told of threads, by Kafka and to clients that watch: written with what it tells, in the same transaction.
-- The number grows within a thread in the order of what happened, for whoever writes holds the thread. What was said is
-- not in here: it is read when it is sent.
CREATE TABLE thread_events (
    number          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              uuid        NOT NULL DEFAULT gen_random_uuid(),
    tenant_id       varchar     NOT NULL,
    learner_id      varchar     NOT NULL,
    conversation_id uuid,
    event_type      varchar     NOT NULL,
    occurred        timestamptz NOT NULL,
    message_id      uuid,
    data            jsonb       NOT NULL DEFAULT '{}',
    published       timestamptz,
    refused         boolean     NOT NULL DEFAULT false
);
CREATE INDEX thread_events_waiting_idx ON thread_events (number) WHERE published IS NULL;
CREATE INDEX thread_events_conversation_idx ON thread_events (conversation_id, number);
CREATE INDEX thread_events_occurred_idx ON thread_events (occurred);
COMMENT ON TABLE thread_events IS 'What happened to threads, in order, on its way to Kafka and to those who watch.';
COMMENT ON COLUMN thread_events.id IS 'By which readers of the topic tell what they had already.';
COMMENT ON COLUMN thread_events.conversation_id IS 'The thread; null of what concerns all of a learner''s.';
COMMENT ON COLUMN thread_events.data IS 'What else the event tells, and nothing that was said.';
COMMENT ON COLUMN thread_events.published IS 'When Kafka had it; null while it waits.';
COMMENT ON COLUMN thread_events.refused IS 'Whether it could never be sent.';

-- What was asked for under an Idempotency-Key, for a day.
CREATE TABLE idempotency_keys (
    tenant_id varchar     NOT NULL,
    caller    varchar     NOT NULL,
    key       varchar     NOT NULL,
    digest    bytea       NOT NULL,
    result    uuid        NOT NULL,
    made      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, caller, key)
);
CREATE INDEX idempotency_keys_made_idx ON idempotency_keys (made);
-- What is deleted takes along the keys that stand for it.
CREATE INDEX idempotency_keys_result_idx ON idempotency_keys (result);
COMMENT ON TABLE idempotency_keys IS 'What came of requests that were made under an Idempotency-Key.';
COMMENT ON COLUMN idempotency_keys.digest IS 'SHA-256 of what was asked for, so that another thing is not taken for it.';
COMMENT ON COLUMN idempotency_keys.result IS 'The id of the thread, the message or the request that was made.';

-- The log of what was deleted, and of what was handed out: it stays when the rest has gone.
CREATE TABLE chat_deletion_logs (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id    varchar     NOT NULL,
    learner_id   varchar     NOT NULL,
    thread_id    uuid,
    status       varchar     NOT NULL,
    requested_by varchar     NOT NULL,
    reason       varchar,
    requested    timestamptz NOT NULL DEFAULT now(),
    finished     timestamptz,
    threads      bigint      NOT NULL DEFAULT 0,
    messages     bigint      NOT NULL DEFAULT 0,
    places       jsonb       NOT NULL DEFAULT '{}',
    trouble      varchar
);
CREATE INDEX idx_deletion_tenant_learner ON chat_deletion_logs (tenant_id, learner_id);
CREATE INDEX chat_deletion_logs_open_idx ON chat_deletion_logs (requested) WHERE finished IS NULL;
CREATE INDEX chat_deletion_logs_requests_idx ON chat_deletion_logs (tenant_id, requested, id) WHERE thread_id IS NULL;
COMMENT ON TABLE chat_deletion_logs IS 'Who had what deleted, and what became of it.';
COMMENT ON COLUMN chat_deletion_logs.thread_id IS 'Of a thread that was deleted; null where all of a learner''s was.';
COMMENT ON COLUMN chat_deletion_logs.status IS 'requested, running or done: what is asked for is tried until it is.';
COMMENT ON COLUMN chat_deletion_logs.places IS 'How much was deleted, by where it was.';
COMMENT ON COLUMN chat_deletion_logs.trouble IS 'Why it is not done yet, where something keeps it from being.';

CREATE TABLE chat_export_logs (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id    varchar     NOT NULL,
    learner_id   varchar     NOT NULL,
    requested_by varchar     NOT NULL,
    reason       varchar,
    requested    timestamptz NOT NULL DEFAULT now(),
    export_id    uuid        NOT NULL
);
CREATE INDEX idx_export_tenant_learner ON chat_export_logs (tenant_id, learner_id);
CREATE INDEX chat_export_logs_requests_idx ON chat_export_logs (tenant_id, requested, id);
COMMENT ON TABLE chat_export_logs IS 'Who asked for a file of all that is kept of a learner.';
COMMENT ON COLUMN chat_export_logs.export_id IS 'The row of export_status that says what became of it.';

-- Texts that messages of threads had are found by their thread: few are edited.
CREATE INDEX message_versions_threads_idx ON message_versions (conversation_id) WHERE platform = 'threads';

-- The threads that a learner has, and those that they had: what is left of these is found by it.
CREATE FUNCTION threads_of_learner(tenant varchar, learner varchar) RETURNS uuid[]
    LANGUAGE sql STABLE PARALLEL SAFE
AS
$function$
SELECT ARRAY(
    SELECT id FROM conversations WHERE platform = 'threads' AND channel = tenant AND subject_id = learner
    UNION
    SELECT thread_id FROM chat_deletion_logs WHERE tenant_id = tenant AND learner_id = learner AND thread_id IS NOT NULL
)
$function$;
-- It tells whoever asks what they may read in these tables anyway.
GRANT EXECUTE ON FUNCTION threads_of_learner(varchar, varchar) TO PUBLIC;
COMMENT ON FUNCTION threads_of_learner(varchar, varchar) IS 'The threads that a learner has, and had.';
