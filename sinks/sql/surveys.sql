-- Surveys and whose page is whose: all of them for whoever stores entries, and an owner's for its pages.

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
-- Some of the owner's surveys, the newest first: the versions and translations of a survey share its name, and its
-- title is that of the newest. Of one name, unless $2 is NULL; with $3 in their name or a shortcode; what follows the
-- place ($4, $5) in that order, unless $4 is NULL. $6 at most, after leaving out $7.
SELECT surveys.survey_name,
       (array_agg(surveys.title ORDER BY surveys.created DESC))[1] AS title,
       array_agg(DISTINCT surveys.shortcode ORDER BY surveys.shortcode) AS shortcodes,
       min(surveys.created) AS created,
       count(*) AS versions
FROM surveys JOIN users ON users.id = surveys.userid
WHERE owner_address(users.email) = owner_address($1) AND surveys.survey_name IS NOT NULL
  AND ($2::varchar IS NULL OR surveys.survey_name = $2)
GROUP BY surveys.survey_name
HAVING bool_or(strpos(lower(concat_ws(E'\n', surveys.survey_name, surveys.shortcode)), lower($3::varchar)) > 0)
   AND ($4::timestamptz IS NULL OR min(surveys.created) < $4
        OR (min(surveys.created) = $4 AND surveys.survey_name > $5::varchar))
ORDER BY min(surveys.created) DESC, surveys.survey_name
LIMIT $6 OFFSET $7;

-- name: count_surveys
-- How many surveys the owner has with $2 in their name or a shortcode; every one has the empty text.
SELECT count(DISTINCT surveys.survey_name)
FROM surveys JOIN users ON users.id = surveys.userid
WHERE owner_address(users.email) = owner_address($1)
  AND strpos(lower(concat_ws(E'\n', surveys.survey_name, surveys.shortcode)), lower($2::varchar)) > 0;

-- name: count_survey_rows
-- How much there is of each of the owner's surveys whose name is among $2, up to $3: no more is read than that,
-- whatever there is.
WITH mine AS (
    SELECT surveys.survey_name,
           array_agg(surveys.id) AS ids,
           array_agg(DISTINCT surveys.shortcode) AS shortcodes
    FROM surveys JOIN users ON users.id = surveys.userid
    WHERE owner_address(users.email) = owner_address($1) AND surveys.survey_name = ANY ($2::varchar[])
    GROUP BY surveys.survey_name
),
pages AS (
    SELECT array_agg(credentials.facebook_page_id) AS ids
    FROM credentials JOIN users ON users.id = credentials.userid
    WHERE owner_address(users.email) = owner_address($1) AND credentials.entity = 'facebook_page'
)
SELECT mine.survey_name,
       least($3, (
           SELECT count(*)
           FROM (SELECT FROM chat_log WHERE surveyid = ANY (mine.ids) LIMIT $3) AS known
       ) + (
           -- As the export reads them: of a page of the owner's, since others may use the same shortcode.
           SELECT count(*)
           FROM (
               SELECT FROM chat_log
               WHERE surveyid IS NULL AND shortcode = ANY (mine.shortcodes) AND pageid = ANY (pages.ids)
               LIMIT $3
           ) AS unknown
       )) AS chat_log,
       (
           SELECT count(*)
           FROM (SELECT FROM responses WHERE surveyid = ANY (mine.ids) LIMIT $3) AS answers
       ) AS responses
FROM mine CROSS JOIN pages;
