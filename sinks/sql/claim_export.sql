-- Take a job that nobody works on: a free one, or one whose worker has not been heard of for as long as a lease lasts.
-- Asked again with the same token, as the answer may have been lost on the way, it is the same claim.
UPDATE export_status
SET lease_token = $2, lease_until = now() + $3, attempt = attempt + 1, status = 'Querying',
    rows_done = 0, bytes_done = 0
WHERE id = $1
  AND status NOT IN ('Finished', 'Failed')
  AND removed IS NULL
  AND (lease_token IS NULL OR lease_token = $2 OR lease_until IS NULL OR lease_until < now())
RETURNING attempt
