-- Write a batch of entries, given as one JSON array, and leave alone those that are there already.
-- One JSON parameter is as fast as unnest of eleven arrays or COPY, and costs Python a third of the CPU.
-- The caller sorts the batch by the primary key: two batches with the same keys then cannot deadlock.
INSERT INTO chat_log (
    userid, pageid, timestamp, direction, content, question_ref,
    shortcode, surveyid, message_type, raw_payload, metadata
)
SELECT
    entry.userid,
    entry.pageid,
    -- Whole seconds apart: an interval is multiplied in floating point, which from 2255 on is not exact.
    'epoch'::timestamptz
        + entry.timestamp / 1000 * interval '1 second'
        + entry.timestamp % 1000 * interval '1 millisecond',
    entry.direction,
    entry.content,
    entry.question_ref,
    entry.shortcode,
    entry.surveyid,
    entry.message_type,
    entry.raw_payload,
    entry.metadata
FROM jsonb_to_recordset($1::jsonb) AS entry (
    userid varchar,
    pageid varchar,
    timestamp bigint,
    direction varchar,
    content varchar,
    question_ref varchar,
    shortcode varchar,
    surveyid uuid,
    message_type varchar,
    raw_payload jsonb,
    metadata jsonb
)
ON CONFLICT (userid, timestamp, direction) DO NOTHING
