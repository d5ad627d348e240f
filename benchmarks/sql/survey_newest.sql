-- The next page of a survey, the newest first, before the last row of the page before ('infinity' and '' for the
-- first). The condition on the timestamp alone leaves out the partitions that are later.
SELECT
    userid, pageid, timestamp, direction, content, question_ref,
    shortcode, surveyid, message_type, raw_payload, metadata
FROM chat_log
WHERE shortcode = $1
    AND timestamp <= $2
    AND (timestamp, userid, direction) < ($2, $3, $4)
ORDER BY timestamp DESC, userid DESC, direction DESC
LIMIT $5
