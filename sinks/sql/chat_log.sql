-- Entries, written once: sinks/postgres/chat_log.py.

-- name: insert_entries
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
ON CONFLICT (userid, timestamp, direction) DO NOTHING;

-- name: find_entries
-- Tell which of these entries are not in chat_log, and which have the key of another message there. Those that are
-- there as the same message are left out: most often all of them.
-- Messages differ when both have the platform's id, and these differ. A lateral query with a limit, so that the primary
-- key is asked, whatever the statistics of a month's partition say.
SELECT
    asked.number - 1 AS position,
    found.is_there IS NULL AS is_missing,
    found.mid
FROM ROWS FROM (
    jsonb_to_recordset($1::jsonb) AS (userid varchar, timestamp bigint, direction varchar, mid varchar)
) WITH ORDINALITY AS asked (userid, timestamp, direction, mid, number)
LEFT JOIN LATERAL (
    SELECT
        true AS is_there,
        coalesce(raw_payload -> 'message' ->> 'mid', raw_payload -> 'postback' ->> 'mid') AS mid
    FROM chat_log
    WHERE
        chat_log.userid = asked.userid
        AND chat_log.direction = asked.direction
        AND chat_log.timestamp = 'epoch'::timestamptz
            + asked.timestamp / 1000 * interval '1 second'
            + asked.timestamp % 1000 * interval '1 millisecond'
    LIMIT 1
) AS found ON true
WHERE found.is_there IS NULL OR found.mid <> asked.mid;
