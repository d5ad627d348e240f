-- Surveys, with whom they are shared, and whose page is whose: all of them for whoever stores entries, and those that
-- the caller may see for the API and its pages.

-- name: read_pages
-- Which owner has which page. These columns and no others: `details` holds secrets, and nobody of ours may
-- read it.
SELECT facebook_page_id AS id, userid::varchar AS owner
FROM credentials
WHERE entity = 'facebook_page' AND facebook_page_id IS NOT NULL;

-- name: read_surveys
-- Every survey, without its form. What was made at no time, or at an infinite one, cannot be compared.
SELECT
    id::varchar AS id,
    userid::varchar AS owner,
    shortcode,
    round(extract(epoch FROM created) * 1000000)::bigint AS created_us
FROM surveys
WHERE userid IS NOT NULL AND shortcode IS NOT NULL AND isfinite(created);

-- name: find_surveys
-- Some of the surveys that are the caller's or shared with them, the newest first: the versions and translations of a
-- survey share its owner and name, and its title is that of the newest. With $2 in their name or a shortcode; of the
-- names $3, unless it is NULL; what follows the place ($4, $5, $6) in that order, unless $4 is NULL. $7 at most, after
-- leaving out $8.
WITH reachable AS (
    SELECT id AS userid, owner_address(email) AS owner, NULL::varchar AS only_name
    FROM users
    WHERE owner_address(email) = owner_address($1)
    UNION ALL
    SELECT users.id, share.owner, share.survey_name
    FROM survey_shares AS share JOIN users ON owner_address(users.email) = share.owner
    WHERE share.address = owner_address($1)
)
SELECT reachable.owner,
       surveys.survey_name,
       (array_agg(surveys.title ORDER BY surveys.created DESC))[1] AS title,
       array_agg(DISTINCT surveys.shortcode ORDER BY surveys.shortcode) AS shortcodes,
       min(surveys.created) AS created,
       count(*) AS versions,
       array_agg(surveys.id) AS ids,
       ARRAY(
           SELECT share.address
           FROM survey_shares AS share
           WHERE share.owner = reachable.owner AND share.survey_name = surveys.survey_name
           ORDER BY share.shared, share.address
       ) AS shared_with
FROM reachable
JOIN surveys
    ON surveys.userid = reachable.userid
   AND (reachable.only_name IS NULL OR surveys.survey_name = reachable.only_name)
WHERE surveys.survey_name IS NOT NULL AND ($3::varchar[] IS NULL OR surveys.survey_name = ANY ($3))
GROUP BY reachable.owner, surveys.survey_name
HAVING bool_or(strpos(lower(concat_ws(E'\n', surveys.survey_name, surveys.shortcode)), lower($2::varchar)) > 0)
   AND ($4::timestamptz IS NULL OR min(surveys.created) < $4
        OR (min(surveys.created) = $4 AND (surveys.survey_name, reachable.owner) > ($5::varchar, $6::varchar)))
ORDER BY min(surveys.created) DESC, surveys.survey_name, reachable.owner
LIMIT $7 OFFSET $8;

-- name: count_surveys
-- How many surveys that are the caller's or shared with them have $2 in their name or a shortcode (every one has the
-- empty text), of the names $3, unless it is NULL.
WITH reachable AS (
    SELECT id AS userid, owner_address(email) AS owner, NULL::varchar AS only_name
    FROM users
    WHERE owner_address(email) = owner_address($1)
    UNION ALL
    SELECT users.id, share.owner, share.survey_name
    FROM survey_shares AS share JOIN users ON owner_address(users.email) = share.owner
    WHERE share.address = owner_address($1)
)
SELECT count(DISTINCT (reachable.owner, surveys.survey_name))
FROM reachable
JOIN surveys
    ON surveys.userid = reachable.userid
   AND (reachable.only_name IS NULL OR surveys.survey_name = reachable.only_name)
WHERE ($3::varchar[] IS NULL OR surveys.survey_name = ANY ($3))
  AND strpos(lower(concat_ws(E'\n', surveys.survey_name, surveys.shortcode)), lower($2::varchar)) > 0;

-- name: find_surveys_of
-- The surveys of the owner $1, or of all unless it is given, by the name $2, or by any. Whoever asks has to be asked
-- whether they may see each.
WITH owners AS (
    SELECT id AS userid, owner_address(email) AS owner
    FROM users
    WHERE $1::varchar IS NULL OR owner_address(email) = owner_address($1)
)
SELECT owners.owner,
       surveys.survey_name,
       (array_agg(surveys.title ORDER BY surveys.created DESC))[1] AS title,
       array_agg(DISTINCT surveys.shortcode ORDER BY surveys.shortcode) AS shortcodes,
       min(surveys.created) AS created,
       count(*) AS versions,
       array_agg(surveys.id) AS ids,
       ARRAY(
           SELECT share.address
           FROM survey_shares AS share
           WHERE share.owner = owners.owner AND share.survey_name = surveys.survey_name
           ORDER BY share.shared, share.address
       ) AS shared_with
FROM owners JOIN surveys ON surveys.userid = owners.userid
WHERE surveys.survey_name IS NOT NULL AND ($2::varchar IS NULL OR surveys.survey_name = $2)
GROUP BY owners.owner, surveys.survey_name
ORDER BY owners.owner, min(surveys.created) DESC, surveys.survey_name;

