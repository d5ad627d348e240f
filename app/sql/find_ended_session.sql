-- Whether a session has ended before its time: a row if so.
SELECT id FROM ended_sessions WHERE id = $1
