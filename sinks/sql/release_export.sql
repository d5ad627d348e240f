-- Leave a job to whoever takes it next, at once. An attempt that was not to blame is not counted.
UPDATE export_status
SET status = 'Started', lease_token = NULL, lease_until = NULL, rows_done = 0, bytes_done = 0,
    attempt = greatest(attempt - $3::int, 0)
WHERE id = $1 AND lease_token = $2
