-- A page of the owner's exports of a survey, the newest first.
SELECT * FROM export_status
WHERE owner_address(user_id) = owner_address($1) AND survey_id = $2
ORDER BY created DESC, id DESC
LIMIT $3 OFFSET $4
