CREATE OR REPLACE FUNCTION keep_config_version() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
AS
$function$
DECLARE
    config   chat_logging_config;
    has_gone boolean;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NULL;
    END IF;
    FOREACH has_gone IN ARRAY ARRAY [true, false] LOOP
        -- Under another name it is another rule, and the one before has gone.
        CONTINUE WHEN TG_OP = CASE WHEN has_gone THEN 'INSERT' ELSE 'DELETE' END;
        CONTINUE WHEN has_gone AND TG_OP = 'UPDATE' AND (NEW.platform, NEW.channel) = (OLD.platform, OLD.channel);
        IF has_gone THEN
            config := OLD;
        ELSE
            config := NEW;
        END IF;
        INSERT INTO chat_logging_config_versions
        SELECT config.platform, config.channel,
               greatest(clock_timestamp() + interval '10 s', max(earlier.valid_from) + interval '1 us'), has_gone,
               config.config_id, config.is_enabled, config.retention_days, config.sampling_rate,
               config.pre_drop_pipeline_id, config.deletions, config.ignored_users, config.bots, config.exempt,
               config.keep_raw
        FROM chat_logging_config_versions AS earlier
        WHERE earlier.platform = config.platform AND earlier.channel = config.channel;
    END LOOP;
    RETURN NULL;
END
$function$;
-- To replace a function takes its settings away.
DO
$do$
BEGIN
    EXECUTE format('ALTER FUNCTION keep_config_version() SET search_path = pg_catalog, %I, pg_temp', current_schema());
END
$do$;
ALTER TABLE chat_logging_config_versions DROP COLUMN changed_by;
