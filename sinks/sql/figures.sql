-- Figures: how much was said, by whom, and how fast it was answered. In each statement, what a caller may see and looks
-- for takes the place of `true /* conditions */` (sinks/postgres/sums.py).

-- name: messages_by_day
-- How many messages there were from the day $1 until $2, by the day, week or month ($3) and by platform, channel, survey or
-- role ($4); copies of other channels' only where $5. The keys that had fewer than the $6 with the most are one, NULL.
WITH sums AS (
    SELECT
        date_trunc($3::text, day::timestamp)::date AS at,
        CASE $4::varchar
            WHEN 'platform' THEN platform
            WHEN 'channel' THEN platform || '/' || channel
            WHEN 'survey' THEN coalesce(surveyid::varchar, '')
            WHEN 'role' THEN role
            ELSE ''
        END AS key,
        sum(messages - copies) AS messages,
        sum(weight * (1 - copies::double precision / greatest(messages, 1))) AS weight,
        sum(squares * (1 - copies::double precision / greatest(messages, 1))) AS squares
    FROM (
        SELECT
            *,
            day::timestamp AT TIME ZONE 'UTC' AS timestamp,
            CASE WHEN $5::boolean THEN 0 ELSE mirrors END AS copies
        FROM figure_days
        WHERE day >= $1::date AND day < $2::date
    ) AS days
    WHERE true /* conditions */
    GROUP BY 1, 2
),
ranked AS (
    SELECT key, row_number() OVER (ORDER BY sum(messages) DESC, key) AS rank
    FROM sums
    GROUP BY key
)
SELECT
    at,
    CASE WHEN rank <= $6::int THEN key END AS key,
    sum(messages)::bigint AS messages,
    sum(weight) AS weight,
    sum(squares) AS squares
FROM sums INNER JOIN ranked USING (key)
GROUP BY 1, 2
HAVING sum(messages) > 0
ORDER BY 1, 2;

-- name: messages_by_hour
-- The same by the hour, of times from $1 until $2; $3 is the hour.
WITH sums AS (
    SELECT
        date_trunc($3::text, timestamp, 'UTC') AS at,
        CASE $4::varchar
            WHEN 'platform' THEN platform
            WHEN 'channel' THEN platform || '/' || channel
            WHEN 'survey' THEN coalesce(surveyid::varchar, '')
            WHEN 'role' THEN role
            ELSE ''
        END AS key,
        sum(messages - copies) AS messages,
        sum(weight * (1 - copies::double precision / greatest(messages, 1))) AS weight,
        sum(squares * (1 - copies::double precision / greatest(messages, 1))) AS squares
    FROM (
        SELECT *, CASE WHEN $5::boolean THEN 0 ELSE mirrors END AS copies
        FROM figure_hours
        WHERE timestamp >= $1::timestamptz AND timestamp < $2::timestamptz
    ) AS hours
    WHERE true /* conditions */
    GROUP BY 1, 2
),
ranked AS (
    SELECT key, row_number() OVER (ORDER BY sum(messages) DESC, key) AS rank
    FROM sums
    GROUP BY key
)
SELECT
    at,
    CASE WHEN rank <= $6::int THEN key END AS key,
    sum(messages)::bigint AS messages,
    sum(weight) AS weight,
    sum(squares) AS squares
FROM sums INNER JOIN ranked USING (key)
GROUP BY 1, 2
HAVING sum(messages) > 0
ORDER BY 1, 2;

-- name: people_by_day
-- How many people spoke, by the day from $1 until $2, by $3 as of messages_by_day.
SELECT
    day AS at,
    CASE $3::varchar
        WHEN 'platform' THEN platform
        WHEN 'channel' THEN platform || '/' || channel
        WHEN 'survey' THEN surveyid::varchar
        WHEN 'role' THEN 'user'
        ELSE ''
    END AS key,
    sum(people)::bigint AS people
FROM (
    SELECT *, day::timestamp AT TIME ZONE 'UTC' AS timestamp
    FROM figure_people
    WHERE day >= $1::date AND day < $2::date
) AS days
WHERE true /* conditions */
GROUP BY 1, 2;

-- name: people_by_week
-- The same by the week, of those that begin from $1 until $2.
SELECT
    week AS at,
    CASE $3::varchar
        WHEN 'platform' THEN platform
        WHEN 'channel' THEN platform || '/' || channel
        WHEN 'survey' THEN surveyid::varchar
        WHEN 'role' THEN 'user'
        ELSE ''
    END AS key,
    sum(people)::bigint AS people
FROM (
    SELECT *, week::timestamp AT TIME ZONE 'UTC' AS timestamp
    FROM figure_weeks
    WHERE week >= $1::date AND week < $2::date
) AS weeks
WHERE true /* conditions */
GROUP BY 1, 2;

