-- Show that the work goes on, and how far it is. No row: the lease is lost, by a cancel or to another worker.
UPDATE export_status
SET lease_until = now() + $3, status = $4, rows_done = $5, bytes_done = $6,
    rows_estimate = coalesce($7, rows_estimate)
WHERE id = $1 AND lease_token = $2
