-- The versions and translations of an owner's survey.
SELECT surveys.id
FROM surveys
JOIN users ON users.id = surveys.userid
WHERE users.email = $1 AND surveys.survey_name = $2
ORDER BY surveys.created, surveys.id
