-- Sessions of assistants and their turns, as whoever logged them reads them back: app/turns.

-- name: find_turns
-- The turns of the session $1 after a place ($2, $3), or from the beginning; the newest first where $4 says so, at most
-- $5. A turn is an answer with the question that it answers, or a question that has no answer.
WITH said AS (
    SELECT id, timestamp, role, author_id, content, message_type, reply_to, response_ms, deleted, metadata
    FROM messages
    WHERE platform = 'assistant' AND conversation_id = $1::uuid AND deletion IS DISTINCT FROM 'hide'
),
turns AS (
    SELECT
        answer.id,
        answer.timestamp,
        question.id AS question_id,
        coalesce(question.content, '') AS user_message,
        answer.id AS answer_id,
        answer.content AS ai_response,
        answer.message_type AS response_type,
        answer.response_ms,
        coalesce(answer.author_id, question.author_id) AS author_id,
        least(answer.deleted, question.deleted) AS deleted,
        coalesce(answer.metadata, question.metadata) AS metadata
    FROM said AS answer
    LEFT JOIN said AS question ON question.role = 'user' AND question.id = answer.reply_to
    WHERE answer.role = 'assistant'
    UNION ALL
    SELECT id, timestamp, id, content, NULL, '', NULL, NULL, author_id, deleted, metadata
    FROM said AS question
    WHERE
        role = 'user'
        AND NOT EXISTS (
            SELECT
            FROM said AS answer
            WHERE answer.role = 'assistant' AND answer.reply_to = question.id
        )
)
SELECT *
FROM turns
WHERE
    $2::timestamptz IS NULL
    OR CASE WHEN $4::boolean THEN (timestamp, id) < ($2, $3::uuid) ELSE (timestamp, id) > ($2, $3::uuid) END
ORDER BY CASE WHEN $4 THEN timestamp END DESC, CASE WHEN $4 THEN id END DESC, timestamp, id
LIMIT $5;

-- name: find_session
-- A session and what its turns come to.
SELECT
    talk.id,
    talk.channel,
    talk.subject_id,
    session.started_at,
    session.last_activity,
    session.total_messages,
    session.metadata,
    sums.conversation_count,
    sums.avg_response_time
FROM conversations AS talk
INNER JOIN assistant.chat_sessions AS session ON session.id = talk.channel
CROSS JOIN LATERAL (
    WITH said AS (
        SELECT id, role, reply_to, response_ms
        FROM messages
        WHERE platform = 'assistant' AND conversation_id = talk.id AND deletion IS DISTINCT FROM 'hide'
    )
    SELECT
        count(*) FILTER (WHERE role = 'assistant') + count(*) FILTER (
            WHERE role = 'user' AND id NOT IN (SELECT reply_to FROM said WHERE role = 'assistant' AND reply_to IS NOT NULL)
        ) AS conversation_count,
        avg(response_ms) FILTER (WHERE role = 'assistant') AS avg_response_time
    FROM said
) AS sums
WHERE talk.id = $1::uuid;

-- name: find_sessions
-- The sessions that were last used, after a place ($4, $5): all of them where $1 says so, else those that are named in $2
-- or whose names begin with one of $3; of the person $6 alone, if given; at most $7.
SELECT
    talk.id,
    talk.channel,
    talk.subject_id,
    session.started_at,
    session.last_activity,
    session.total_messages,
    session.metadata,
    talk.last_at
FROM conversations AS talk
INNER JOIN assistant.chat_sessions AS session ON session.id = talk.channel
WHERE
    talk.platform = 'assistant'
    AND ($1::boolean OR talk.channel = ANY ($2::varchar[]) OR talk.channel ^@ ANY ($3::varchar[]))
    AND ($6::varchar IS NULL OR talk.subject_id = $6)
    AND (
        $4::timestamptz IS NULL
        OR (talk.last_day, talk.last_at, talk.id) < (($4 AT TIME ZONE 'UTC')::date, $4, $5::uuid)
    )
ORDER BY talk.last_day DESC, talk.last_at DESC, talk.id DESC
LIMIT $7;
