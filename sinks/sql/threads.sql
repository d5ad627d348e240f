-- Threads of learners and their messages, written and read by REST: app/threads/.
--
-- Each statement names the tenant ($1, the channel of its threads), whose rows PostgreSQL shows to nobody else either.
-- Whoever writes into a thread holds its row: so what is counted of it is exact, and its events are in order.

-- name: find_head
-- What of a thread never changes.
SELECT subject_id, external_id, started
FROM conversations
WHERE platform = 'threads' AND channel = $1 AND id = $2;

-- name: find_thread
-- A thread.
SELECT id, channel, subject_id, title, metadata, started, last_at, captured, updated, changed, archived
FROM conversations
WHERE platform = 'threads' AND channel = $1 AND id = $2;

-- name: find_threads
-- A tenant's threads, the last written first, after ($2, $3): those that are archived, are not, or all (null).
SELECT id, channel, subject_id, title, metadata, started, last_at, captured, updated, changed, archived
FROM conversations
WHERE
    platform = 'threads'
    AND channel = $1
    AND ($2::timestamptz IS NULL OR (updated, id) < ($2, $3::uuid))
    AND ($4::timestamptz IS NULL OR updated >= $4)
    AND ($5::boolean IS NULL OR (archived IS NOT NULL) = $5)
ORDER BY updated DESC, id DESC
LIMIT $6;

-- name: find_threads_of_learners
-- The same of some learners.
SELECT id, channel, subject_id, title, metadata, started, last_at, captured, updated, changed, archived
FROM conversations
WHERE
    platform = 'threads'
    AND channel = $1
    AND subject_id = ANY ($7::varchar[])
    AND ($2::timestamptz IS NULL OR (updated, id) < ($2, $3::uuid))
    AND ($4::timestamptz IS NULL OR updated >= $4)
    AND ($5::boolean IS NULL OR (archived IS NOT NULL) = $5)
ORDER BY updated DESC, id DESC
LIMIT $6;

-- name: insert_thread
-- A thread that is new, and its event; nothing where there is one of that id.
WITH made AS (
    INSERT INTO conversations (
        id, platform, channel, external_id, kind, tenant_id, subject_id, title, metadata, started, last_at, captured,
        updated, changed
    )
    VALUES ($2, 'threads', $1, $3, 'thread', $1, $4, $5, $6::jsonb, $7, $7, 0, $7, $7)
    ON CONFLICT DO NOTHING
    RETURNING id, channel, subject_id, title, metadata, started, last_at, captured, updated, changed, archived
),
told AS (
    INSERT INTO thread_events (tenant_id, learner_id, conversation_id, event_type, occurred, data)
    SELECT $1, subject_id, id, 'CHAT_THREAD_CREATED', started, jsonb_build_object('created_by', $8::varchar)
    FROM made
)
SELECT * FROM made;

-- name: keep_key
-- Note what comes of a request under its Idempotency-Key; nothing where something did.
INSERT INTO idempotency_keys (tenant_id, caller, key, digest, result)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
RETURNING result;

-- name: find_key
-- What came of a request under this Idempotency-Key.
SELECT digest, result
FROM idempotency_keys
WHERE tenant_id = $1 AND caller = $2 AND key = $3;

-- name: find_free_threads
-- Of these threads ($2) those that nobody holds.
SELECT id
FROM conversations
WHERE platform = 'threads' AND channel = $1 AND id = ANY ($2::uuid[])
FOR UPDATE SKIP LOCKED;

