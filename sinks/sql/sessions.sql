-- Sessions of the pages that ended before their time, and sign-ins that have come back from the identity provider.

-- name: end_session
-- Have it end: its id, or no row if it has ended already. Those that are over by themselves are forgotten, but not at
-- once: the clock here may be ahead of the one that tells whether a session is over.
WITH over AS (
    DELETE FROM ended_sessions WHERE ends < now() - interval '1 day'
)
INSERT INTO ended_sessions (id, ends) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING RETURNING id;

-- name: find_ended_session
-- Whether a session has ended before its time: a row if so.
SELECT id FROM ended_sessions WHERE id = $1;
