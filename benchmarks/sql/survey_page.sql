-- The next page of a survey, person by person, after the last row of the page before ('', '-infinity' and '' for
-- the first). chat_log_shortcode_idx gives the order; the direction, which it lacks, decides between rows of one
-- person and one millisecond only.
SELECT
    userid, pageid, timestamp, direction, content, question_ref,
    shortcode, surveyid, message_type, raw_payload, metadata
FROM chat_log
WHERE shortcode = $1
    AND (userid, timestamp, direction) > ($2, $3, $4)
ORDER BY userid, timestamp, direction
LIMIT $5
