-- What is told of threads: to Kafka, in order, by one process at a time, and to clients that watch (app/threads/).

-- name: take_unpublished
-- Events that Kafka does not have yet, in order, each with what its message says now: as many as Kafka takes within the
-- seconds that it has, which are no more than 4 MB and one. One process sends at a time, so that none overtakes another:
-- whoever does not get the lock finds nothing.
SELECT
    number,
    number AS id,
    event_id,
    tenant_id,
    learner_id,
    conversation_id,
    event_type,
    occurred,
    message_id,
    data,
    content
FROM (
    SELECT
        event.number,
        event.id AS event_id,
        event.tenant_id,
        event.learner_id,
        event.conversation_id,
        event.event_type,
        event.occurred,
        event.message_id,
        event.data,
        said.content,
        sum(octet_length(said.content)) OVER before AS bytes_before
    FROM (
        SELECT *
        FROM thread_events
        WHERE
            published IS NULL
            AND NOT refused
            AND (SELECT pg_try_advisory_xact_lock(hashtextextended('chatlog thread_events', 0)))
        ORDER BY number
        LIMIT 500
    ) AS event
    LEFT JOIN messages AS said
        ON said.platform = 'threads'
        AND said.id = event.message_id
        AND said.timestamp = message_time(event.message_id)
        AND said.deletion IS NULL
    WINDOW before AS (ORDER BY event.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) AS told
WHERE coalesce(bytes_before, 0) < 4000000
ORDER BY number;

-- name: mark_published
-- Kafka has them.
UPDATE thread_events SET published = now() WHERE number = ANY ($1::bigint[]);

-- name: count_unpublished
-- How many events wait for Kafka.
SELECT count(*) FROM thread_events WHERE published IS NULL AND NOT refused;

-- name: refuse_unpublished
-- Events that Kafka never takes, or of which this version can make no record.
UPDATE thread_events SET refused = true WHERE number = ANY ($1::bigint[]);

-- name: find_events
-- What happened in a thread ($2) since the number $3, each with what its message says now: no more than 1 MB and one, as
-- hundreds may watch.
SELECT
    number,
    event_id,
    tenant_id,
    learner_id,
    conversation_id,
    event_type,
    occurred,
    message_id,
    data,
    content
FROM (
    SELECT
        event.number,
        event.id AS event_id,
        event.tenant_id,
        event.learner_id,
        event.conversation_id,
        event.event_type,
        event.occurred,
        event.message_id,
        event.data,
        said.content,
        sum(octet_length(said.content)) OVER before AS bytes_before
    FROM (
        SELECT *
        FROM thread_events
        WHERE tenant_id = $1 AND conversation_id = $2 AND number > $3
        ORDER BY number
        LIMIT 100
    ) AS event
    LEFT JOIN messages AS said
        ON said.platform = 'threads'
        AND said.id = event.message_id
        AND said.timestamp = message_time(event.message_id)
        AND said.deletion IS NULL
    WINDOW before AS (ORDER BY event.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) AS told
WHERE coalesce(bytes_before, 0) < 1000000
ORDER BY number;

-- name: find_number
-- The number of an event of a thread, from which on a client watches again.
SELECT number FROM thread_events WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3;

-- name: forget_old_events
-- Forget so many ($1) events that Kafka has had for a week; nobody takes them up from then any more.
DELETE FROM thread_events
WHERE number = ANY (ARRAY(
    SELECT number
    FROM thread_events
    WHERE occurred < now() - interval '7 days' AND published < now() - interval '7 days'
    ORDER BY occurred
    LIMIT $1
));

-- name: find_last_events
-- Of each of these threads ($2) the number of its last event, if it has one: one entry of the index, of what may be much.
-- "From it to it" and not "=", for which the planner may walk back through everybody's events until it comes to one.
SELECT thread.id AS conversation_id, last.number
FROM unnest($2::uuid[]) AS thread (id)
CROSS JOIN LATERAL (
    SELECT number
    FROM thread_events
    WHERE tenant_id = $1 AND conversation_id >= thread.id AND conversation_id <= thread.id
    ORDER BY conversation_id DESC, number DESC
    LIMIT 1
) AS last;
