-- What can be said of dead letters without what they hold, newest first.
SELECT id, reason, detail, topic, partition, "offset", source_timestamp, created, replayed_at,
       octet_length(key) AS key_bytes, octet_length(value) AS value_bytes
FROM dead_letters
WHERE id = ANY ($1::bigint[])
ORDER BY id DESC
