-- Invented entries: made, stored, and found again.

-- name: make_entries
-- Entries of invented conversations: those numbered `first` to `first + many - 1`, in the order of time. The same
-- number is always the same entry, so any of them can be made again.
--
-- Ordinary people talk in waves, a thousand at a time, ten messages each; when all have talked, the first come
-- again. So one person's messages lie far apart in the table, as they do when many talk at once. Every 50th entry
-- is of one of a few people who never stop. A fifth of the people are in one huge survey, a fifth in surveys of a
-- hundred people, the others in forty of the middle. Ten messages of a person share what the bot knew of them.
CREATE FUNCTION make_entries(
    first bigint, many bigint, begins_ms bigint, step_ms double precision, people bigint, talkers bigint
)
    RETURNS TABLE (
        userid varchar, pageid varchar, "timestamp" bigint, direction varchar, content varchar,
        question_ref varchar, shortcode varchar, surveyid uuid, message_type varchar,
        raw_payload jsonb, metadata jsonb
    )
    LANGUAGE sql
    STABLE
AS
$function$
WITH
    numbered AS (
        SELECT number, number % 50 = 49 AS talks_on, number - number / 50 AS ordinary
        FROM generate_series(first, first + many - 1) AS number
    ),
    spoken AS (
        SELECT
            begins_ms + (number * step_ms)::bigint AS at_ms,
            CASE WHEN talks_on THEN people + number / 50 % talkers
                 ELSE (ordinary / 10000 * 1000 + ordinary % 1000) % people END AS person,
            CASE WHEN talks_on THEN number / 50 / talkers ELSE ordinary % 10000 / 1000 END AS turn,
            CASE WHEN talks_on THEN number / 50 / talkers / 10 ELSE ordinary / 10000 END AS visit
        FROM numbered
    ),
    said AS (
        SELECT
            at_ms,
            -- Neighbours in time are not neighbours in the indexes: the factor is prime to 10^15.
            '62' || lpad((person * 7777777777777 % 1000000000000000)::text, 15, '0') AS who,
            '10573826491' || lpad((person % 20)::text, 4, '0') AS page,
            '5b5f0f0a-71f9-4c7f-a4b3-' || lpad((turn / 2)::text, 12, '0') AS question,
            turn % 2 = 0 AS asked,
            CASE
                WHEN person % 10 < 2 THEN 'huge'
                WHEN person % 10 < 8 THEN 'middle' || person / 10 % 40
                ELSE 'small' || person / 500
            END AS form,
            CASE
                WHEN turn % 2 = 0
                    THEN 'In the last seven days, did anyone in your house have a fever or a cough? 🤒 '
                         || 'Please count everyone who slept there on day ' || turn || '.'
                ELSE 'We went to the market road clinic on day ' || turn || ' 🙏🏾'
            END AS words,
            person,
            visit
        FROM spoken
    )
SELECT
    who,
    page,
    at_ms,
    CASE WHEN asked THEN 'bot' ELSE 'user' END,
    words,
    question,
    form,
    ('0c9d4d0e-6f0a-4c6e-a9f3-' || lpad((person % 40)::text, 12, '0'))::uuid,
    CASE WHEN asked THEN 'short_text' ELSE 'text' END,
    jsonb_build_object(
        'source', 'messenger',
        'sender', jsonb_build_object('id', CASE WHEN asked THEN page ELSE who END),
        'recipient', jsonb_build_object('id', CASE WHEN asked THEN who ELSE page END),
        'timestamp', at_ms,
        'message', jsonb_build_object('mid', 'm_' || who || at_ms, 'text', words, 'app_id', 847362514093827)
    ),
    jsonb_build_object(
        'form', form,
        'pageid', page,
        'startTime', 1700000000000 + visit * 100000 + person % 1000,
        'seed', (person * 7919 + visit * 104729) % 4294967296,
        'surveyid', '0c9d4d0e-6f0a-4c6e-a9f3-' || lpad((person % 40)::text, 12, '0')
    )
FROM said
$function$;

-- name: months
-- When so many months begin and end, this one being the last, in ms since 1970. The session speaks UTC.
SELECT
    (extract(epoch FROM this_month - make_interval(months => $1 - 1)) * 1000)::bigint,
    (extract(epoch FROM this_month + interval '1 month') * 1000)::bigint
FROM date_trunc('month', now()) AS this_month;

-- name: fill
-- Store made entries without a detour by the client.
INSERT INTO chat_log (
    userid, pageid, timestamp, direction, content, question_ref,
    shortcode, surveyid, message_type, raw_payload, metadata
)
SELECT
    userid, pageid, 'epoch'::timestamptz + timestamp * interval '1 millisecond', direction, content, question_ref,
    shortcode, surveyid, message_type, raw_payload, metadata
FROM make_entries($1, $2, $3, $4, $5, $6);

-- name: fill_export
-- Store made entries as those of one survey.
INSERT INTO chat_log (
    userid, pageid, timestamp, direction, content, question_ref,
    shortcode, surveyid, message_type, raw_payload, metadata
)
SELECT
    userid, pageid, 'epoch'::timestamptz + timestamp * interval '1 millisecond', direction, content, question_ref,
    shortcode, $7::uuid, message_type, raw_payload, metadata
FROM make_entries($1, $2, $3, $4, $5, $6);

-- name: survey_to_export
-- A survey of an owner; once.
WITH owner AS (
    INSERT INTO users (email) VALUES ($1::varchar) ON CONFLICT (email) DO UPDATE SET email = EXCLUDED.email RETURNING id
)
INSERT INTO surveys (id, userid, survey_name, shortcode, created)
SELECT $3::uuid, owner.id, $2::varchar, $2::varchar, 'epoch' FROM owner
ON CONFLICT (id) DO NOTHING;

-- name: batch
-- Made entries as the sink sends a batch: one JSON array, sorted by the primary key.
SELECT jsonb_agg(to_jsonb(entry) ORDER BY userid, timestamp, direction)::text
FROM make_entries($1, $2, $3, $4, $5, $6) AS entry;

-- name: place
-- Where made entries are: what a page that begins behind one of them is asked with.
SELECT
    number, userid, shortcode, direction,
    'epoch'::timestamptz + timestamp * interval '1 millisecond' AS timestamp
FROM unnest($1::bigint[]) AS number
CROSS JOIN LATERAL make_entries(number, 1, $2, $3, $4, $5);
