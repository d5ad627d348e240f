-- Have a session end before its time. Those that are over by themselves are forgotten, but not at once: the clock here
-- may be ahead of the one that tells whether a session is over.
WITH over AS (
    DELETE FROM ended_sessions WHERE ends < now() - interval '1 day'
)
INSERT INTO ended_sessions (id, ends) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING
