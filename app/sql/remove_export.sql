-- Note that the file of a finished export is gone.
UPDATE export_status
SET removed = now(), export_link = 'Not Found'
WHERE id = $2 AND owner_address(user_id) = owner_address($1) AND status = 'Finished' AND removed IS NULL
RETURNING *
