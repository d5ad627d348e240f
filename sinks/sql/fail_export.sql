-- There will be no file, and why.
UPDATE export_status
SET status = 'Failed', reason = $3, lease_token = NULL, lease_until = NULL
WHERE id = $1 AND lease_token = $2
