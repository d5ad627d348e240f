-- How many exports of a survey the owner has.
SELECT count(*) FROM export_status WHERE owner_address(user_id) = owner_address($1) AND survey_id = $2