-- name: insert_posts
-- Write messages of threads, as many of each as it has room for: $2 the messages, in order; $3 how many a thread holds.
-- Returns, of each that was written, its number; of a thread that is not there any more, or is full, those are missing.
-- A message under a key that is there already is not written again.
WITH told AS (
    SELECT
        *,
        -- Whole seconds apart: an interval is multiplied in floating point, which from 2255 on is not exact.
        'epoch'::timestamptz + ms / 1000 * interval '1 second' + ms % 1000 * interval '1 millisecond' AS timestamp
    FROM jsonb_to_recordset($2::jsonb) AS told (
        number integer,
        id uuid,
        ms bigint,
        thread uuid,
        role varchar,
        author_id varchar,
        content varchar,
        message_type varchar,
        reply_to uuid,
        metadata jsonb,
        caller varchar,
        key varchar,
        digest varchar
    )
),
held AS MATERIALIZED (
    SELECT id, captured, subject_id
    FROM conversations
    -- Each by its primary key: a tenant may have more threads than are read in an hour.
    WHERE
        platform = 'threads'
        AND channel || '' = $1
        AND id IN (SELECT thread FROM told)
        -- Many wait for these messages, and are not to wait for who holds one thread: said before the first is locked.
        AND (SELECT set_config('lock_timeout', '500ms', true)) IS NOT NULL
    ORDER BY id
    FOR UPDATE
),
ranked AS (
    SELECT told.*, held.subject_id, held.captured + row_number() OVER (PARTITION BY thread ORDER BY number) AS place
    FROM told
    INNER JOIN held ON told.thread = held.id
),
keyed AS (
    INSERT INTO idempotency_keys (tenant_id, caller, key, digest, result)
    SELECT $1, caller, key, decode(digest, 'hex'), id
    FROM ranked
    WHERE key IS NOT NULL AND place <= $3
    ORDER BY caller, key
    ON CONFLICT DO NOTHING
    RETURNING result
),
chosen AS (
    SELECT *
    FROM ranked
    WHERE place <= $3 AND (key IS NULL OR id IN (SELECT result FROM keyed))
),
written AS (
    INSERT INTO messages (
        platform, id, timestamp, conversation_id, channel, role, author_id, content, message_type, reply_to, metadata
    )
    SELECT 'threads', id, timestamp, thread, $1, role, author_id, content, message_type, reply_to, metadata
    FROM chosen
    ORDER BY id
),
kept AS (
    UPDATE conversations
    SET
        captured = conversations.captured + new.many,
        last_at = greatest(conversations.last_at, new.last),
        updated = greatest(conversations.updated, new.last)
    FROM (SELECT thread, count(*) AS many, max(timestamp) AS last FROM chosen GROUP BY thread) AS new
    WHERE conversations.id = new.thread
),
counted AS (
    INSERT INTO message_day_deltas (
        platform, channel, day, hour, role, messages, weight, squares, mirrors, response_ms, responses
    )
    SELECT
        'threads',
        $1,
        (timestamp AT TIME ZONE 'UTC')::date,
        extract(hour FROM timestamp AT TIME ZONE 'UTC'),
        role,
        count(*),
        count(*),
        count(*),
        0,
        NULL,
        0
    FROM chosen
    GROUP BY 3, 4, 5
),
noted AS (
    INSERT INTO thread_events (tenant_id, learner_id, conversation_id, event_type, occurred, message_id, data)
    SELECT
        $1,
        subject_id,
        thread,
        'CHAT_MESSAGE_CREATED',
        timestamp,
        id,
        jsonb_build_object('sender_id', author_id, 'message_type', message_type)
    FROM chosen
    ORDER BY number
)
SELECT number FROM chosen;

-- name: find_message
-- A message of a thread ($2), which was said at $4.
SELECT id, conversation_id, timestamp, role, author_id, content, message_type, reply_to, metadata, edited
FROM messages
WHERE
    platform = 'threads'
    AND channel = $1
    AND conversation_id = $2
    AND id = $3
    AND timestamp = $4
    AND deletion IS NULL;

-- name: find_messages
-- Messages of a thread ($2) that was begun at $3, the oldest first, after ($4, $5).
SELECT id, conversation_id, timestamp, role, author_id, content, message_type, reply_to, metadata, edited
FROM messages
WHERE
    platform = 'threads'
    AND channel = $1
    AND conversation_id = $2
    AND timestamp >= $3
    AND ($4::timestamptz IS NULL OR (timestamp, id) > ($4, $5::uuid))
    AND ($6::varchar IS NULL OR author_id = $6)
    AND ($7::varchar IS NULL OR message_type = $7)
    AND ($8::timestamptz IS NULL OR timestamp >= $8)
    AND ($9::timestamptz IS NULL OR timestamp < $9)
    AND deletion IS NULL
ORDER BY timestamp, id
LIMIT $10;

