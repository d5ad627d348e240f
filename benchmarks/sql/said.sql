-- Invented messages of every platform, in six languages: made inside PostgreSQL, so that millions take minutes.

-- name: make_halves
-- Halves of sentences, of which any two of a language make one. Unlogged: they are dropped when all is said.
CREATE UNLOGGED TABLE said_halves (id integer PRIMARY KEY, half varchar NOT NULL);

-- name: add_halves
-- The halves of all languages in turn, from number 0.
INSERT INTO said_halves SELECT number - 1, half FROM unnest($1::varchar[]) WITH ORDINALITY AS given (half, number);

-- name: make_chance
-- A number from 0 to below `below` that is always the same for a number and a purpose.
CREATE FUNCTION said_chance(number bigint, purpose bigint, below bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (hashint8extended(number, purpose) & 9223372036854775807) % below;

-- name: make_said
-- The messages numbered `first` to `first + many - 1`, in the order of time. Half are of Messenger: of every thousand
-- numbers, 50 people who exchange ten messages each with a bot. The others are said in rooms, of which a few are large
-- (Twitch, Discord, VRChat), and in sessions of 20 messages with an assistant. Who says how much falls by rank, as words
-- do. `clinic` is in every tenth, `refund` in every hundredth, `zanzibar` in one of 100,000.
CREATE FUNCTION make_said(first bigint, many bigint, begins timestamptz, step_ms double precision, people bigint, halves bigint)
    RETURNS TABLE (
        number bigint, platform varchar, channel varchar, external_id varchar, "timestamp" timestamptz, role varchar,
        person varchar, content varchar, survey bigint, turn bigint
    )
    LANGUAGE sql STABLE
AS
$function$
WITH
    numbered AS (
        SELECT number, number / 1000 AS block, number % 1000 AS slot,
               -- Most is said in the evening.
               begins + interval '1 ms' * floor(number * step_ms - 14400000 * sin(2 * pi() * (number * step_ms / 86400000)))
                   AS at
        FROM generate_series(first, first + many - 1) AS number
    ),
    placed AS (
        SELECT *,
               CASE WHEN slot < 500 THEN 'messenger' WHEN slot < 750 THEN 'twitch' WHEN slot < 850 THEN 'discord'
                    WHEN slot < 900 THEN 'vrchat' ELSE 'assistant' END AS place,
               -- Of neighbours in time, few are of one person.
               (number * 617) % 1000 AS turned
        FROM (SELECT number, block, (slot * 617) % 1000 AS slot, at FROM numbered) AS mixed
    ),
    spoken AS (
        SELECT *,
               CASE place
                   WHEN 'messenger' THEN said_chance(block * 50 + slot % 50, 1, people)
                   WHEN 'assistant' THEN said_chance(block * 5 + slot % 5, 2, people)
                   ELSE floor(exp(said_chance(number, 3, 1000000) / 1000000.0 * ln(people)))::bigint
               END AS who,
               floor(exp(said_chance(number, 4, 1000000) / 1000000.0 * ln(40)))::bigint AS room,
               CASE place WHEN 'messenger' THEN slot / 50 WHEN 'assistant' THEN (slot - 900) / 5 ELSE 0 END AS turn
        FROM placed
    ),
    worded AS (
        SELECT *,
               CASE WHEN place IN ('messenger', 'assistant') THEN who ELSE room END % 6 AS language
        FROM spoken
    )
SELECT
    number, place,
    CASE place WHEN 'messenger' THEN '1057382649' || lpad((who % 20)::varchar, 5, '0') WHEN 'assistant' THEN 'shop'
        WHEN 'vrchat' THEN 'wrld_' || lpad(room::varchar, 6, '0') ELSE (700000000 + room * 7919)::varchar END,
    CASE place WHEN 'messenger' THEN '62' || lpad((who * 7777777777777 % 1000000000000000)::varchar, 15, '0')
        WHEN 'assistant' THEN 'session_' || block * 5 + slot % 5
        WHEN 'vrchat' THEN 'wrld_' || lpad(room::varchar, 6, '0') ELSE (700000000 + room * 7919)::varchar END,
    at,
    CASE WHEN place IN ('messenger', 'assistant') AND turn % 2 = 0 AND place = 'messenger' THEN 'assistant'
         WHEN place = 'assistant' AND turn % 2 = 1 THEN 'assistant' ELSE 'user' END,
    CASE place WHEN 'messenger' THEN '62' || lpad((who * 7777777777777 % 1000000000000000)::varchar, 15, '0')
        WHEN 'vrchat' THEN 'usr_' || who ELSE (20000000 + who)::varchar END,
    one.half || CASE WHEN language = 4 OR language = 5 THEN '' ELSE ' ' END || other.half
        || CASE WHEN said_chance(number, 7, 10) = 0 THEN ' clinic' ELSE '' END
        || CASE WHEN said_chance(number, 8, 100) = 0 THEN ' refund' ELSE '' END
        || CASE WHEN said_chance(number, 9, 100000) = 0 THEN ' zanzibar' ELSE '' END,
    CASE WHEN who % 10 < 2 THEN 0 WHEN who % 10 < 8 THEN 1 + who / 10 % 30 ELSE 31 + who / 10 % 200 END,
    turn
FROM worded
JOIN said_halves AS one ON one.id = said_chance(number, 5, halves / 6) * 6 + language
JOIN said_halves AS other ON other.id = said_chance(number, 6, halves / 6) * 6 + language
$function$;

-- name: say
-- Store the messages from a number on: those of Messenger, those of all others with their conversations and sums.
WITH made AS MATERIALIZED (SELECT * FROM make_said($1, $2, $3, $4, $5, $6)),
entries AS (
    INSERT INTO chat_log (
        userid, pageid, timestamp, direction, content, question_ref, shortcode, surveyid, message_type, metadata
    )
    SELECT external_id, channel, timestamp, CASE role WHEN 'assistant' THEN 'bot' ELSE role END, content,
           'question_' || turn / 2, 'form_' || survey,
           ('5a1d0000-0000-4000-8000-' || lpad(survey::varchar, 12, '0'))::uuid, 'text',
           jsonb_build_object('form', 'form_' || survey, 'pageid', channel)
    FROM made WHERE platform = 'messenger' ORDER BY external_id, timestamp
    ON CONFLICT DO NOTHING
),
others AS (
    SELECT *, conversation_key(platform, channel, external_id) AS conversation_id FROM made WHERE platform <> 'messenger'
),
kept AS (
    INSERT INTO messages (
        platform, id, timestamp, conversation_id, channel, role, author_id, content, message_type, response_ms, metadata
    )
    SELECT platform, message_id_at(message_source(platform, 'said ' || number), timestamp), timestamp, conversation_id,
           channel, role, CASE role WHEN 'user' THEN person END, content, 'text',
           CASE role WHEN 'assistant' THEN 300 + said_chance(number, 10, 4000) END, '{}'
    FROM others
    ON CONFLICT DO NOTHING
),
counted AS (
    INSERT INTO message_day_deltas (platform, channel, day, role, messages, weight, mirrors, response_ms, responses)
    SELECT platform, channel, (timestamp AT TIME ZONE 'UTC')::date, role, count(*), count(*), 0,
           sum(CASE role WHEN 'assistant' THEN 300 + said_chance(number, 10, 4000) END),
           count(*) FILTER (WHERE role = 'assistant')
    FROM others GROUP BY 1, 2, 3, 4
)
INSERT INTO conversations AS known (id, platform, channel, external_id, kind, subject_id, started, last_at, captured)
SELECT conversation_id, platform, channel, external_id, CASE platform WHEN 'assistant' THEN 'session' ELSE 'channel' END,
       CASE platform WHEN 'assistant' THEN min(person) END, min(timestamp), max(timestamp),
       CASE platform WHEN 'assistant' THEN count(*) END
FROM others GROUP BY conversation_id, platform, channel, external_id ORDER BY conversation_id
ON CONFLICT (id) DO UPDATE SET started = least(known.started, excluded.started),
    last_at = greatest(known.last_at, excluded.last_at), captured = known.captured + excluded.captured;

-- name: name_people
-- Names for those who speak on a platform with names.
INSERT INTO people (platform, person_id, name, named)
SELECT platform, CASE platform WHEN 'vrchat' THEN 'usr_' || who ELSE (20000000 + who)::varchar END,
       (ARRAY['Amina', 'Juma', 'Layla', 'Omar', 'Priya', 'Arjun', 'Mei', 'Wei', 'Somchai', 'Grace'])[1 + who % 10] || '_' || who,
       now()
FROM unnest(ARRAY['twitch', 'discord', 'vrchat', 'assistant']) AS platform CROSS JOIN generate_series(0, $1::bigint) AS who
ON CONFLICT DO NOTHING;

-- name: own_surveys
-- The surveys of the messages of Messenger, as those of an owner.
WITH owner AS (
    INSERT INTO users (email) VALUES ($1::varchar) ON CONFLICT (email) DO UPDATE SET email = excluded.email RETURNING id
)
INSERT INTO surveys (id, userid, survey_name, shortcode, title, created)
SELECT ('5a1d0000-0000-4000-8000-' || lpad(survey::varchar, 12, '0'))::uuid, owner.id,
       CASE WHEN survey = 0 THEN 'Health of all' WHEN survey <= 30 THEN 'District ' || survey ELSE 'Pilot ' || survey - 30 END,
       'form_' || survey, 'form_' || survey, 'epoch'
FROM owner CROSS JOIN generate_series(0, 230) AS survey
ON CONFLICT (id) DO NOTHING;

-- name: drop_chance
-- What was made to make them goes.
DROP FUNCTION said_chance(bigint, bigint, bigint);

-- name: drop_said
-- The same of the messages.
DROP FUNCTION make_said(bigint, bigint, timestamptz, double precision, bigint, bigint);

-- name: drop_halves
-- The same of the halves.
DROP TABLE said_halves;

-- name: pieces_of_this_month
-- The indexes of words of this month's chat_log.
SELECT indexrelid::regclass::text FROM pg_index
WHERE indrelid = to_regclass('chat_log_' || to_char(now(), 'YYYY_MM')) AND pg_get_expr(indexprs, indrelid) LIKE '%fts(%';

-- name: batch
-- A batch of new messages of now, as the sink sends it, from a number on.
SELECT jsonb_agg(
    jsonb_build_object(
        'userid', 'new ' || (number * 7919) % 20000, 'pageid', '105738264900001',
        'timestamp', (extract(epoch FROM now()) * 1000)::bigint - 100000 + number, 'direction', 'user',
        'content', 'We went to the market road clinic on day ' || number, 'question_ref', 'question_1',
        'shortcode', 'form_0', 'surveyid', '5a1d0000-0000-4000-8000-000000000000', 'message_type', 'text',
        'raw_payload', jsonb_build_object('sender', 'new', 'message', jsonb_build_object('mid', 'm_' || number)),
        'metadata', jsonb_build_object('form', 'form_0', 'pageid', '105738264900001')
    ) ORDER BY 'new ' || (number * 7919) % 20000, number
)::text
FROM generate_series($1::bigint, $1 + $2::bigint - 1) AS number;

-- name: count_said
-- Count what `say` wrote to messages, as persist counts what it writes.
INSERT INTO message_day_deltas (
    platform, channel, day, hour, role, bucket, messages, weight, squares, mirrors, response_ms, responses
)
SELECT
    platform,
    figure_channel(platform, channel),
    (timestamp AT TIME ZONE 'UTC')::date,
    extract(hour FROM timestamp AT TIME ZONE 'UTC'),
    role,
    response_bucket(response_ms),
    count(*),
    sum(weight::double precision),
    sum(weight::double precision * weight),
    0,
    sum(response_ms),
    count(response_ms)
FROM messages
GROUP BY 1, 2, 3, 4, 5, 6;
