-- The monthly partitions of chat_log, and of messages for each platform.

-- name: make_partitions
-- The function is SECURITY DEFINER: the writer may execute it, and may not otherwise change tables.
SELECT chat_log_make_partitions();

-- name: make_message_partitions
-- The same of the platforms $1.
SELECT make_message_partitions($1::varchar[]);

-- name: look_at_partitions
-- How many months from this one on have a partition, without a gap; and about how many rows the default partition
-- holds, as the statistics tell, since the writer may not read a partition by itself. The session speaks UTC.
SELECT
    coalesce(
        (SELECT min(ahead)
         FROM generate_series(0, 23) AS ahead
         WHERE to_regclass('chat_log_' || to_char(date_trunc('month', now()) + make_interval(months => ahead), 'YYYY_MM')) IS NULL),
        24)::int AS months_ahead,
    coalesce(pg_stat_get_live_tuples(to_regclass('chat_log_default')), 0)::int AS default_rows;
