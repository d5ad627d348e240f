-- The next page of a conversation, after the last row of the page before ('-infinity' and '' for the first).
-- The comparison of rows finds the place in the index, and says nothing about partitions to the planner: the
-- condition on the timestamp alone leaves out those that are past.
SELECT
    userid, pageid, timestamp, direction, content, question_ref,
    shortcode, surveyid, message_type, raw_payload, metadata
FROM chat_log
WHERE userid = $1
    AND timestamp >= $2
    AND (timestamp, direction) > ($2, $3)
ORDER BY timestamp, direction
LIMIT $4
