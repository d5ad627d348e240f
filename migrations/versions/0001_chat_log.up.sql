-- chat_log: one row a message, in monthly partitions.
--
-- One row per visible message. Columns, primary key and the meaning of each are a contract with other writers
-- and readers: they stay as they are. New columns are nullable or have defaults.
CREATE TABLE chat_log (
    userid       varchar     NOT NULL,
    pageid       varchar,
    timestamp    timestamptz NOT NULL,
    -- 'bot' or 'user'. No CHECK: a writer that sends a whole batch as one statement would have all of it refused
    -- for one odd row that it stores today. Our own writer refuses such a record before it gets here.
    direction    varchar     NOT NULL,
    content      varchar     NOT NULL,
    question_ref varchar,
    shortcode    varchar,
    surveyid     uuid,
    message_type varchar,
    raw_payload  jsonb,
    metadata     jsonb,
    -- Written with ON CONFLICT DO NOTHING: the same message delivered twice is one row.
    PRIMARY KEY (userid, timestamp, direction)
) PARTITION BY RANGE (timestamp);

-- No row is ever refused for its date.
CREATE TABLE chat_log_default PARTITION OF chat_log DEFAULT;

-- A conversation, read from the index alone. Partial, because a B-tree entry holds at most 2,704 bytes and
-- PostgreSQL refuses the *row* (SQLSTATE 54000) when its entry would be larger: 2,000 characters of Arabic or
-- Hindi are 4 to 6 kB. 2,000 bytes of text leave room for a userid of 512 bytes (models.fields), the timestamp
-- and the headers. A query has to repeat the WHERE to be answered by this index; without it, and for the long
-- messages, the primary key finds the same rows in the same order.
CREATE INDEX chat_log_conversation_idx ON chat_log (userid, timestamp) INCLUDE (content, question_ref)
    WHERE octet_length(content) + coalesce(octet_length(question_ref), 0) <= 2000;

-- A survey's messages, person by person, in order.
CREATE INDEX chat_log_shortcode_idx ON chat_log (shortcode, userid, timestamp);

-- What the bot knew: metadata @> '{"pageid": "1"}'. It costs about a quarter of the writing speed.
CREATE INDEX chat_log_metadata_idx ON chat_log USING gin (metadata);

COMMENT ON TABLE chat_log IS 'Every visible message between a person and a bot, once.';


-- Makes the monthly partitions that are missing, in UTC months around this one, and returns their names. Idempotent,
-- and safe when two run at once: the second waits, and finds nothing missing.
--
-- Rows that wait in the default partition for such a month are moved into it; PostgreSQL would refuse the new
-- partition otherwise. chat_log is locked for that moment. Without the lock, a reader that had planned its query
-- before would look for the moved rows in the wrong place, and a row on its way into the default partition would be
-- refused (SQLSTATE 23514), as if the record were to blame. When nothing is missing, nothing is locked. A long query
-- can hold the lock up, and everyone would queue behind us, so we give up after 5 s (SQLSTATE 55P03): partitions are
-- made months ahead, and the default partition takes what comes meanwhile.
--
-- SECURITY DEFINER, because only the table's owner may attach a partition, and the workers are not that. Hence the
-- limits on the arguments, the fixed search_path (below), and that not everyone may execute it.
CREATE FUNCTION chat_log_make_partitions(months_back integer DEFAULT 3, months_ahead integer DEFAULT 3)
    RETURNS SETOF text
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET timezone = 'UTC'
    SET lock_timeout = '5s'
AS
$function$
DECLARE
    home       text := (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = 'chat_log'::regclass);
    this_month timestamptz := date_trunc('month', now());
    month_from timestamptz;
    month_to   timestamptz;
    name       text;
BEGIN
    IF months_back NOT BETWEEN 0 AND 120 OR months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'months_back and months_ahead are from 0 to 120, not % and %', months_back, months_ahead
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    PERFORM FROM generate_series(-months_back, months_ahead) AS distance
    WHERE to_regclass(home || '.chat_log_'
                      || to_char(this_month + make_interval(months => distance), 'YYYY_MM')) IS NULL;
    IF NOT found THEN
        RETURN;
    END IF;

    LOCK TABLE ONLY chat_log, chat_log_default IN ACCESS EXCLUSIVE MODE;

    FOR distance IN -months_back .. months_ahead LOOP
        month_from := this_month + make_interval(months => distance);
        month_to := this_month + make_interval(months => distance + 1);
        name := 'chat_log_' || to_char(month_from, 'YYYY_MM');
        CONTINUE WHEN to_regclass(home || '.' || name) IS NOT NULL;

        EXECUTE format('CREATE TABLE %s.%s (LIKE chat_log INCLUDING ALL EXCLUDING COMMENTS)', home, name);
        EXECUTE format('WITH moved AS ('
                       '    DELETE FROM chat_log_default WHERE timestamp >= $1 AND timestamp < $2 RETURNING *'
                       ') INSERT INTO %s.%s SELECT * FROM moved', home, name)
            USING month_from, month_to;
        EXECUTE format('ALTER TABLE chat_log ATTACH PARTITION %s.%s FOR VALUES FROM (%L) TO (%L)',
                       home, name, month_from, month_to);
        RETURN NEXT name;
    END LOOP;
END
$function$;

REVOKE ALL ON FUNCTION chat_log_make_partitions(integer, integer) FROM PUBLIC;

-- Names in the function mean PostgreSQL's own objects first, then this schema's, whatever the caller's search_path;
-- pg_temp last, or a caller's temporary chat_log would come first.
DO
$do$
BEGIN
    EXECUTE format('ALTER FUNCTION chat_log_make_partitions(integer, integer) '
                   'SET search_path = pg_catalog, %I, pg_temp', current_schema());
END
$do$;
