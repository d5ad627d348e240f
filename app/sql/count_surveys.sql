-- How many surveys the owner has with $2 in their name or a shortcode; every one has the empty text.
SELECT count(DISTINCT surveys.survey_name)
FROM surveys JOIN users ON users.id = surveys.userid
WHERE owner_address(users.email) = owner_address($1)
  AND strpos(lower(concat_ws(E'\n', surveys.survey_name, surveys.shortcode)), lower($2::varchar)) > 0
