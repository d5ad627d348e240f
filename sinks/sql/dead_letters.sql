-- Records that can never be stored: kept by sinks/dead_letters.py, looked after by app/dead_letters.

-- name: insert_dead_letters
-- Keep dead letters. A record that comes again (redelivery) is the same record: topic, partition, offset.
INSERT INTO dead_letters (
    topic, partition, "offset", reason, detail, key, value, headers, source_timestamp
)
SELECT * FROM unnest(
    $1::varchar[], $2::int[], $3::bigint[], $4::varchar[], $5::varchar[],
    $6::bytea[], $7::bytea[], $8::jsonb[], $9::timestamptz[]
)
ON CONFLICT (topic, partition, "offset") DO NOTHING;

-- name: count_dead_letters_by_reason
-- How many dead letters are kept, and how many of them nobody has replayed, by reason.
SELECT reason, count(*) AS kept, count(*) FILTER (WHERE replayed_at IS NULL) AS pending
FROM dead_letters
GROUP BY reason
ORDER BY kept DESC, reason;

-- name: find_dead_letters
-- Which dead letters are meant: their ids, oldest first, by reason and topic. NULL leaves a filter out.
-- Every command begins here, so what comes in while it works is not touched by it: above all not the records
-- that it has replayed and that were refused again.
SELECT reason, topic, array_agg(id ORDER BY id) AS ids
FROM dead_letters
WHERE ($1::bigint[] IS NULL OR id = ANY ($1))
  AND ($2::varchar[] IS NULL OR reason = ANY ($2))
  AND ($3::varchar[] IS NULL OR topic = ANY ($3))
  AND ($4::timestamptz IS NULL OR created >= $4)
  AND ($5::timestamptz IS NULL OR created < $5)
  AND ($6::boolean IS NULL OR (replayed_at IS NOT NULL) = $6)
GROUP BY reason, topic
ORDER BY count(*) DESC, reason, topic;

-- name: describe_dead_letters
-- What can be said of dead letters without what they hold, newest first.
SELECT id, reason, detail, topic, partition, "offset", source_timestamp, created, replayed_at,
       octet_length(key) AS key_bytes, octet_length(value) AS value_bytes
FROM dead_letters
WHERE id = ANY ($1::bigint[])
ORDER BY id DESC;

-- name: read_dead_letters
-- Dead letters with everything that is needed to put them back, oldest first.
SELECT id, reason, detail, topic, partition, "offset", source_timestamp, created, replayed_at, key, value, headers
FROM dead_letters
WHERE id = ANY ($1::bigint[])
ORDER BY id;

-- name: mark_dead_letters_replayed
-- Note that dead letters were put back where they came from. They stay, with the time.
UPDATE dead_letters
SET replayed_at = now(), replay_pending = false, replay_problem = NULL
WHERE id = ANY ($1::bigint[]);

-- name: drop_dead_letters
-- Drop dead letters for ever.
DELETE FROM dead_letters
WHERE id = ANY ($1::bigint[]);

-- name: sum_up_dead_letters
-- How many dead letters are meant, by reason and topic, how many of them nobody has replayed, and the last id: what
-- comes in later is not among them. NULL leaves a filter out.
SELECT reason, topic, count(*) AS kept, count(*) FILTER (WHERE replayed_at IS NULL) AS waiting,
       min(created) AS first, max(created) AS last, max(id) AS last_id
FROM dead_letters
WHERE ($1::bigint[] IS NULL OR id = ANY ($1))
  AND ($2::varchar[] IS NULL OR reason = ANY ($2))
  AND ($3::varchar[] IS NULL OR topic = ANY ($3))
  AND ($4::timestamptz IS NULL OR created >= $4)
  AND ($5::timestamptz IS NULL OR created < $5)
  AND ($6::boolean IS NULL OR (replayed_at IS NOT NULL) = $6)
  AND ($7::bytea IS NULL OR key = $7)
  AND ($8::bigint IS NULL OR id <= $8)
GROUP BY reason, topic
ORDER BY count(*) DESC, reason, topic;

