-- What learners' data is asked for, and its erasure: app/privacy/. The requests are the rows of chat_export_logs, and
-- those of chat_deletion_logs that are of no one thread; what became of a file, export_status says.
--
-- Each statement names the tenant ($1), but those that look for what is to be done, of whoever's. What is counted and
-- deleted of a learner ($2) is of the threads that they have, and of those that they had.

-- name: queue_requests
-- Requests of one kind ($3) for one learner ($2) go one after the other, whichever processes they came to.
SELECT pg_advisory_xact_lock(
    hashtextextended(format('chatlog privacy %L %L %L', $1::varchar, $2::varchar, $3::varchar), 0)
);

-- name: find_open_export
-- The request for a learner's data that is not done yet, if there is one.
SELECT asked.id
FROM chat_export_logs AS asked
INNER JOIN export_status AS export ON asked.export_id = export.id
WHERE asked.tenant_id = $1 AND asked.learner_id = $2 AND export.status NOT IN ('Finished', 'Failed')
ORDER BY asked.requested DESC
LIMIT 1;

-- name: find_open_deletion
-- The request for a learner's erasure that is not done yet, if there is one.
SELECT id
FROM chat_deletion_logs
WHERE tenant_id = $1 AND learner_id = $2 AND thread_id IS NULL AND finished IS NULL
ORDER BY requested DESC
LIMIT 1;

-- name: insert_export
-- Note who ($4) asks for the data of a learner ($3), why ($5), and what makes the file ($6); that is told.
WITH told AS (
    INSERT INTO thread_events (tenant_id, learner_id, event_type, occurred, data)
    VALUES (
        $1,
        $3,
        'CHAT_PRIVACY_EXPORT_REQUESTED',
        clock_timestamp(),
        jsonb_build_object('request_id', $2::uuid, 'requested_by', $4::varchar)
    )
)
INSERT INTO chat_export_logs (id, tenant_id, learner_id, requested_by, reason, export_id)
VALUES ($2, $1, $3, $4, $5, $6);

-- name: insert_deletion
-- Note who ($4) asks for the erasure of a learner ($3), and why ($5); that is told.
WITH told AS (
    INSERT INTO thread_events (tenant_id, learner_id, event_type, occurred, data)
    VALUES (
        $1,
        $3,
        'CHAT_PRIVACY_DELETION_REQUESTED',
        clock_timestamp(),
        jsonb_build_object('request_id', $2::uuid, 'requested_by', $4::varchar)
    )
)
INSERT INTO chat_deletion_logs (id, tenant_id, learner_id, status, requested_by, reason)
VALUES ($2, $1, $3, 'requested', $4, $5);

-- name: find_request
-- A request of either kind.
SELECT
    'export' AS kind,
    asked.id,
    asked.tenant_id,
    asked.learner_id,
    CASE export.status
        WHEN 'Started' THEN 'requested'
        WHEN 'Querying' THEN 'running'
        WHEN 'Writing' THEN 'running'
        WHEN 'Finished' THEN 'done'
        ELSE 'failed'
    END AS status,
    asked.requested_by,
    asked.reason,
    asked.requested,
    CASE export.status WHEN 'Finished' THEN export.finished WHEN 'Failed' THEN export.updated END AS finished,
    jsonb_build_object('records', export.rows_done) AS counts,
    CASE export.status WHEN 'Failed' THEN export.reason END AS trouble,
    asked.export_id
FROM chat_export_logs AS asked
LEFT JOIN export_status AS export ON asked.export_id = export.id
WHERE asked.tenant_id = $1 AND asked.id = $2
UNION ALL
SELECT
    'deletion',
    id,
    tenant_id,
    learner_id,
    status,
    requested_by,
    reason,
    requested,
    finished,
    places,
    trouble,
    NULL
FROM chat_deletion_logs
WHERE tenant_id = $1 AND id = $2 AND thread_id IS NULL;

