-- The versions and translations of an owner's survey.
SELECT surveys.id
FROM surveys
JOIN users ON users.id = surveys.userid
WHERE owner_address(users.email) = owner_address($1) AND surveys.survey_name = $2
ORDER BY surveys.created, surveys.id
