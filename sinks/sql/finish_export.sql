-- The file is there. What an earlier attempt failed of is over.
UPDATE export_status
SET status = 'Finished', export_link = $3, object_key = $4, rows_done = $5, bytes_done = $6,
    cells_not_shown = $7, finished = now(), reason = NULL, lease_token = NULL, lease_until = NULL
WHERE id = $1 AND lease_token = $2
