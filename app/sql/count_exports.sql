-- How many exports of a survey the owner has.
SELECT count(*) FROM export_status WHERE user_id = $1 AND survey_id = $2