-- name: find_shares
-- With whom the survey $2 of the owner $1 is shared, the first one first.
SELECT address, shared_by, shared
FROM survey_shares
WHERE owner = owner_address($1) AND survey_name = $2
ORDER BY shared, address;

-- name: share_survey
-- Share the survey $2 of the owner $1 with $3, as $4 wants. Shared already, it stays as it was.
INSERT INTO survey_shares (owner, survey_name, address, shared_by)
VALUES (owner_address($1), $2, owner_address($3), owner_address($4))
ON CONFLICT DO NOTHING;

-- name: unshare_survey
-- Share it no longer.
DELETE FROM survey_shares
WHERE owner = owner_address($1) AND survey_name = $2 AND address = owner_address($3);

-- name: count_survey_rows
-- How much there is of each of these surveys, by owners $1 and names $2: messages from the sums of days, and what is not
-- yet in them, which stay when what was said has gone.
WITH wanted AS (
    SELECT owner, survey_name FROM unnest($1::varchar[], $2::varchar[]) AS named (owner, survey_name)
),
owners AS (
    SELECT users.id, owner_address(users.email) AS owner
    FROM users
    WHERE owner_address(users.email) IN (SELECT owner FROM wanted)
),
named AS (
    SELECT wanted.owner, wanted.survey_name,
           array_agg(surveys.id) AS ids,
           array_agg(DISTINCT surveys.shortcode) AS shortcodes
    FROM wanted
    JOIN owners ON owners.owner = wanted.owner
    JOIN surveys ON surveys.userid = owners.id AND surveys.survey_name = wanted.survey_name
    GROUP BY wanted.owner, wanted.survey_name
),
pages AS (
    SELECT owners.owner, array_agg(credentials.facebook_page_id) AS ids
    FROM owners JOIN credentials ON credentials.userid = owners.id
    WHERE credentials.entity = 'facebook_page'
    GROUP BY owners.owner
)
SELECT named.owner,
       named.survey_name,
       (SELECT coalesce(sum(messages), 0) FROM figure_days WHERE surveyid = ANY (named.ids))::bigint + (
           SELECT coalesce(sum(messages), 0) FROM message_day_deltas WHERE surveyid = ANY (named.ids)
       )::bigint + (
           -- As the export reads them: of a page of the owner's, since others may use the same shortcode.
           SELECT count(*)
           FROM chat_log
           WHERE surveyid IS NULL AND shortcode = ANY (named.shortcodes) AND pageid = ANY (pages.ids)
       ) AS chat_log,
       (SELECT count(*) FROM responses WHERE surveyid = ANY (named.ids)) AS responses
FROM named LEFT JOIN pages ON pages.owner = named.owner;

-- name: count_days_of_survey
-- How many messages the surveys $1 (the versions of one) had on each UTC day, from the sums and what is not yet in them.
-- Python has no day before or after these.
SELECT day, sum(messages)::bigint AS messages
FROM (
    SELECT day, messages FROM figure_days WHERE surveyid = ANY ($1::uuid[])
    UNION ALL
    SELECT day, messages FROM message_day_deltas WHERE surveyid = ANY ($1::uuid[])
) AS days
WHERE day BETWEEN '0001-01-02' AND '9999-12-30'
GROUP BY day
HAVING sum(messages) > 0
ORDER BY day;

-- name: count_people_of_survey
-- How many people the surveys $1 had: from one to the next in the index, so that it takes as long as there are people,
-- however much each said.
WITH RECURSIVE people AS (
    SELECT survey.id AS surveyid, (
        SELECT min(userid) FROM chat_log WHERE surveyid = survey.id
    ) AS userid
    FROM unnest($1::uuid[]) AS survey (id)
    UNION ALL
    SELECT people.surveyid, (
        SELECT min(next.userid) FROM chat_log AS next
        WHERE next.surveyid = people.surveyid AND next.userid > people.userid
    )
    FROM people
    WHERE people.userid IS NOT NULL
)
SELECT count(DISTINCT userid) FROM people WHERE userid IS NOT NULL;

-- name: find_answers
-- Answers to the surveys $1, the newest first: to the question $2, by the person $3, from $4 until $5, each unless NULL,
-- and after the place ($6, $7, $8) in that order, unless it is NULL. $9 at most.
SELECT userid, timestamp, question_ref, question_idx, question_text, response, translated_response, shortcode, pageid
FROM responses
WHERE surveyid = ANY ($1::uuid[])
  AND ($2::varchar IS NULL OR question_ref = $2)
  AND ($3::varchar IS NULL OR userid = $3)
  AND ($4::timestamptz IS NULL OR timestamp >= $4)
  AND ($5::timestamptz IS NULL OR timestamp < $5)
  AND ($6::timestamptz IS NULL OR (timestamp, userid, question_ref) < ($6, $7::varchar, $8::varchar))
  AND isfinite(timestamp)
ORDER BY timestamp DESC, userid DESC, question_ref DESC
LIMIT $9;

-- name: find_asked_questions
-- The questions of the surveys $1 that somebody answered, in their order, with the text that the last one was asked by.
SELECT question_ref, (array_agg(question_text ORDER BY timestamp DESC))[1] AS text, count(*) AS answers
FROM responses
WHERE surveyid = ANY ($1::uuid[])
GROUP BY question_ref
ORDER BY min(question_idx), question_ref;
