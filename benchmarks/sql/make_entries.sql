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
$function$
