-- Indexes of words go with the functions that they are made of.
DROP FUNCTION fts(varchar) CASCADE;
DROP FUNCTION fts(varchar, varchar) CASCADE;
DROP TABLE search_languages;
ALTER TABLE chat_log ALTER COLUMN content SET STATISTICS -1;
CREATE OR REPLACE FUNCTION chat_log_make_partitions(months_back integer DEFAULT 3, months_ahead integer DEFAULT 3)
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

DO
$do$
BEGIN
    EXECUTE format('ALTER FUNCTION chat_log_make_partitions(integer, integer) '
                   'SET search_path = pg_catalog, %I, pg_temp', current_schema());
END
$do$;
