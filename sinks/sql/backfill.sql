-- The surveyid of rows that were stored without one.

-- name: count_entries_without_survey
-- How many rows lack a surveyid, and how many of those no survey can be told for, as they name no form. An
-- index of just these rows answers it.
SELECT count(*) AS rows, count(*) FILTER (WHERE shortcode IS NULL) AS without_shortcode
FROM chat_log
WHERE surveyid IS NULL;

-- name: find_entries_without_survey
-- The next rows without a surveyid after a key, in the order of the index that holds just these rows: each
-- batch begins where the one before ended, and what was filled is not met again.
SELECT shortcode, userid, timestamp, direction, pageid
FROM chat_log
WHERE
    surveyid IS NULL
    AND (shortcode, userid, timestamp, direction) > ($1::varchar, $2::varchar, $3::timestamptz, $4::varchar)
ORDER BY shortcode, userid, timestamp, direction
LIMIT $5;

-- name: fill_surveyids
-- Put surveyids into rows that have none, named by their primary keys. What another filled meanwhile stays.
UPDATE chat_log
SET surveyid = found.surveyid
FROM unnest($1::varchar[], $2::timestamptz[], $3::varchar[], $4::uuid[])
    AS found (userid, timestamp, direction, surveyid)
WHERE
    chat_log.userid = found.userid
    AND chat_log.timestamp = found.timestamp
    AND chat_log.direction = found.direction
    AND chat_log.surveyid IS NULL;

-- name: fill_by_key
-- Before filling, in its transaction: by the primary key, row for row. A planner that expects more would read whole
-- partitions for each batch.
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_seqscan = off;
