-- assistant.chat_sessions: as of when a session's metadata is, so that whatever order it is told in, the latest holds.
ALTER TABLE assistant.chat_sessions ADD COLUMN told timestamptz;
COMMENT ON COLUMN assistant.chat_sessions.metadata IS 'What is known of it, as whoever logs it told last.';
COMMENT ON COLUMN assistant.chat_sessions.told IS 'When that was told; null where it was written by SQL.';
