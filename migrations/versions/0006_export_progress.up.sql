-- export_status: how far a job is, who works on it, and whether it is in Kafka.
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
    WHERE attrelid = 'export_status'::regclass AND NOT attisdropped
      AND attname = ANY (ARRAY ['created', 'options', 'published', 'reason', 'attempt', 'lease_token', 'lease_until',
                                'rows_done', 'rows_estimate', 'bytes_done', 'object_key', 'finished', 'removed']);
    IF theirs IS NOT NULL THEN
        RAISE EXCEPTION 'the table export_status that is here has %, which chatlog adds with a meaning of its own: let '
            'the owner of each rename it (ALTER TABLE export_status RENAME COLUMN ... TO ...), or drop it if nobody '
            'needs it, and run this again', theirs
            USING ERRCODE = 'duplicate_column';
    END IF;
END
$do$;

-- What an export needs besides what others know of it: with defaults or nullable, as others insert rows too.
ALTER TABLE export_status
    ADD COLUMN created timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN options jsonb NOT NULL DEFAULT '{}',
    -- The row is the outbox of its job. Others, who know nothing of this, send their jobs themselves.
    ADD COLUMN published timestamptz DEFAULT now(),
    ADD COLUMN reason varchar,
    ADD COLUMN attempt integer NOT NULL DEFAULT 0,
    ADD COLUMN lease_token uuid,
    ADD COLUMN lease_until timestamptz,
    ADD COLUMN rows_done bigint NOT NULL DEFAULT 0,
    ADD COLUMN rows_estimate bigint,
    ADD COLUMN bytes_done bigint NOT NULL DEFAULT 0,
    ADD COLUMN object_key varchar,
    ADD COLUMN finished timestamptz,
    ADD COLUMN removed timestamptz;

-- Rows from before are as old as their last change; noting that is none.
ALTER TABLE export_status DISABLE TRIGGER export_status_updated;
UPDATE export_status SET created = updated WHERE updated < created;
ALTER TABLE export_status ENABLE TRIGGER export_status_updated;

-- The jobs that are not in Kafka yet: as good as none, however many exports there were.
CREATE INDEX export_status_outbox_idx ON export_status (created) WHERE published IS NULL;

COMMENT ON COLUMN export_status.options IS 'What of the survey, and how it is written; without defaults.';
COMMENT ON COLUMN export_status.published IS 'When the job was put into Kafka; NULL: it is still to be.';
COMMENT ON COLUMN export_status.reason IS 'Why it failed, for the owner; until it succeeds.';
COMMENT ON COLUMN export_status.attempt IS 'How many times a worker has begun.';
COMMENT ON COLUMN export_status.lease_token IS 'Of the worker that is at it, and that alone may change the row.';
COMMENT ON COLUMN export_status.lease_until IS 'From then on another worker may take the job over.';
COMMENT ON COLUMN export_status.rows_estimate IS 'About how many there will be; NULL before that is known.';
COMMENT ON COLUMN export_status.bytes_done IS 'As stored, so after compression.';
COMMENT ON COLUMN export_status.object_key IS 'Of the file in the bucket; NULL if others made it, or nobody has.';
COMMENT ON COLUMN export_status.removed IS 'When its owner had the file deleted.';
