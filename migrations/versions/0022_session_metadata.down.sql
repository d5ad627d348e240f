COMMENT ON COLUMN assistant.chat_sessions.metadata IS NULL;
ALTER TABLE assistant.chat_sessions DROP COLUMN told;
