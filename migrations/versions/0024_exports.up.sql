-- export_status: as whom messages were asked for, and when an export was cancelled.
--
-- Columns of these names that others have made mean something else: ours would be written over theirs.
DO
$do$
DECLARE
    theirs text;
BEGIN
    SELECT string_agg(attname::text, ', ' ORDER BY attnum)
    INTO theirs
    FROM pg_attribute
    WHERE attrelid = 'export_status'::regclass AND NOT attisdropped AND attname IN ('asked_as', 'cancelled');
    IF theirs IS NOT NULL THEN
        RAISE EXCEPTION 'the table export_status that is here has %, which chatlog adds with a meaning of its own: let '
            'the owner of each rename it (ALTER TABLE export_status RENAME COLUMN ... TO ...), or drop it if nobody '
            'needs it, and run this again', theirs
            USING ERRCODE = 'duplicate_column';
    END IF;
END
$do$;

-- An export of messages is of no survey: its survey_id is ''.
ALTER TABLE export_status
    ADD COLUMN asked_as jsonb,
    ADD COLUMN cancelled timestamptz;

COMMENT ON COLUMN export_status.asked_as IS
    'As whom messages were asked for: tenant, roles, scope, and the surveys that others shared; NULL for a survey.';
COMMENT ON COLUMN export_status.cancelled IS 'When whoever asked for it ended it; NULL if it failed by itself.';

-- That it was cancelled was told by the reason alone.
ALTER TABLE export_status DISABLE TRIGGER export_status_updated;
UPDATE export_status SET cancelled = coalesce(updated, created)
WHERE status = 'Failed' AND reason = 'Cancelled by its owner';
ALTER TABLE export_status ENABLE TRIGGER export_status_updated;
