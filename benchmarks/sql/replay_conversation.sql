-- All that one person and the bots said, in order. Each partition's primary key gives its rows in this order, so
-- nothing is sorted but the few streams.
SELECT
    userid, pageid, timestamp, direction, content, question_ref,
    shortcode, surveyid, message_type, raw_payload, metadata
FROM chat_log
WHERE userid = $1
ORDER BY timestamp, direction