-- name: retention
-- Of those who first spoke in a week, how many spoke in which week; first weeks from $1, and all weeks before $2.
SELECT first_week, week, sum(people)::bigint AS people
FROM (
    SELECT *, week::timestamp AT TIME ZONE 'UTC' AS timestamp
    FROM figure_weeks
    WHERE first_week >= $1::date AND week < $2::date
) AS weeks
WHERE true /* conditions */
GROUP BY 1, 2
HAVING sum(people) > 0
ORDER BY 1, 2;

-- name: responses_by_day
-- How many answers took about how many milliseconds, by the day, week or month ($3) from the day $1 until $2.
SELECT
    date_trunc($3::text, day::timestamp)::date AS at,
    response_of_bucket(bucket) AS ms,
    sum(responses)::bigint AS responses
FROM (
    SELECT *, day::timestamp AT TIME ZONE 'UTC' AS timestamp
    FROM figure_responses
    WHERE day >= $1::date AND day < $2::date
) AS days
WHERE true /* conditions */
GROUP BY 1, bucket
HAVING sum(responses) > 0
ORDER BY 1, 2;

-- name: messages_by_weekday
-- How many messages there were from $1 until $2, by the day of the week (1 is Monday) and the hour in the zone $3; copies of
-- other channels' only where $4.
SELECT
    extract(isodow FROM timestamp AT TIME ZONE $3::text)::int AS weekday,
    extract(hour FROM timestamp AT TIME ZONE $3::text)::int AS hour,
    sum(messages - CASE WHEN $4::boolean THEN 0 ELSE mirrors END)::bigint AS messages,
    sum(weight * (1 - CASE WHEN $4::boolean THEN 0 ELSE mirrors END / greatest(messages, 1)::double precision)) AS weight,
    sum(squares * (1 - CASE WHEN $4::boolean THEN 0 ELSE mirrors END / greatest(messages, 1)::double precision)) AS squares
FROM figure_hours
WHERE timestamp >= $1::timestamptz AND timestamp < $2::timestamptz AND true /* conditions */
GROUP BY 1, 2
HAVING sum(messages) > 0
ORDER BY 1, 2;

