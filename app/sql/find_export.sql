-- One of the owner's exports.
SELECT * FROM export_status WHERE id = $2 AND user_id = $1
