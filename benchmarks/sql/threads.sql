-- The same threads with the same messages, in our tables and in those of the plain service beside us.

-- name: drop_plain
-- Leave nothing of the plain service.
DROP SCHEMA IF EXISTS plain CASCADE;

-- name: make_partitions
-- Months of the messages of threads, for those that are filled.
SELECT make_message_partitions(ARRAY['threads'], 12, 1);

-- name: fill_ours
-- Threads numbered $1 to $2, of $3 messages each, of a tenant ($4): all say $5. They were begun in the last 300 days, and
-- a message is written every minute. They go on side by side: no two messages of a thread are in a page.
WITH threads AS (
    SELECT
        number,
        ('00000000-0000-0000-0000-' || lpad(to_hex(number), 12, '0'))::uuid AS id,
        date_trunc('minute', now()) - interval '2 hours' - number % 300 * interval '1 day' AS started
    FROM generate_series($1::bigint, $2::bigint) AS number
),
made AS (
    INSERT INTO conversations (
        id, platform, channel, external_id, kind, tenant_id, subject_id, title, metadata, started, last_at, captured,
        updated, changed
    )
    SELECT
        id, 'threads', $4::varchar, id::varchar, 'thread', $4, 'learner-' || number % 20, 'Fractions ' || number,
        '{"subject": "math"}', started, started + ($3::bigint - 1) * interval '1 minute', $3,
        started + ($3 - 1) * interval '1 minute', started
    FROM threads
)
INSERT INTO messages (
    platform, id, timestamp, conversation_id, channel, role, author_id, content, message_type, metadata
)
SELECT
    'threads',
    message_id_at(message_source('threads', 'seeded ' || threads.number || ' ' || message), started + message * interval '1 minute'),
    started + message * interval '1 minute', threads.id, $4, 'user', 'learner-' || threads.number % 20, $5::varchar, 'text',
    '{"client": "web"}'
FROM threads
CROSS JOIN generate_series(0, $3 - 1) AS message
ORDER BY message, threads.number;

-- name: fill_plain
-- The same in the tables of the plain service.
WITH threads AS (
    INSERT INTO plain.threads (
        id, tenant_id, learner_id, title, metadata, message_count, created_at, updated_at
    )
    SELECT
        ('00000000-0000-0000-0000-' || lpad(to_hex(number), 12, '0'))::uuid, $4::varchar, 'learner-' || number % 20,
        'Fractions ' || number, '{"subject": "math"}', $3::bigint, started, started + ($3 - 1) * interval '1 minute'
    FROM (
        SELECT number, date_trunc('minute', now()) - interval '2 hours' - number % 300 * interval '1 day' AS started
        FROM generate_series($1::bigint, $2::bigint) AS number
    ) AS numbered
    RETURNING id, learner_id, created_at
)
INSERT INTO plain.messages (
    id, thread_id, sender_id, sender_role, message_type, content, metadata, created_at, updated_at
)
SELECT
    gen_random_uuid(), id, learner_id, 'user', 'text', jsonb_build_object('text', $5::varchar), '{"client": "web"}',
    created_at + message * interval '1 minute', created_at + message * interval '1 minute'
FROM threads
CROSS JOIN generate_series(0, $3 - 1) AS message
ORDER BY message, learner_id, id;
