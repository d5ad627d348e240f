-- People, counted of days that are over, by the owner of the tables: sinks/postgres/counting.py.

-- name: find_open_day
-- The next day before $1 of which people are to be counted; ours until this transaction ends.
SELECT platform, day
FROM figure_closings
WHERE NOT is_counted AND day >= '0001-01-01' AND day < $1::date
ORDER BY day, platform
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: close_day
-- They are about to be counted: what is summed up from now on opens the day $2 of the platform $1 again. Returns whether
-- they can be: of messages that have gone, nobody can count anybody.
UPDATE figure_closings
SET is_counted = true
WHERE platform = $1 AND day = $2
RETURNING NOT EXISTS (
    SELECT
    FROM message_days
    WHERE message_days.platform = figure_closings.platform AND message_days.day = figure_closings.day AND final
) AS can_be_counted;

-- name: forget_people
-- Before they are counted again: of a survey, it may be told later that they were of another.
DELETE FROM figure_people WHERE platform = $1 AND day = $2;

-- name: count_people
-- Count who spoke on a day ($2) of a platform ($1), in each of its channels, and in each survey.
INSERT INTO figure_people (day, platform, channel, surveyid, people)
SELECT $2, $1, level.channel, level.surveyid, count(DISTINCT said.person_id)
FROM (
    SELECT figure_channel(platform, channel) AS channel, NULL::uuid AS surveyid, author_id AS person_id
    FROM messages
    WHERE
        platform = $1::varchar
        AND timestamp >= $2::date::timestamp AT TIME ZONE 'UTC'
        AND timestamp < ($2::date + 1)::timestamp AT TIME ZONE 'UTC'
        AND role = 'user'
        AND author_id IS NOT NULL
    UNION ALL
    SELECT coalesce(pageid, ''), surveyid, userid
    FROM chat_log
    WHERE
        $1::varchar = 'messenger'
        AND timestamp >= $2::date::timestamp AT TIME ZONE 'UTC'
        AND timestamp < ($2::date + 1)::timestamp AT TIME ZONE 'UTC'
        AND direction = 'user'
        AND octet_length(coalesce(pageid, '')) <= 2590
) AS said
CROSS JOIN LATERAL (
    VALUES (1, NULL::varchar, NULL::uuid), (2, said.channel, NULL), (3, NULL, said.surveyid)
) AS level (number, channel, surveyid)
WHERE level.number < 3 OR level.surveyid IS NOT NULL
GROUP BY level.number, level.channel, level.surveyid;

-- name: count_weeks
-- Note who spoke on a day ($2) of a platform ($1), and count them among those of its week, by the week in which each first
-- spoke. Who is new to a week moves: what all of them counted for goes, and what they count for now comes.
WITH said AS (
    SELECT DISTINCT figure_channel(platform, channel) AS channel, NULL::uuid AS surveyid, author_id AS person_id
    FROM messages
    WHERE
        platform = $1::varchar
        AND timestamp >= $2::date::timestamp AT TIME ZONE 'UTC'
        AND timestamp < ($2::date + 1)::timestamp AT TIME ZONE 'UTC'
        AND role = 'user'
        AND author_id IS NOT NULL
    UNION ALL
    SELECT DISTINCT coalesce(pageid, ''), surveyid, userid
    FROM chat_log
    WHERE
        $1::varchar = 'messenger'
        AND timestamp >= $2::date::timestamp AT TIME ZONE 'UTC'
        AND timestamp < ($2::date + 1)::timestamp AT TIME ZONE 'UTC'
        AND direction = 'user'
),
came AS (
    INSERT INTO person_weeks (platform, person_id, week, channel, surveyid)
    SELECT $1::varchar, person_id, date_trunc('week', $2::date)::date, channel, surveyid
    FROM said
    WHERE octet_length(person_id) + octet_length(channel) <= 2590
    ON CONFLICT DO NOTHING
    RETURNING person_id, week, channel, surveyid
),
before AS MATERIALIZED (
    SELECT known.*
    FROM (SELECT DISTINCT person_id FROM came) AS touched
    -- One by one, by the index, whatever the statistics say: OFFSET keeps it from becoming a join of all.
    CROSS JOIN LATERAL (
        SELECT person_id, week, channel, surveyid
        FROM person_weeks
        WHERE platform = $1 AND person_id = touched.person_id
        OFFSET 0
    ) AS known
),
spoke AS (
    SELECT DISTINCT each.sign, each.person_id, each.week, level.number, level.channel, level.surveyid
    FROM (
        SELECT -1 AS sign, * FROM before
        UNION ALL
        SELECT 1, * FROM before
        UNION ALL
        SELECT 1, * FROM came
    ) AS each
    CROSS JOIN LATERAL (
        VALUES (1, NULL::varchar, NULL::uuid), (2, each.channel, NULL), (3, NULL, each.surveyid)
    ) AS level (number, channel, surveyid)
    WHERE level.number < 3 OR level.surveyid IS NOT NULL
)
INSERT INTO figure_weeks AS known (platform, channel, surveyid, first_week, week, people)
SELECT $1, channel, surveyid, first_week, week, sum(sign)
FROM (
    SELECT *, min(week) OVER (PARTITION BY sign, person_id, number, channel, surveyid) AS first_week
    FROM spoke
) AS since
GROUP BY channel, surveyid, first_week, week
HAVING sum(sign) <> 0
ON CONFLICT (platform, channel, surveyid, first_week, week) DO UPDATE SET people = known.people + excluded.people;
