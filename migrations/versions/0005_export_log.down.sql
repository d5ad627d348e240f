-- Back to one row per survey and owner: the newest. All rows, as they are now, are put aside in export_status_log, and
-- come back when 0005 is applied again. Where others had made the change before us, only what we added goes.
DROP TRIGGER export_status_updated ON export_status;
DROP FUNCTION export_status_touch();

DO
$do$
DECLARE
    home          CONSTANT regclass := 'export_status';
    ours          CONSTANT text := 'Added by chatlog%';
    id_number     CONSTANT smallint := (SELECT attnum FROM pg_attribute WHERE attrelid = home AND attname = 'id');
    source_number CONSTANT smallint := (SELECT attnum FROM pg_attribute WHERE attrelid = home AND attname = 'source');
    unwanted      regclass;
BEGIN
    FOR unwanted IN
        SELECT indexrelid FROM pg_index
        WHERE indrelid = home AND obj_description(indexrelid, 'pg_class') LIKE ours
    LOOP
        EXECUTE format('DROP INDEX %s', unwanted);
    END LOOP;

    IF col_description(home, id_number) LIKE ours THEN
        IF EXISTS (SELECT FROM export_status) THEN
            CREATE TABLE export_status_log AS TABLE export_status;
            COMMENT ON TABLE export_status_log IS 'All exports, put aside by chatlog when 0005 was undone.';
            DELETE FROM export_status AS older
            USING export_status AS newer
            WHERE newer.survey_id = older.survey_id AND newer.user_id = older.user_id
              AND (coalesce(newer.updated, '-infinity'), newer.id) > (coalesce(older.updated, '-infinity'), older.id);
        END IF;
        ALTER TABLE export_status DROP COLUMN id;
        ALTER TABLE export_status ADD CONSTRAINT unique_status UNIQUE (survey_id, user_id);
    END IF;

    IF col_description(home, source_number) LIKE ours THEN
        ALTER TABLE export_status DROP COLUMN source;
    END IF;
END
$do$;
