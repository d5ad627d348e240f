-- retention_is_noted: what a rule says of how long messages are to be kept is noted, and nothing is deleted by it.
COMMENT ON COLUMN chat_logging_config.retention_days IS
    'For how many days messages are to be kept; noted, nothing is deleted by it.';
COMMENT ON COLUMN chat_logging_config.pre_drop_pipeline_id IS
    'What is to run before messages are dropped; noted, nothing runs.';
