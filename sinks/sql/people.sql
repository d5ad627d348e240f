-- Who does not want to be recorded: app/people.

-- name: find_opt_outs
-- Who opted out, and since when; those who opted in again too.
SELECT opt_outs.platform, opt_outs.person_id, people.name, opt_outs.since, opt_outs.until
FROM opt_outs
LEFT JOIN people ON people.platform = opt_outs.platform AND people.person_id = opt_outs.person_id
WHERE opt_outs.platform = $1 OR $1::varchar IS NULL
ORDER BY opt_outs.platform, opt_outs.person_id, opt_outs.since;

-- name: opt_out
-- From 10 s after now on, when every worker knows; or for ever, the past included. One that is there goes on.
INSERT INTO opt_outs (platform, person_id, since)
SELECT $1::varchar, $2::varchar, CASE WHEN $3::boolean THEN '-infinity'::timestamptz ELSE clock_timestamp() + interval '10 s' END
WHERE NOT EXISTS (
    SELECT FROM opt_outs
    WHERE platform = $1 AND person_id = $2 AND until IS NULL AND (since = '-infinity' OR NOT $3::boolean)
)
ON CONFLICT (platform, person_id, since) DO UPDATE SET until = NULL;

-- name: end_opt_outs
-- What they say from 10 s after now on is recorded again.
UPDATE opt_outs SET until = greatest(clock_timestamp() + interval '10 s', since)
WHERE platform = $1 AND person_id = $2 AND until IS NULL;

-- name: find_months_of_person
-- In which months there is something of a person, the oldest first.
SELECT DISTINCT date_trunc('month', timestamp, 'UTC') AS month
FROM messages
WHERE platform = $1 AND author_id = $2
ORDER BY month;

-- name: delete_month_of_person
-- Delete what a person said in a month, with earlier texts and what others thought of it; return how many messages.
-- Counts by day stay, as they name nobody; those of their own dialogues go down.
WITH gone AS (
    DELETE FROM messages
    WHERE platform = $1 AND author_id = $2 AND timestamp >= $3 AND timestamp < $3 + interval '1 month'
    RETURNING id, conversation_id
),
versions AS (
    DELETE FROM message_versions WHERE source IN (SELECT message_source(id) FROM gone)
),
feedback AS (
    DELETE FROM message_feedback WHERE refers_to IN (SELECT message_source(id) FROM gone)
),
talks AS (
    UPDATE conversations SET captured = conversations.captured - lost.messages
    FROM (SELECT conversation_id, count(*) AS messages FROM gone GROUP BY 1) AS lost
    WHERE conversations.id = lost.conversation_id AND conversations.captured IS NOT NULL
)
SELECT count(*) FROM gone;

-- name: delete_traces_of_person
-- Delete what else is known of a person: their name, stays, weeks, presence, opinions, and the clears that name them.
WITH named AS (
    DELETE FROM people WHERE platform = $1 AND person_id = $2
),
stayed AS (
    DELETE FROM stays WHERE platform = $1 AND person_id = $2
),
staying AS (
    DELETE FROM stay_deltas WHERE platform = $1 AND person_id = $2
),
present AS (
    DELETE FROM presences WHERE platform = $1 AND person_id = $2
),
thought AS (
    DELETE FROM message_feedback WHERE platform = $1 AND author_id = $2
),
came AS (
    DELETE FROM person_weeks WHERE platform = $1 AND person_id = $2
)
DELETE FROM message_clears WHERE platform = $1 AND author_id = $2;
