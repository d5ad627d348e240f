-- Some of the owner's exports, the one that changed last first; of one survey, unless $2 is NULL; what follows
-- the place ($3, $4) in that order, unless $3 is NULL. Rows of the system before may lack `updated`.
SELECT * FROM export_status
WHERE owner_address(user_id) = owner_address($1) AND ($2::varchar IS NULL OR survey_id = $2)
  AND ($3::timestamptz IS NULL OR (coalesce(updated, created), id) < ($3, $4::uuid))
ORDER BY coalesce(updated, created) DESC, id DESC
LIMIT $5
