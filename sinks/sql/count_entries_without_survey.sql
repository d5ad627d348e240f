-- How many rows lack a surveyid, and how many of those no survey can be told for, as they name no form. An
-- index of just these rows answers it.
SELECT count(*) AS rows, count(*) FILTER (WHERE shortcode IS NULL) AS without_shortcode
FROM chat_log
WHERE surveyid IS NULL
