-- What is said now: sinks/postgres/live.py.

-- name: write_live_figures
-- What the worker $1 stored ($2), by the minute; of a minute that it told of before, the latest.
INSERT INTO live_figures AS known (
    worker, minute, platform, channel, surveyid, messages, people, responses, is_whole
)
SELECT $1::varchar, minute, platform, channel, surveyid, messages, people, responses, is_whole
FROM jsonb_to_recordset($2::jsonb) AS (
    minute timestamptz,
    platform varchar,
    channel varchar,
    surveyid uuid,
    messages bigint,
    people bigint,
    responses jsonb,
    is_whole boolean
)
ON CONFLICT (minute, worker, platform, channel, surveyid) DO UPDATE SET
    messages = excluded.messages,
    people = excluded.people,
    responses = excluded.responses,
    is_whole = excluded.is_whole;

-- name: forget_live_figures
-- Delete what is older than $1, whoever wrote it.
DELETE FROM live_figures WHERE minute < now() - $1::interval;
