-- Keep dead letters. A record that comes again (redelivery) is the same record: topic, partition, offset.
INSERT INTO dead_letters (
    topic, partition, "offset", reason, detail, key, value, headers, source_timestamp
)
SELECT * FROM unnest(
    $1::varchar[], $2::int[], $3::bigint[], $4::varchar[], $5::varchar[],
    $6::bytea[], $7::bytea[], $8::jsonb[], $9::timestamptz[]
)
ON CONFLICT (topic, partition, "offset") DO NOTHING
