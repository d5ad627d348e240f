-- The newest of the owner's exports of each survey.
SELECT DISTINCT ON (survey_id) *
FROM export_status
WHERE user_id = $1
ORDER BY survey_id, created DESC, id DESC
