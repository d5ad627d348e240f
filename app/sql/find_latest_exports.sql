-- The newest of the owner's exports of each survey whose name is among $2.
SELECT DISTINCT ON (survey_id) *
FROM export_status
WHERE owner_address(user_id) = owner_address($1) AND survey_id = ANY ($2::varchar[])
ORDER BY survey_id, created DESC, id DESC
