DROP INDEX IF EXISTS chat_log_survey_idx, chat_log_no_survey_idx;
