-- How bots stand with people: written by sinks/postgres/bot_states.py, read by app/bot_states.

-- name: insert_bot_states
-- Keep states, given as one JSON array sorted by person and time, and leave alone those that are there already.
INSERT INTO bot_state_changes (
    userid, updated, pageid, state, question, shortcode, surveyid, answers, retries, problem, waits_for, begun
)
SELECT
    told.userid,
    'epoch'::timestamptz + told.updated / 1000 * interval '1 second' + told.updated % 1000 * interval '1 millisecond',
    told.pageid, told.state, told.question, told.shortcode, told.surveyid, told.answers, told.retries, told.problem,
    told.waits_for,
    'epoch'::timestamptz + told.begun / 1000 * interval '1 second' + told.begun % 1000 * interval '1 millisecond'
FROM jsonb_to_recordset($1::jsonb) AS told (
    userid varchar, updated bigint, pageid varchar, state varchar, question varchar, shortcode varchar, surveyid uuid,
    answers integer, retries integer, problem varchar, waits_for varchar, begun bigint
)
ON CONFLICT (userid, updated) DO NOTHING;

-- name: bring_bot_states_up_to_date
-- Have bot_states say how the bot stands with each of the people $1, sorted, by all that is known of them: the same
-- whatever came when.
INSERT INTO bot_states AS known (
    userid, since, updated, pageid, state, question, shortcode, surveyid, answers, retries, problem, waits_for
)
SELECT
    newest.userid, began.since, newest.updated, newest.pageid, newest.state, newest.question, newest.shortcode,
    newest.surveyid, newest.answers, newest.retries, newest.problem, newest.waits_for
FROM unnest($1::varchar[]) AS person (userid)
CROSS JOIN LATERAL (
    SELECT *
    FROM bot_state_changes AS change
    WHERE change.userid = person.userid
    ORDER BY change.updated DESC
    LIMIT 1
) AS newest
CROSS JOIN LATERAL (
    SELECT min(change.updated) AS since
    FROM bot_state_changes AS change
    WHERE change.userid = newest.userid AND change.updated > coalesce((
        SELECT other.updated
        FROM bot_state_changes AS other
        WHERE other.userid = newest.userid AND other.state IS DISTINCT FROM newest.state
        ORDER BY other.updated DESC
        LIMIT 1
    ), '-infinity')
) AS began
ORDER BY newest.userid
ON CONFLICT (userid) DO UPDATE SET
    since = excluded.since,
    updated = excluded.updated,
    pageid = excluded.pageid,
    state = excluded.state,
    question = excluded.question,
    shortcode = excluded.shortcode,
    surveyid = excluded.surveyid,
    answers = excluded.answers,
    retries = excluded.retries,
    problem = excluded.problem,
    waits_for = excluded.waits_for
WHERE (known.since, known.updated) IS DISTINCT FROM (excluded.since, excluded.updated);

-- name: find_bot_state_changes
-- How the bot of the page $2 stood with the person $1 from $3 until $4, in order, and how it stood at $3; of the surveys
-- $5, or of any (NULL). The newest $6 of them. A state that tells no page is of the person's one: a page has its own ids.
(
    SELECT updated, state, question, shortcode, answers, retries, problem, waits_for, begun
    FROM bot_state_changes
    WHERE userid = $1 AND updated < $3::timestamptz AND ($2::varchar = '' OR coalesce(pageid, $2) = $2)
        AND ($5::uuid[] IS NULL OR surveyid = ANY ($5::uuid[]))
    ORDER BY updated DESC
    LIMIT 1
)
UNION ALL
(
    SELECT updated, state, question, shortcode, answers, retries, problem, waits_for, begun
    FROM bot_state_changes
    WHERE userid = $1 AND updated >= $3::timestamptz AND updated <= $4::timestamptz
        AND ($2::varchar = '' OR coalesce(pageid, $2) = $2)
        AND ($5::uuid[] IS NULL OR surveyid = ANY ($5::uuid[]))
    ORDER BY updated DESC
    LIMIT $6
)
ORDER BY updated;

-- name: find_asked
-- What was said between the person $1 and the page $2 from $3 until $4, of the surveys $5 or of any (NULL), as far as it
-- tells why a question came again: who spoke, at which question, and what the bot noted beside its message. The newest
-- $6, the newest first.
SELECT
    chat_log_id(userid, timestamp, direction) AS id,
    timestamp,
    direction,
    question_ref,
    shortcode,
    CASE WHEN direction = 'bot' THEN raw_payload #>> '{message,metadata}' END AS note
FROM chat_log
WHERE userid = $1 AND coalesce(pageid, '') = $2 AND timestamp >= $3::timestamptz AND timestamp <= $4::timestamptz
    AND message_type IS DISTINCT FROM 'unsent' AND ($5::uuid[] IS NULL OR surveyid = ANY ($5::uuid[]))
ORDER BY timestamp DESC, direction DESC
LIMIT $6;

-- name: find_unanswered
-- Sessions of assistants whose last message is a question from before $1, the newest first, $2 at most; of the 2,000
-- sessions of the last week that were active last, of those whose names are among $3 or begin as one of $4 (null for all).
SELECT session.id, session.channel, session.subject_id, said.timestamp
FROM (
    SELECT id, channel, subject_id
    FROM conversations
    WHERE platform = 'assistant' AND last_day >= (now() AT TIME ZONE 'UTC')::date - 7
        AND ($3::varchar[] IS NULL OR channel = ANY ($3::varchar[]) OR channel ^@ ANY ($4::varchar[]))
    ORDER BY last_day DESC, last_at DESC
    LIMIT 2000
) AS session
CROSS JOIN LATERAL (
    SELECT role, timestamp
    FROM messages
    WHERE platform = 'assistant' AND conversation_id = session.id
    ORDER BY timestamp DESC
    LIMIT 1
) AS said
WHERE said.role = 'user' AND said.timestamp < $1::timestamptz
ORDER BY said.timestamp DESC
LIMIT $2;
