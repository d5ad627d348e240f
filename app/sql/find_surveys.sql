-- The owner's surveys: the versions and translations of a survey share its name. Of one name, unless $2 is
-- NULL. The title is that of the newest version.
SELECT surveys.survey_name,
       (array_agg(surveys.title ORDER BY surveys.created DESC))[1] AS title,
       array_agg(DISTINCT surveys.shortcode ORDER BY surveys.shortcode) AS shortcodes,
       min(surveys.created) AS created,
       count(*) AS versions
FROM surveys JOIN users ON users.id = surveys.userid
WHERE users.email = $1 AND surveys.survey_name IS NOT NULL
  AND ($2::varchar IS NULL OR surveys.survey_name = $2)
GROUP BY surveys.survey_name
ORDER BY min(surveys.created) DESC, surveys.survey_name
