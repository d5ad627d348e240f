DROP TABLE connector_gaps, opt_outs, channel_parents, chat_logging_config_versions, chat_logging_config;
DROP FUNCTION keep_config_version();
