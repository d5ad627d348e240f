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
LIMIT $6 OFFSET $7