-- name: recent_texts
-- What people said last, at most $1 messages; but for what they took back on Messenger, which has an index.
SELECT content, platform, author_id, timestamp
FROM (
    SELECT
        content,
        platform,
        author_id,
        timestamp,
        coalesce(raw_payload #>> '{message,mid}', raw_payload #>> '{message_edit,mid}') AS mid
    FROM all_messages
    WHERE true /* conditions */ AND role = 'user'::varchar AND content <> ''::varchar AND deleted IS NULL
        AND message_type IS DISTINCT FROM 'unsent'::varchar
    ORDER BY timestamp DESC
    LIMIT $1::int
) AS recent
WHERE recent.platform <> 'messenger' OR recent.mid IS NULL OR (recent.author_id, recent.mid) NOT IN (
    SELECT userid, coalesce(raw_payload #>> '{message,mid}', raw_payload #>> '{message_unsend,mid}')
    FROM chat_log
    WHERE
        message_type = 'unsent'
        AND coalesce(raw_payload #>> '{message,mid}', raw_payload #>> '{message_unsend,mid}') IS NOT NULL
)
ORDER BY timestamp DESC;

-- name: activity
-- Who said the most, at most $1 of them: how many messages, how long on average, and when the last.
SELECT
    said.platform,
    said.author_id AS person,
    people.name,
    said.messages,
    said.weight,
    said.squares,
    said.average_length,
    said.last_at
FROM (
    SELECT
        platform,
        author_id,
        count(*) AS messages,
        sum(weight::double precision) AS weight,
        sum(weight::double precision * weight) AS squares,
        avg(length(content))::double precision AS average_length,
        max(timestamp) AS last_at
    FROM all_messages
    WHERE true /* conditions */ AND role = 'user'::varchar AND author_id IS NOT NULL
    GROUP BY platform, author_id
    ORDER BY count(*) DESC, platform, author_id
    LIMIT $1::int
) AS said
LEFT JOIN people ON people.platform = said.platform AND people.person_id = said.author_id
ORDER BY said.messages DESC, said.platform, said.author_id;

-- name: sessions_of_stays
-- Sessions in rooms: how many, of how many people, how many of those came again, and how long they were in seconds.
SELECT
    platform,
    count(*) AS sessions,
    count(DISTINCT person) AS people,
    count(DISTINCT person) FILTER (WHERE number = 2) AS returned,
    percentile_cont(ARRAY [0.5, 0.95]) WITHIN GROUP (ORDER BY seconds) AS lengths,
    avg(messages)::double precision AS messages
FROM (
    SELECT
        platform,
        person_id AS person,
        extract(epoch FROM coalesce(left_at, last_at) - joined)::double precision AS seconds,
        messages,
        row_number() OVER (PARTITION BY platform, person_id ORDER BY joined) AS number
    FROM (
        SELECT *, joined AS timestamp, NULL::uuid AS surveyid, 'user'::varchar AS role, person_id AS author_id
        FROM stays
    ) AS stayed
    WHERE true /* conditions */
) AS session
GROUP BY platform;

-- name: sessions_with_assistants
-- The same of sessions with assistants, of which a turn is a question and its answer.
SELECT
    platform,
    count(*) AS sessions,
    count(DISTINCT person) AS people,
    count(DISTINCT person) FILTER (WHERE number = 2 AND person IS NOT NULL) AS returned,
    percentile_cont(ARRAY [0.5, 0.95]) WITHIN GROUP (ORDER BY seconds) AS lengths,
    avg(messages)::double precision AS messages
FROM (
    SELECT
        platform,
        subject_id AS person,
        extract(epoch FROM last_at - started)::double precision AS seconds,
        captured AS messages,
        row_number() OVER (PARTITION BY platform, subject_id ORDER BY started) AS number
    FROM (
        SELECT *, started AS timestamp, NULL::uuid AS surveyid, 'user'::varchar AS role, subject_id AS author_id
        FROM conversations
        WHERE kind = 'session' AND last_day >= $1::date
    ) AS talks
    WHERE true /* conditions */
) AS session
GROUP BY platform;

-- name: sessions_of_dialogues
-- The same of dialogues on Messenger, each of which ends where nobody says anything for $1.
SELECT
    platform,
    count(*) AS sessions,
    count(DISTINCT person) AS people,
    count(DISTINCT person) FILTER (WHERE number = 2) AS returned,
    percentile_cont(ARRAY [0.5, 0.95]) WITHIN GROUP (ORDER BY seconds) AS lengths,
    avg(messages)::double precision AS messages
FROM (
    SELECT
        'messenger'::varchar AS platform,
        author_id AS person,
        extract(epoch FROM max(timestamp) - min(timestamp))::double precision AS seconds,
        count(*) AS messages,
        row_number() OVER (PARTITION BY author_id ORDER BY min(timestamp)) AS number
    FROM (
        SELECT author_id, channel, timestamp, sum(begins) OVER (PARTITION BY author_id, channel ORDER BY timestamp) AS of_them
        FROM (
            SELECT
                author_id,
                channel,
                timestamp,
                coalesce(
                    timestamp - lag(timestamp) OVER (PARTITION BY author_id, channel ORDER BY timestamp) > $1::interval,
                    true
                )::int AS begins
            FROM all_messages
            WHERE platform = 'messenger'::varchar AND true /* conditions */
        ) AS said
    ) AS numbered
    GROUP BY author_id, channel, of_them
) AS session
GROUP BY platform;

-- name: survey_questions
-- The questions of a survey in the order in which most people meet them: how many were asked each, how often, how many
-- answered, and for how many it was the last thing said of the survey, answered or not. At most $1 of them.
WITH met AS (
    SELECT
        author_id,
        shortcode,
        question_ref,
        min(timestamp) AS first,
        -- An answer may come when the next question was asked.
        coalesce(max(timestamp) FILTER (WHERE role = 'assistant'::varchar), max(timestamp)) AS last,
        count(*) FILTER (WHERE role = 'assistant'::varchar) AS times,
        bool_or(role = 'user'::varchar) AS is_answered
    FROM all_messages
    WHERE true /* conditions */ AND question_ref IS NOT NULL
    GROUP BY author_id, shortcode, question_ref
),
placed AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY author_id ORDER BY first, last) AS place,
        row_number() OVER (PARTITION BY author_id ORDER BY last DESC, first DESC) AS place_from_last
    FROM met
)
SELECT
    shortcode,
    question_ref AS question,
    count(*) AS people,
    count(*) FILTER (WHERE is_answered) AS answered,
    sum(times)::bigint AS asked,
    count(*) FILTER (WHERE times > 1) AS repeated,
    count(*) FILTER (WHERE place_from_last = 1) AS ended,
    count(*) FILTER (WHERE place_from_last = 1 AND NOT is_answered) AS dropped
FROM placed
GROUP BY shortcode, question_ref
ORDER BY percentile_disc(0.5) WITHIN GROUP (ORDER BY place), count(*) DESC, shortcode, question_ref
LIMIT $1::int;

-- name: find_channel_names
-- What channels ($2) of platforms ($1) are called.
SELECT wanted.platform, wanted.channel, coalesce(conversations.title, channel_parents.name) AS name
FROM unnest($1::varchar[], $2::varchar[]) AS wanted (platform, channel)
LEFT JOIN conversations ON conversations.id = conversation_key(wanted.platform, wanted.channel, wanted.channel)
LEFT JOIN channel_parents ON channel_parents.platform = wanted.platform AND channel_parents.channel = wanted.channel;

-- name: uncounted_days
-- Of how many days before $2, from $1 on, people are not counted yet.
SELECT count(DISTINCT day) FROM figure_closings WHERE NOT is_counted AND day >= $1::date AND day < $2::date;

-- name: live_minutes
-- What workers saw by the minute since $1: messages, who spoke in five minutes, answers by bucket.
SELECT minute, worker, messages, people, responses, is_whole
FROM (SELECT *, minute AS timestamp FROM live_figures WHERE minute >= $1::timestamptz) AS lately
WHERE true /* conditions */
ORDER BY minute;
