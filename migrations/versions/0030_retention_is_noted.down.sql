COMMENT ON COLUMN chat_logging_config.pre_drop_pipeline_id IS 'What runs before messages are dropped.';
COMMENT ON COLUMN chat_logging_config.retention_days IS 'For how many days messages are kept.';
