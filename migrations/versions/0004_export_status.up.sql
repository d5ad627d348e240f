-- export_status: one row per survey and owner, as it was first.
--
-- The exports that were asked for, as others know the table and may have made it already, in this shape or in that of
-- 0005: then it stays as it is. One made here carries a comment that says so, by which the way back knows that it may
-- drop it.
DO
$do$
DECLARE
    lacking text;
BEGIN
    IF to_regclass('export_status') IS NULL THEN
        CREATE TABLE export_status (
            updated     timestamptz DEFAULT now(),
            user_id     varchar NOT NULL,
            survey_id   varchar NOT NULL,
            status      varchar NOT NULL,
            export_link varchar NOT NULL,
            CONSTRAINT unique_status UNIQUE (survey_id, user_id)
        );
        COMMENT ON TABLE export_status IS 'Made by chatlog: the exports that were asked for.';
        COMMENT ON COLUMN export_status.user_id IS 'The email address of whoever asked.';
        COMMENT ON COLUMN export_status.survey_id IS 'The name of the survey (surveys.survey_name).';
        COMMENT ON COLUMN export_status.export_link IS 'Where the file is; ''Not Found'' while there is none.';
    END IF;

    SELECT string_agg(needed.name, ', ' ORDER BY needed.name)
    INTO lacking
    FROM unnest(ARRAY ['updated', 'user_id', 'survey_id', 'status', 'export_link']) AS needed (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_attribute
        WHERE attrelid = 'export_status'::regclass AND attname = needed.name AND NOT attisdropped
    );
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION 'the table export_status that is here has no column %: rename the table, if it is another''s',
            lacking
            USING ERRCODE = 'undefined_column';
    END IF;
END
$do$;
