DROP INDEX IF EXISTS users_owner_idx, export_status_owner_idx;
DROP FUNCTION owner_address(text);
