-- ended_sessions: sessions of the pages that ended before their time.
--
-- A session of the pages is a signed cookie, and stored nowhere. What is stored is that one has ended before its time,
-- by signing out: then a copy of its cookie is worth nothing. A row is needed until the cookie would be over by itself.
CREATE TABLE ended_sessions (
    id   varchar     PRIMARY KEY,
    ends timestamptz NOT NULL
);

COMMENT ON TABLE ended_sessions IS 'Sessions of the pages that somebody signed out of; their cookies do not count.';
COMMENT ON COLUMN ended_sessions.id IS 'Random; says nothing of whose it was, and makes no cookie.';
COMMENT ON COLUMN ended_sessions.ends IS 'When it is over by itself; a day later the row goes, at another sign-out.';
