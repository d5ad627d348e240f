-- chat_logging_config: what is recorded of which channel, by rules that hold from a time on.
--
-- What a row does not say (NULL) holds as the platform's row says (channel '*'), then as the row for all says (platform
-- and channel '*'), then as models/channels.py says.
CREATE TABLE chat_logging_config (
    config_id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    platform             varchar NOT NULL,
    channel              varchar NOT NULL CHECK (channel <> ''),
    is_enabled           boolean DEFAULT true,
    retention_days       integer DEFAULT 30 CHECK (retention_days > 0),
    sampling_rate        double precision DEFAULT 1 CHECK (sampling_rate BETWEEN 0 AND 1),
    pre_drop_pipeline_id varchar,
    deletions            varchar CHECK (deletions IN ('keep', 'hide', 'blank')),
    ignored_users        varchar[] CHECK (array_position(ignored_users, NULL) IS NULL),
    bots                 boolean,
    exempt               varchar[] CHECK (exempt <@ ARRAY ['moderator', 'mention', 'reply', 'first']::varchar[]),
    keep_raw             boolean,
    UNIQUE (platform, channel),
    -- Lists of lists would pass for lists.
    CHECK (array_ndims(ignored_users) = 1 AND array_ndims(exempt) = 1),
    CHECK (platform ~ '^[a-z][a-z0-9_]{0,30}$' OR (platform = '*' AND channel = '*'))
);
COMMENT ON TABLE chat_logging_config IS 'What is recorded of a channel: change it as you like, it holds 10 s later.';
COMMENT ON COLUMN chat_logging_config.channel IS '* for all of the platform that have no row; platform * for all.';
COMMENT ON COLUMN chat_logging_config.is_enabled IS 'Whether anything is recorded.';
COMMENT ON COLUMN chat_logging_config.retention_days IS 'For how many days messages are kept.';
COMMENT ON COLUMN chat_logging_config.sampling_rate IS 'Which part of the messages is stored: 0 to 1.';
COMMENT ON COLUMN chat_logging_config.pre_drop_pipeline_id IS 'What runs before messages are dropped.';
COMMENT ON COLUMN chat_logging_config.deletions IS 'Deleted messages: keep, hide (from all_messages) or blank them.';
COMMENT ON COLUMN chat_logging_config.ignored_users IS 'Ids of people of whom nothing is recorded here.';
COMMENT ON COLUMN chat_logging_config.bots IS 'Whether what bots say is recorded.';
COMMENT ON COLUMN chat_logging_config.exempt IS
    'What is stored whatever the sampling_rate: messages of a moderator, with a mention, a reply, somebody''s first.';
COMMENT ON COLUMN chat_logging_config.keep_raw IS 'Whether raw_payload is stored.';

CREATE TABLE chat_logging_config_versions (
    platform             varchar     NOT NULL,
    channel              varchar     NOT NULL,
    valid_from           timestamptz NOT NULL,
    is_deleted           boolean     NOT NULL DEFAULT false,
    config_id            uuid        NOT NULL,
    is_enabled           boolean,
    retention_days       integer,
    sampling_rate        double precision,
    pre_drop_pipeline_id varchar,
    deletions            varchar,
    ignored_users        varchar[],
    bots                 boolean,
    exempt               varchar[],
    keep_raw             boolean,
    PRIMARY KEY (platform, channel, valid_from)
);
COMMENT ON TABLE chat_logging_config_versions IS
    'The rules as they were: at a time, the latest with valid_from up to it holds. Written by a trigger alone.';
COMMENT ON COLUMN chat_logging_config_versions.valid_from IS
    '10 s after the change, so that every worker knows a rule before it holds.';

-- Keeps a version of each change, from 10 s after it on. At the end of the transaction, which may be long after its
-- statement: nobody else sees the rule before. The clock may be set back; a later change is later all the same.
CREATE FUNCTION keep_config_version() RETURNS trigger
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

REVOKE ALL ON FUNCTION keep_config_version() FROM PUBLIC;
DO
$do$
BEGIN
    EXECUTE format('ALTER FUNCTION keep_config_version() SET search_path = pg_catalog, %I, pg_temp', current_schema());
END
$do$;

CREATE CONSTRAINT TRIGGER chat_logging_config_version
    AFTER INSERT OR UPDATE OR DELETE ON chat_logging_config
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION keep_config_version();


CREATE TABLE opt_outs (
    platform  varchar,
    person_id varchar,
    since     timestamptz,
    until     timestamptz CHECK (until >= since),
    PRIMARY KEY (platform, person_id, since)
);
COMMENT ON TABLE opt_outs IS 'Who does not want to be recorded: nothing said from since to until ever is.';
COMMENT ON COLUMN opt_outs.since IS 'From when on; -infinity for whatever they ever said.';
COMMENT ON COLUMN opt_outs.until IS 'Up to when; null while it lasts.';

CREATE TABLE channel_parents (
    platform varchar,
    channel  varchar,
    parent   varchar NOT NULL,
    name     varchar,
    PRIMARY KEY (platform, channel)
);
COMMENT ON TABLE channel_parents IS 'Which channel a thread is of, whose rules hold for it where it has none.';
COMMENT ON COLUMN channel_parents.name IS 'What the thread is called.';

CREATE TABLE connector_gaps (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform varchar     NOT NULL,
    channel  varchar     NOT NULL,
    began    timestamptz NOT NULL,
    ended    timestamptz,
    reason   varchar     NOT NULL,
    filled   timestamptz
);
CREATE INDEX connector_gaps_began_idx ON connector_gaps (began);
-- The one that a connector moves on while it hears the channel: after kill -9 the gap is written already.
CREATE UNIQUE INDEX connector_gaps_open_idx ON connector_gaps (platform, channel) WHERE ended IS NULL;
COMMENT ON TABLE connector_gaps IS 'When a connector did not hear a channel.';
COMMENT ON COLUMN connector_gaps.ended IS
    'When it heard it again; null while it does not, or hears it now: then began is of the last minute.';
COMMENT ON COLUMN connector_gaps.filled IS 'When what was missed was fetched; null where it was not.';