-- name: page_dead_letters
-- What can be said of those that are meant without what they hold, the newest first; $9 at most.
SELECT id, reason, detail, topic, partition, "offset", source_timestamp, created, replayed_at,
       octet_length(key) AS key_bytes, octet_length(value) AS value_bytes, replay_pending, replay_problem
FROM dead_letters
WHERE ($1::bigint[] IS NULL OR id = ANY ($1))
  AND ($2::varchar[] IS NULL OR reason = ANY ($2))
  AND ($3::varchar[] IS NULL OR topic = ANY ($3))
  AND ($4::timestamptz IS NULL OR created >= $4)
  AND ($5::timestamptz IS NULL OR created < $5)
  AND ($6::boolean IS NULL OR (replayed_at IS NOT NULL) = $6)
  AND ($7::bytea IS NULL OR key = $7)
  AND ($8::bigint IS NULL OR id <= $8)
ORDER BY id DESC
LIMIT $9;

-- name: drop_some_dead_letters
-- Drop some of those that are meant for ever, the oldest first; $9 at most.
DELETE FROM dead_letters
WHERE id IN (
    SELECT id
    FROM dead_letters
    WHERE ($1::bigint[] IS NULL OR id = ANY ($1))
      AND ($2::varchar[] IS NULL OR reason = ANY ($2))
      AND ($3::varchar[] IS NULL OR topic = ANY ($3))
      AND ($4::timestamptz IS NULL OR created >= $4)
      AND ($5::timestamptz IS NULL OR created < $5)
      AND ($6::boolean IS NULL OR (replayed_at IS NOT NULL) = $6)
      AND ($7::bytea IS NULL OR key = $7)
      AND ($8::bigint IS NULL OR id <= $8)
    ORDER BY id
    LIMIT $9
);

-- name: ask_for_replay
-- Have some of those that are meant put back, as part of the replay $10; those that are about to be already stay part of
-- theirs. $9 at most.
UPDATE dead_letters
SET replay = $10, replay_pending = true, replay_problem = NULL
WHERE id IN (
    SELECT id
    FROM dead_letters
    WHERE ($1::bigint[] IS NULL OR id = ANY ($1))
      AND ($2::varchar[] IS NULL OR reason = ANY ($2))
      AND ($3::varchar[] IS NULL OR topic = ANY ($3))
      AND ($4::timestamptz IS NULL OR created >= $4)
      AND ($5::timestamptz IS NULL OR created < $5)
      AND ($6::boolean IS NULL OR (replayed_at IS NOT NULL) = $6)
      AND ($7::bytea IS NULL OR key = $7)
      AND ($8::bigint IS NULL OR id <= $8)
      AND NOT replay_pending
      AND replay IS DISTINCT FROM $10
    ORDER BY id
    LIMIT $9
);

-- name: find_topics_of_replays
-- Where what is to be put back came from.
SELECT DISTINCT topic FROM dead_letters WHERE replay_pending;

-- name: take_replays
-- Some dead letters that are to be put back, of these topics, the oldest first; what another process has in hand is left
-- to it.
SELECT id
FROM dead_letters
WHERE replay_pending AND topic = ANY ($2::varchar[])
ORDER BY id
LIMIT $1
FOR UPDATE SKIP LOCKED;

-- name: refuse_replays
-- Note why dead letters cannot be put back.
UPDATE dead_letters
SET replay_pending = false, replay_problem = refused.problem
FROM unnest($1::bigint[], $2::varchar[]) AS refused (id, problem)
WHERE dead_letters.id = refused.id;

-- name: look_at_replay
-- How far the replay $1 is, of what came from the topics $2, or from any; and some of what cannot be put back.
SELECT count(*) AS asked, count(*) FILTER (WHERE replay_pending) AS pending, count(replay_problem) AS impossible,
       (array_agg(id ORDER BY id) FILTER (WHERE replay_problem IS NOT NULL))[1:20] AS impossible_ids,
       min(replay_problem) AS problem
FROM dead_letters
WHERE replay = $1 AND ($2::varchar[] IS NULL OR topic = ANY ($2));

-- name: stop_replay
-- Put back no more of the replay $1; what is back stays there.
UPDATE dead_letters
SET replay = NULL, replay_pending = false
WHERE replay = $1 AND replay_pending AND ($2::varchar[] IS NULL OR topic = ANY ($2));
