-- What a caller may read of what was said, and who read it.

-- name: find_surveyids
-- The ids of all versions of the surveys that are the caller's ($1) or shared with them, or of all where $1 is NULL; with
-- the names and the owners' addresses.
WITH reachable AS (
    SELECT id AS userid, owner_address(email) AS owner, NULL::varchar AS only_name
    FROM users
    WHERE $1::varchar IS NULL OR owner_address(email) = owner_address($1)
    UNION ALL
    SELECT users.id, share.owner, share.survey_name
    FROM survey_shares AS share JOIN users ON owner_address(users.email) = share.owner
    WHERE share.address = owner_address($1)
)
SELECT DISTINCT surveys.id::varchar AS id, surveys.survey_name, reachable.owner
FROM reachable
JOIN surveys
    ON surveys.userid = reachable.userid
   AND (reachable.only_name IS NULL OR surveys.survey_name = reachable.only_name)
WHERE surveys.survey_name IS NOT NULL;

-- name: insert_access
-- Note who reads what, before it is shown.
INSERT INTO access_log (who, tenant, roles, action, route, subject, address, user_agent)
SELECT who, tenant, ARRAY(SELECT jsonb_array_elements_text(roles)), action, route, subject, address, user_agent
FROM jsonb_to_recordset($1::jsonb) AS (
    who varchar,
    tenant varchar,
    roles jsonb,
    action varchar,
    route varchar,
    subject jsonb,
    address varchar,
    user_agent varchar
);

-- name: find_unsent
-- What anybody took back on Messenger: whose, the platform's id, and since when. An index has nothing but these rows.
SELECT userid, mid, least(greatest(min(timestamp), '1970-01-01Z'), '9999-12-30Z') AS since
FROM (
    SELECT userid, timestamp, coalesce(raw_payload #>> '{message,mid}', raw_payload #>> '{message_unsend,mid}') AS mid
    FROM chat_log
    WHERE message_type = 'unsent'
) AS unsent
WHERE mid IS NOT NULL
GROUP BY userid, mid;

-- name: find_unsent_of
-- The same of these people ($1).
SELECT userid, mid, least(greatest(min(timestamp), '1970-01-01Z'), '9999-12-30Z') AS since
FROM (
    SELECT userid, timestamp, coalesce(raw_payload #>> '{message,mid}', raw_payload #>> '{message_unsend,mid}') AS mid
    FROM chat_log
    WHERE message_type = 'unsent' AND userid = ANY ($1::varchar[])
) AS unsent
WHERE mid IS NOT NULL
GROUP BY userid, mid;

-- name: plan_accesses
-- Which index is best depends on what is asked for.
SET LOCAL plan_cache_mode = force_custom_plan;
SET LOCAL jit = off;

-- name: find_accesses
-- Who read what, the latest first, after a place ($7, $8); of those that are narrowed, by what the subject says ($9 to
-- $11). What is not given is NULL.
SELECT id, at, who, roles, action, route, subject, address, user_agent
FROM access_log
WHERE tenant = $1
    AND ($2::varchar IS NULL OR who = $2)
    AND ($3::varchar IS NULL OR action = $3)
    AND ($4::timestamptz IS NULL OR at >= $4)
    AND ($5::timestamptz IS NULL OR at < $5)
    AND ($6::jsonb[] IS NULL OR subject @> ANY ($6))
    AND ($7::timestamptz IS NULL OR (at, id) < ($7, $8::bigint))
    AND (
        $9::varchar[] IS NULL
        OR subject ->> 'platform' = ANY ($9)
        OR (subject ->> 'platform') || '/' || (subject ->> 'channel') = ANY ($10::varchar[])
        OR subject ->> 'survey' = ANY ($11::varchar[])
    )
ORDER BY at DESC, id DESC
LIMIT $12;