-- name: find_requests
-- Requests for some learners ($2; null for all of the tenant's), the latest first, after ($3, $4).
SELECT *
FROM (
    SELECT
        'export' AS kind,
        asked.id,
        asked.tenant_id,
        asked.learner_id,
        CASE export.status
            WHEN 'Started' THEN 'requested'
            WHEN 'Querying' THEN 'running'
            WHEN 'Writing' THEN 'running'
            WHEN 'Finished' THEN 'done'
            ELSE 'failed'
        END AS status,
        asked.requested_by,
        asked.reason,
        asked.requested,
        CASE export.status WHEN 'Finished' THEN export.finished WHEN 'Failed' THEN export.updated END AS finished,
        jsonb_build_object('records', export.rows_done) AS counts,
        CASE export.status WHEN 'Failed' THEN export.reason END AS trouble,
        asked.export_id
    FROM chat_export_logs AS asked
    LEFT JOIN export_status AS export ON asked.export_id = export.id
    WHERE
        asked.tenant_id = $1
        AND ($2::varchar[] IS NULL OR asked.learner_id = ANY ($2))
        AND ($3::timestamptz IS NULL OR (asked.requested, asked.id) < ($3, $4::uuid))
    UNION ALL
    SELECT
        'deletion',
        id,
        tenant_id,
        learner_id,
        status,
        requested_by,
        reason,
        requested,
        finished,
        places,
        trouble,
        NULL
    FROM chat_deletion_logs
    WHERE
        tenant_id = $1
        AND thread_id IS NULL
        AND ($2::varchar[] IS NULL OR learner_id = ANY ($2))
        AND ($3::timestamptz IS NULL OR (requested, id) < ($3, $4::uuid))
) AS either
ORDER BY requested DESC, id DESC
LIMIT $5;

-- name: find_open_deletions
-- What is to be erased, of whichever tenant, the oldest first; what is in trouble keeps nothing else waiting.
SELECT id, tenant_id, learner_id, requested_by, reason
FROM chat_deletion_logs
WHERE finished IS NULL
ORDER BY trouble IS NOT NULL, requested
LIMIT 100;

-- name: begin_step
-- Whoever holds a thread for longer than they should is waited for by none but its learner's erasure, and not for long.
SET LOCAL lock_timeout = '2s';

-- name: hold_deletion
-- A request that is not done yet, which nobody else works on until this transaction ends; nothing if somebody does.
SELECT places
FROM chat_deletion_logs
WHERE tenant_id = $1 AND id = $2 AND finished IS NULL
FOR UPDATE SKIP LOCKED;

-- name: note_progress
-- How much was deleted so far, by where it was.
UPDATE chat_deletion_logs
SET
    status = 'running',
    places = $3::jsonb,
    threads = coalesce(($3::jsonb ->> 'conversations')::bigint, 0),
    messages = coalesce(($3::jsonb ->> 'messages')::bigint, 0),
    trouble = NULL
WHERE tenant_id = $1 AND id = $2;

-- name: note_trouble
-- Why it is not done yet; whoever works on it meanwhile finds that out by themselves.
UPDATE chat_deletion_logs
SET status = 'running', trouble = $3
WHERE id = (
    SELECT id
    FROM chat_deletion_logs
    WHERE tenant_id = $1 AND id = $2 AND finished IS NULL
    FOR UPDATE SKIP LOCKED
);

-- name: finish_deletion
-- Nothing is there any more.
UPDATE chat_deletion_logs
SET status = 'done', finished = clock_timestamp(), trouble = NULL
WHERE tenant_id = $1 AND id = $2;

-- name: take_thread
-- Any thread of a learner ($2), which nobody else writes into until this transaction ends.
SELECT id, started
FROM conversations
WHERE platform = 'threads' AND channel = $1 AND subject_id = $2
ORDER BY updated
LIMIT 1
FOR UPDATE;

-- name: allow_for_long_thread
-- A thread goes whole, so that its log and what is told of it are true, however long it is; nobody waits for it meanwhile
-- but those who write into it.
SET LOCAL statement_timeout = '1min';

-- name: count_conversations
-- How many threads a learner has.
SELECT count(*) FROM conversations WHERE platform = 'threads' AND channel = $1 AND subject_id = $2;

-- name: count_messages
-- How many messages there are in a learner's threads.
SELECT count(*)
FROM messages
WHERE
    platform = 'threads'
    AND conversation_id = ANY (threads_of_learner($1, $2));

-- name: count_message_versions
-- How many texts there are that these said before, each with its time.
SELECT count(*)
FROM message_versions
WHERE
    platform = 'threads'
    AND conversation_id = ANY (threads_of_learner($1, $2));

-- name: delete_message_versions
-- Delete so many ($3) of them.
DELETE FROM message_versions
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM message_versions
    WHERE platform = 'threads' AND conversation_id = ANY (threads_of_learner($1, $2))
    LIMIT $3
));