-- name: find_newest_messages
-- The same, the newest first, before ($4, $5).
SELECT id, conversation_id, timestamp, role, author_id, content, message_type, reply_to, metadata, edited
FROM messages
WHERE
    platform = 'threads'
    AND channel = $1
    AND conversation_id = $2
    AND timestamp >= $3
    AND ($4::timestamptz IS NULL OR (timestamp, id) < ($4, $5::uuid))
    AND ($6::varchar IS NULL OR author_id = $6)
    AND ($7::varchar IS NULL OR message_type = $7)
    AND ($8::timestamptz IS NULL OR timestamp >= $8)
    AND ($9::timestamptz IS NULL OR timestamp < $9)
    AND deletion IS NULL
ORDER BY timestamp DESC, id DESC
LIMIT $10;

-- name: hold_thread
-- A thread, which nobody else writes into until this transaction ends.
SELECT id, channel, subject_id, title, metadata, started, last_at, captured, updated, changed, archived
FROM conversations
WHERE platform = 'threads' AND channel = $1 AND id = $2
FOR UPDATE;

-- name: change_thread
-- Give a thread that is held another title, other metadata, or put it aside or back; its event is told. No two changes
-- are of one moment, for ETags are made of it.
WITH changed AS (
    UPDATE conversations
    SET
        title = $3,
        metadata = $4::jsonb,
        archived = CASE WHEN $5::boolean THEN coalesce(archived, now()) END,
        changed = greatest(clock_timestamp(), changed + interval '1 microsecond'),
        updated = greatest(clock_timestamp(), updated)
    WHERE platform = 'threads' AND channel = $1 AND id = $2
    RETURNING id, channel, subject_id, title, metadata, started, last_at, captured, updated, changed, archived
),
told AS (
    INSERT INTO thread_events (tenant_id, learner_id, conversation_id, event_type, occurred, data)
    SELECT $1, subject_id, id, 'CHAT_THREAD_UPDATED', changed, jsonb_build_object('changed_by', $6::varchar)
    FROM changed
)
SELECT * FROM changed;

-- name: delete_thread
-- Delete a thread that is held, with its messages and whatever is kept of them; what is left is the log of it ($4 who,
-- $5 why), and that it was deleted is told. Returns how much went, by where it was.
WITH gone AS (
    SELECT id, message_source(id) AS source
    FROM messages
    WHERE platform = 'threads' AND conversation_id = $2 AND timestamp >= $3
),
versions AS (
    DELETE FROM message_versions WHERE source IN (SELECT source FROM gone)
    RETURNING source
),
opinions AS (
    DELETE FROM message_feedback WHERE refers_to IN (SELECT source FROM gone)
    RETURNING source
),
keys AS (
    DELETE FROM idempotency_keys WHERE tenant_id = $1 AND result IN (SELECT id FROM gone)
    RETURNING result
),
deleted AS (
    DELETE FROM conversations
    WHERE platform = 'threads' AND channel = $1 AND id = $2
    RETURNING id, subject_id
),
logged AS (
    INSERT INTO chat_deletion_logs (
        tenant_id, learner_id, thread_id, status, requested_by, reason, finished, threads, messages, places
    )
    SELECT
        $1,
        subject_id,
        id,
        'done',
        $4,
        $5,
        now(),
        1,
        (SELECT count(*) FROM gone),
        jsonb_build_object(
            'conversations',
            1,
            'messages',
            (SELECT count(*) FROM gone),
            'message_versions',
            (SELECT count(*) FROM versions),
            'message_feedback',
            (SELECT count(*) FROM opinions),
            'idempotency_keys',
            (SELECT count(*) FROM keys)
        )
    FROM deleted
    RETURNING places
),
told AS (
    INSERT INTO thread_events (tenant_id, learner_id, conversation_id, event_type, occurred, data)
    SELECT
        $1,
        subject_id,
        id,
        'CHAT_THREAD_DELETED',
        clock_timestamp(),
        jsonb_build_object('deleted_by', $4::varchar, 'messages', (SELECT count(*) FROM gone))
    FROM deleted
)
SELECT places FROM logged;

-- name: hold_message
-- A message of a thread that is held; nobody else changes it until this transaction ends.
SELECT id, conversation_id, timestamp, role, author_id, content, message_type, reply_to, metadata, edited
FROM messages
WHERE
    platform = 'threads'
    AND channel = $1
    AND conversation_id = $2
    AND id = $3
    AND timestamp = $4
    AND deletion IS NULL
FOR UPDATE;

