-- Sessions of the pages that ended before their time.

-- name: end_session
-- Have a session end before its time. Those that are over by themselves are forgotten, but not at once: the clock here
-- may be ahead of the one that tells whether a session is over.
WITH over AS (
    DELETE FROM ended_sessions WHERE ends < now() - interval '1 day'
)
INSERT INTO ended_sessions (id, ends) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING;

-- name: find_ended_session
-- Whether a session has ended before its time: a row if so.
SELECT id FROM ended_sessions WHERE id = $1;