-- name: count_message_feedback
-- How many opinions there are of a learner's messages; they go with these.
SELECT count(*)
FROM message_feedback
WHERE refers_to IN (
    SELECT message_source(id)
    FROM messages
    WHERE platform = 'threads' AND conversation_id = ANY (threads_of_learner($1, $2))
);

-- name: count_keys
-- How many keys of requests stand for a learner's threads; those of messages go with these.
SELECT count(*)
FROM idempotency_keys
WHERE
    tenant_id = $1
    AND result = ANY (threads_of_learner($1, $2));

-- name: delete_keys
-- Delete so many ($3) of them.
DELETE FROM idempotency_keys
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM idempotency_keys
    WHERE tenant_id = $1 AND result = ANY (threads_of_learner($1, $2))
    LIMIT $3
));

-- name: count_events
-- How many events there are of a learner's threads, but those that tell of their end.
SELECT count(*)
FROM thread_events
WHERE
    tenant_id = $1
    AND event_type <> 'CHAT_THREAD_DELETED'
    AND conversation_id = ANY (threads_of_learner($1, $2));

-- name: delete_events
-- Delete so many ($3) of them. What waits for Kafka has a minute to get there; if Kafka is away for longer, it is never sent,
-- as nothing of what it tells is left. That the thread is gone is told in any case.
DELETE FROM thread_events
WHERE number = ANY (ARRAY(
    SELECT number
    FROM thread_events
    WHERE
        tenant_id = $1
        AND event_type <> 'CHAT_THREAD_DELETED'
        AND (published IS NOT NULL OR refused OR occurred < now() - interval '1 minute')
        AND conversation_id = ANY (threads_of_learner($1, $2))
    LIMIT $3
));

-- name: count_weeks
-- In how many weeks it is kept that a learner spoke.
SELECT count(*) FROM person_weeks WHERE platform = 'threads' AND person_id = $2 AND channel = $1;

-- name: delete_weeks
-- Delete so many ($3) of them; the figures that were made of them name nobody.
DELETE FROM person_weeks
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM person_weeks
    WHERE platform = 'threads' AND person_id = $2 AND channel = $1
    LIMIT $3
));

-- name: count_dead_letters
-- How many records of the topics $3 could not be stored that are of a learner, of a thread of theirs, or of a request.
SELECT count(*)
FROM dead_letters
WHERE
    topic = ANY ($3::varchar[])
    AND key = ANY (ARRAY(
        SELECT convert_to($1::varchar || '/' || $2::varchar, 'UTF8')
        UNION ALL
        SELECT convert_to(thread::varchar, 'UTF8') FROM unnest(threads_of_learner($1, $2)) AS thread
        UNION ALL
        SELECT convert_to(export_id::varchar, 'UTF8')
        FROM chat_export_logs
        WHERE tenant_id = $1 AND learner_id = $2
    ));

-- name: delete_dead_letters
-- Delete so many ($3) of them; the topics are $4.
DELETE FROM dead_letters
WHERE id = ANY (ARRAY(
    SELECT id
    FROM dead_letters
    WHERE
        topic = ANY ($4::varchar[])
        AND key = ANY (ARRAY(
            SELECT convert_to($1::varchar || '/' || $2::varchar, 'UTF8')
            UNION ALL
            SELECT convert_to(thread::varchar, 'UTF8') FROM unnest(threads_of_learner($1, $2)) AS thread
            UNION ALL
            SELECT convert_to(export_id::varchar, 'UTF8')
            FROM chat_export_logs
            WHERE tenant_id = $1 AND learner_id = $2
        ))
    LIMIT $3
));

-- name: find_overdue_deletions
-- How many requests of a tenant, or of all (null), are not done an hour after they were made, and when the oldest was.
SELECT count(*) AS many, min(requested) AS since
FROM chat_deletion_logs
WHERE finished IS NULL AND requested < now() - interval '1 hour' AND ($1::varchar IS NULL OR tenant_id = $1);
