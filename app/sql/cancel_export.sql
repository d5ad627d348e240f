-- End an export that is not over. Its worker finds its lease gone, and stops without a trace.
UPDATE export_status
SET status = 'Failed', reason = 'Cancelled by its owner', lease_token = NULL, lease_until = NULL
WHERE id = $2 AND owner_address(user_id) = owner_address($1) AND status NOT IN ('Finished', 'Failed')
RETURNING *
