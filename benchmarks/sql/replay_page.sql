-- The next page of a conversation, after the last row of the page before ('-infinity' and '' for the first).
-- The comparison of rows finds the place in the index, and says nothing about partitions to the planner: the
-- condition on the timestamp alone leaves out those that are past.
-- The limit is a parameter on purpose: with a number here, the plan that PostgreSQL keeps for all users reads and
-- sorts the whole rest of the conversation (page of 100 of 8,000 messages: 16 ms instead of 2.3 ms).
SELECT
    userid, pageid, timestamp, direction, content, question_ref,
    shortcode, surveyid, message_type, raw_payload, metadata
FROM chat_log
WHERE userid = $1
    AND timestamp >= $2
    AND (timestamp, direction) > ($2, $3)
ORDER BY timestamp, direction
LIMIT $4
