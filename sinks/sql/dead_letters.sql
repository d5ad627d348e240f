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
SET replayed_at = now()
WHERE id = ANY ($1::bigint[]);

-- name: drop_dead_letters
-- Drop dead letters for ever.
DELETE FROM dead_letters
WHERE id = ANY ($1::bigint[]);
