-- Begin a failed export again, as its own row. The reason stays until it succeeds. `published` NULL: its job
-- is to be sent again. The attempts are counted from the beginning, as a worker gives up after too many.
UPDATE export_status
SET status = 'Started', export_link = 'Not Found', published = NULL, lease_token = NULL, lease_until = NULL,
    attempt = 0, rows_done = 0, bytes_done = 0, cells_not_shown = 0, finished = NULL
WHERE id = $2 AND owner_address(user_id) = owner_address($1) AND status = 'Failed'
RETURNING *
