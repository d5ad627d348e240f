DROP INDEX IF EXISTS chat_log_unsent_idx;
