-- What `chatlog up` asks and adds of its own: the samples that it plays, whether they arrived, and the people in them.

-- name: find_played_messages
-- What was said by and to some people between two times, in order.
SELECT userid, timestamp, direction, content, message_type
FROM chat_log
WHERE userid = ANY ($1::varchar[]) AND timestamp BETWEEN $2 AND $3
ORDER BY timestamp, direction;

-- name: find_played_room_messages
-- Messages of a platform by their ids, in order, each with what its author is called.
SELECT
    messages.id, messages.timestamp, messages.channel, messages.role, messages.author_id, people.name AS author_name,
    messages.content, messages.message_type, messages.response_ms, messages.edited, messages.deleted
FROM messages
LEFT JOIN people ON people.platform = messages.platform AND people.person_id = messages.author_id
WHERE messages.platform = $1 AND messages.id = ANY ($2::uuid[])
ORDER BY messages.timestamp, messages.id;

-- name: find_played_dead_letters
-- Why records that were played became dead letters: a row each, of those at the places ($1, $2, $3).
SELECT dead.reason
FROM dead_letters AS dead
JOIN unnest($1::varchar[], $2::int[], $3::bigint[]) AS played (topic, partition, "offset")
    ON dead.topic = played.topic AND dead.partition = played.partition AND dead."offset" = played."offset";

-- name: count_messages_of_forms
-- The messages of some forms and pages. By these and not by surveyid as an export reads them, so that the two are
-- independent.
SELECT count(*) FROM chat_log WHERE shortcode = ANY ($1) AND pageid = ANY ($2);

-- name: count_responses_of_forms
-- The answers to some forms on some pages, by these and not by surveyid as an export reads them.
SELECT count(*) FROM responses WHERE shortcode = ANY ($1) AND pageid = ANY ($2);

-- name: add_owner
-- An owner, unless there already.
INSERT INTO users (id, email) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: add_page
-- An owner's page, unless there already: no constraint keeps it from being there twice.
INSERT INTO credentials (userid, entity, key, facebook_page_id)
SELECT $1::uuid, 'facebook_page', $3::varchar, $2::varchar
WHERE NOT EXISTS (SELECT FROM credentials WHERE userid = $1::uuid AND facebook_page_id = $2::varchar);

-- name: add_form
-- A version or translation of an owner's survey, unless there already.
INSERT INTO surveys (id, userid, shortcode, title, survey_name, created)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING;

-- name: add_response
-- An answer, unless there already.
INSERT INTO responses (
    parent_shortcode, surveyid, shortcode, flowid, userid, question_ref, question_idx, question_text,
    response, seed, timestamp, metadata, pageid, translated_response
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::jsonb, $13, $14)
ON CONFLICT DO NOTHING;
