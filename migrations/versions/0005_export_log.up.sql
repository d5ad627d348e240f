-- export_status: one row an export, with an id and what is exported.
--
-- From one row per survey and owner, overwritten by each export, to one row an export. All rows stay.
--
-- Others may have made this change already, as a whole or in part: what is there is left alone. What is added here
-- carries a comment that says so, by which the way back knows what to take away.
DO
$do$
DECLARE
    present record;
    columns text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute
                   WHERE attrelid = 'export_status'::regclass AND attname = 'id' AND NOT attisdropped) THEN
        ALTER TABLE export_status ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
        COMMENT ON COLUMN export_status.id IS 'Added by chatlog: one export.';
    END IF;
    -- A job is found by its id alone.
    UPDATE export_status SET id = gen_random_uuid() WHERE id IS NULL;

    IF NOT EXISTS (SELECT FROM pg_attribute
                   WHERE attrelid = 'export_status'::regclass AND attname = 'source' AND NOT attisdropped) THEN
        ALTER TABLE export_status ADD COLUMN source varchar NOT NULL DEFAULT 'responses';
        COMMENT ON COLUMN export_status.source IS 'Added by chatlog: what is exported, responses or chat_log.';
    END IF;

    -- Whatever it is called, and whether it is a constraint or an index alone: it would refuse a second export.
    FOR present IN
        SELECT indexrelid::regclass AS index, conname AS constraint
        FROM pg_index
        LEFT JOIN pg_constraint ON conindid = indexrelid AND contype IN ('p', 'u')
        CROSS JOIN LATERAL (
            SELECT array_agg(attname::text) AS names
            FROM pg_attribute
            WHERE attrelid = indrelid AND attnum = ANY (indkey::smallint[])
        ) AS indexed
        WHERE indrelid = 'export_status'::regclass AND indisunique AND indpred IS NULL
          AND names @> ARRAY ['survey_id', 'user_id'] AND NOT names @> ARRAY ['id']
    LOOP
        IF present.constraint IS NULL THEN
            EXECUTE format('DROP INDEX %s', present.index);
        ELSE
            EXECUTE format('ALTER TABLE export_status DROP CONSTRAINT %I', present.constraint);
        END IF;
    END LOOP;

    -- What undoing this put aside comes back, in place of the rows that nobody has touched since.
    IF to_regclass('export_status_log') IS NOT NULL THEN
        DELETE FROM export_status AS kept
        USING export_status_log AS log
        WHERE kept.survey_id = log.survey_id AND kept.user_id = log.user_id AND kept.status = log.status
          AND kept.export_link = log.export_link AND kept.updated IS NOT DISTINCT FROM log.updated;

        SELECT string_agg(quote_ident(attname), ', ')
        INTO columns
        FROM pg_attribute AS kept
        WHERE attrelid = 'export_status'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
          AND EXISTS (SELECT FROM pg_attribute
                      WHERE attrelid = 'export_status_log'::regclass AND attname = kept.attname AND NOT attisdropped);
        EXECUTE format('INSERT INTO export_status (%1$s) SELECT %1$s FROM export_status_log', columns);
        DROP TABLE export_status_log;
    END IF;

    FOR present IN
        SELECT wanted.name AS column, wanted.is_unique
        FROM (VALUES ('id', true), ('survey_id', false), ('user_id', false)) AS wanted (name, is_unique)
        WHERE NOT EXISTS (
            SELECT
            FROM pg_index
            JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
            WHERE indrelid = 'export_status'::regclass AND attname = wanted.name AND indpred IS NULL
              AND (NOT wanted.is_unique OR (indisunique AND indnkeyatts = 1))
        )
    LOOP
        EXECUTE format('CREATE %s INDEX export_status_%s_idx ON export_status (%I)',
                       CASE WHEN present.is_unique THEN 'UNIQUE' END, present.column, present.column);
        EXECUTE format('COMMENT ON INDEX export_status_%s_idx IS %L', present.column, 'Added by chatlog.');
    END LOOP;
END
$do$;

-- Also later than the row was made, if both are of one transaction. An `updated` that the statement gives is not kept.
CREATE FUNCTION export_status_touch() RETURNS trigger
    LANGUAGE plpgsql
AS
$function$
BEGIN
    NEW.updated := pg_catalog.clock_timestamp();
    RETURN NEW;
END
$function$;

CREATE TRIGGER export_status_updated
    BEFORE UPDATE ON export_status
    FOR EACH ROW EXECUTE FUNCTION export_status_touch();
