-- Dead letters with everything that is needed to put them back, oldest first.
SELECT id, reason, detail, topic, partition, "offset", source_timestamp, created, replayed_at, key, value, headers
FROM dead_letters
WHERE id = ANY ($1::bigint[])
ORDER BY id
