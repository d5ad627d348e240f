-- Store made entries as those of one survey.
INSERT INTO chat_log (
    userid, pageid, timestamp, direction, content, question_ref,
    shortcode, surveyid, message_type, raw_payload, metadata
)
SELECT
    userid, pageid, 'epoch'::timestamptz + timestamp * interval '1 millisecond', direction, content, question_ref,
    shortcode, $7::uuid, message_type, raw_payload, metadata
FROM make_entries($1, $2, $3, $4, $5, $6)
