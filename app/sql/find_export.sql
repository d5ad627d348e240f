-- One of the owner's exports.
SELECT * FROM export_status WHERE id = $2 AND owner_address(user_id) = owner_address($1)
