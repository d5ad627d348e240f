-- How a job is: whose it is, how far it is, and whether somebody works on it.
SELECT user_id, survey_id, source, status, removed IS NOT NULL AS removed,
       coalesce(lease_token IS NOT NULL AND lease_until >= now(), false) AS leased
FROM export_status
WHERE id = $1
