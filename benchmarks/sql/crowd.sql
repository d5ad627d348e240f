-- What is asked and set around crowds: benchmarks/crowd.py, benchmarks/sizes.py, benchmarks/rules.py.

-- name: bytes_of
-- The bytes of some tables with their partitions, indexes and TOAST tables; of those partitions that have any row.
SELECT sum(pg_total_relation_size(part.relid))::bigint
FROM unnest($1::varchar[]) AS asked (name)
CROSS JOIN LATERAL pg_partition_tree(asked.name::regclass) AS part
WHERE part.isleaf AND pg_relation_size(part.relid) > 0;

-- name: set_rules
-- Have rules for channels of the platform $1, since long ago: $2 their channels, $3 their rates, $4 for how many days.
INSERT INTO chat_logging_config_versions (
    platform, channel, valid_from, config_id, is_enabled, retention_days, sampling_rate
)
SELECT $1, channel, now() - interval '1 year', gen_random_uuid(), true, days, rate
FROM unnest($2::varchar[], $3::double precision[], $4::integer[]) AS rule (channel, rate, days);

-- name: set_default
-- Have a rule for all channels of the platform $1, since long ago: whether events are kept as they came.
INSERT INTO chat_logging_config_versions (platform, channel, valid_from, config_id, is_enabled, keep_raw)
VALUES ($1, '*', now() - interval '1 year', gen_random_uuid(), true, $2);

-- name: lateness
-- How long messages took from when they were due (their time) to their row's commit, and how many were due and no rows
-- yet when there were most of them.
WITH said AS (
    SELECT
        extract(EPOCH FROM timestamp)::double precision AS due,
        extract(EPOCH FROM pg_xact_commit_timestamp(xmin))::double precision AS done
    FROM messages
),
moments AS (
    SELECT due AS at, 1 AS more
    FROM said
    UNION ALL
    SELECT done, -1
    FROM said
),
waiting AS (
    SELECT sum(more) OVER (ORDER BY at, more) AS messages
    FROM moments
)
SELECT
    percentile_disc(0.5) WITHIN GROUP (ORDER BY done - due) AS p50_s,
    percentile_disc(0.99) WITHIN GROUP (ORDER BY done - due) AS p99_s,
    max(done - due) AS max_s,
    (SELECT max(messages) FROM waiting) AS max_waiting
FROM said;

-- name: folded
-- What is there of a crowd: rows, and what days and stays have counted; and what waits to be.
SELECT
    (SELECT count(*) FROM messages) AS rows,
    (SELECT coalesce(sum(messages), 0)::bigint FROM message_days) AS in_days,
    (SELECT coalesce(sum(messages), 0)::bigint FROM stays) AS in_stays,
    EXISTS (SELECT FROM message_day_deltas) OR EXISTS (SELECT FROM stay_deltas) AS is_waiting;
