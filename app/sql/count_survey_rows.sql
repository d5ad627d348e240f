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
FROM mine CROSS JOIN pages
