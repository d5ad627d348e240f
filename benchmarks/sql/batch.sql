-- Made entries as the sink sends a batch: one JSON array, sorted by the primary key.
SELECT jsonb_agg(to_jsonb(entry) ORDER BY userid, timestamp, direction)::text
FROM make_entries($1, $2, $3, $4, $5, $6) AS entry
