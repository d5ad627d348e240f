-- All of the owner's exports, newest first; of one survey, unless $2 is NULL.
SELECT * FROM export_status
WHERE user_id = $1 AND ($2::varchar IS NULL OR survey_id = $2)
ORDER BY updated DESC, id