-- name: edit_message
-- Give a message that is held another text ($5, of the type $6, with the metadata $7), and keep the one that it had.
WITH moment AS (
    SELECT greatest(clock_timestamp(), coalesce(edited, timestamp) + interval '1 microsecond') AS now
    FROM messages
    WHERE platform = 'threads' AND id = $3 AND timestamp = $4
),
first AS (
    INSERT INTO message_versions (
        platform, source, kind, changed, content, message_type, metadata, conversation_id, id, applied, settled
    )
    SELECT
        platform, message_source(id), 'first', timestamp, content, message_type, metadata, conversation_id, id, true, true
    FROM messages
    WHERE platform = 'threads' AND id = $3 AND timestamp = $4
    ON CONFLICT DO NOTHING
),
later AS (
    INSERT INTO message_versions (
        platform, source, kind, changed, content, message_type, metadata, changed_by, conversation_id, id, applied, settled
    )
    SELECT 'threads', message_source($3), 'edit', moment.now, $5, $6, $7::jsonb, $8, $2, $3, true, true
    FROM moment
),
edited AS (
    UPDATE messages
    SET content = $5, message_type = $6, metadata = $7::jsonb, edited = moment.now
    FROM moment
    WHERE messages.platform = 'threads' AND messages.channel = $1 AND messages.id = $3 AND messages.timestamp = $4
    RETURNING
        messages.id,
        messages.conversation_id,
        messages.timestamp,
        messages.role,
        messages.author_id,
        messages.content,
        messages.message_type,
        messages.reply_to,
        messages.metadata,
        messages.edited
),
touched AS (
    UPDATE conversations
    SET updated = greatest(conversations.updated, edited.edited)
    FROM edited
    WHERE conversations.id = $2
    RETURNING conversations.subject_id
),
told AS (
    INSERT INTO thread_events (tenant_id, learner_id, conversation_id, event_type, occurred, message_id, data)
    SELECT
        $1,
        touched.subject_id,
        $2,
        'CHAT_MESSAGE_UPDATED',
        edited.edited,
        edited.id,
        jsonb_build_object(
            'sender_id', edited.author_id, 'message_type', edited.message_type, 'changed_by', $8::varchar
        )
    FROM edited
    CROSS JOIN touched
)
SELECT * FROM edited;

-- name: delete_message
-- Take back a message that is held: neither its text nor an earlier one stays, but that there was one.
WITH blanked AS (
    UPDATE message_versions
    SET content = '', metadata = NULL
    WHERE source = message_source($3) AND kind <> 'deletion'
),
noted AS (
    INSERT INTO message_versions (
        platform, source, kind, changed, changed_by, deletion, conversation_id, id, applied, settled
    )
    VALUES ('threads', message_source($3), 'deletion', clock_timestamp(), $5, 'blank', $2, $3, true, true)
    RETURNING changed
),
taken AS (
    UPDATE messages
    SET content = '', metadata = NULL, raw_payload = NULL, deleted = noted.changed, deletion = 'blank'
    FROM noted
    WHERE messages.platform = 'threads' AND messages.channel = $1 AND messages.id = $3 AND messages.timestamp = $4
    RETURNING messages.id, messages.author_id, messages.deleted
),
touched AS (
    UPDATE conversations
    SET captured = conversations.captured - 1, updated = greatest(conversations.updated, taken.deleted)
    FROM taken
    WHERE conversations.id = $2
    RETURNING conversations.subject_id
)
INSERT INTO thread_events (tenant_id, learner_id, conversation_id, event_type, occurred, message_id, data)
SELECT
    $1,
    touched.subject_id,
    $2,
    'CHAT_MESSAGE_DELETED',
    taken.deleted,
    taken.id,
    jsonb_build_object('sender_id', taken.author_id, 'deleted_by', $5::varchar)
FROM taken
CROSS JOIN touched
RETURNING message_id;

-- name: is_in_thread
-- Whether there is a message of this id in a thread.
SELECT EXISTS (
    SELECT
    FROM messages
    WHERE
        platform = 'threads'
        AND channel = $1
        AND conversation_id = $2
        AND id = $3
        AND timestamp = $4
        AND deletion IS NULL
);

-- name: forget_old_keys
-- Forget so many ($1) requests of over a day ago.
DELETE FROM idempotency_keys
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM idempotency_keys
    WHERE made < now() - interval '1 day'
    ORDER BY made
    LIMIT $1
));
