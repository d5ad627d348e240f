-- The next rows without a surveyid after a key, in the order of the index that holds just these rows: each
-- batch begins where the one before ended, and what was filled is not met again.
SELECT shortcode, userid, timestamp, direction, pageid
FROM chat_log
WHERE
    surveyid IS NULL
    AND (shortcode, userid, timestamp, direction) > ($1::varchar, $2::varchar, $3::timestamptz, $4::varchar)
ORDER BY shortcode, userid, timestamp, direction
LIMIT $5
