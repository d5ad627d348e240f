-- Conversations as people read them: app/conversations. What is read of all_messages is put together in
-- sinks/postgres/said.py, by what the caller may read.

-- name: plan_each_time
-- Which index is best depends on what is asked for, and compiling never pays.
SET LOCAL plan_cache_mode = force_custom_plan;
SET LOCAL jit = off;

-- name: find_conversations
-- Conversations by their ids ($1), with names. Times that no calendar has are its first or its last.
SELECT
    talk.id, talk.platform, talk.channel, coalesce(room.title, thread.name) AS channel_name, talk.external_id, talk.kind,
    talk.subject_id, people.name AS subject_name, talk.title, talk.captured, talk.archived,
    least(greatest(talk.started, '0001-01-02Z'), '9999-12-30Z') AS started,
    least(greatest(talk.last_at, '0001-01-02Z'), '9999-12-30Z') AS last_at
FROM conversations AS talk
LEFT JOIN conversations AS room
    ON room.platform = talk.platform AND room.channel = talk.channel AND room.external_id = talk.channel
LEFT JOIN channel_parents AS thread ON thread.platform = talk.platform AND thread.channel = talk.channel
LEFT JOIN people ON people.platform = talk.platform AND people.person_id = talk.subject_id
WHERE talk.id = ANY ($1::uuid[]);

-- name: find_of_lead
-- The conversation with a lead ($1), by the application's own id of it.
SELECT conversation_id FROM crm."Lead" WHERE id = $1 AND conversation_id IS NOT NULL;

-- name: find_platforms
-- The platforms that have conversations, and whether any of them is no room of many; of threads, whether the tenant $1
-- has any. Index jumps, not a scan.
WITH RECURSIVE known AS (
    SELECT min(platform) AS platform FROM conversations
    UNION ALL
    SELECT (SELECT min(conversations.platform) FROM conversations WHERE conversations.platform > known.platform)
    FROM known
    WHERE known.platform IS NOT NULL
)
SELECT
    platform,
    EXISTS (
        SELECT FROM conversations
        WHERE conversations.platform = known.platform AND kind <> 'channel'
            AND (known.platform <> 'threads' OR channel = $1::varchar)
    ) AS has_others
FROM known
WHERE platform IS NOT NULL;

-- name: find_rooms
-- The rooms of a platform ($1), or the one that is a channel of it ($2), in which something may have been said in a time.
SELECT id, channel
FROM conversations
WHERE platform = $1 AND kind = 'channel' AND (channel = $2::varchar OR $2 IS NULL)
    AND started < $4 AND last_at >= $3::timestamptz - interval '2 minutes';

-- name: find_names
-- What people ($2) of a platform are called.
SELECT person_id, name FROM people WHERE platform = $1 AND person_id = ANY ($2::varchar[]) AND name IS NOT NULL;

-- name: count_versions
-- How many texts messages had, by source.
SELECT source, count(*) AS versions
FROM message_versions
WHERE source = ANY ($1::uuid[]) AND kind <> 'deletion'
GROUP BY source;

-- name: find_versions
-- The texts that a message had ($1: its source), and when it was taken back.
SELECT kind, changed, content, message_type, changed_by, reason, deletion
FROM message_versions
WHERE source = $1
ORDER BY changed, kind <> 'first', kind;

-- name: find_feedback
-- What people think of messages ($1: their sources); whose opinion it is, as of a message of theirs.
SELECT refers_to, value, given, label, comment, platform, author_id, 'user'::varchar AS role
FROM message_feedback
WHERE refers_to = ANY ($1::uuid[])
ORDER BY given, source;

-- name: count_feedback
-- How many opinions there are of messages ($1: their sources), and since when: what changes when one comes, changes or goes.
SELECT refers_to, count(*) AS opinions, max(given) AS given
FROM message_feedback
WHERE refers_to = ANY ($1::uuid[])
GROUP BY refers_to;

-- name: find_name
-- What somebody is called, and when they were last seen so.
SELECT name, named FROM people WHERE platform = $1 AND person_id = $2;

-- name: find_stays
-- When somebody was in which channels, the latest first.
SELECT platform, channel, joined, last_at, left_at, messages, told
FROM stays
WHERE platform = $1 AND person_id = $2
ORDER BY joined DESC, channel, told
LIMIT $3;

-- name: count_captured
-- How many messages of a conversation are stored; NULL of a room.
SELECT captured FROM conversations WHERE id = $1;
