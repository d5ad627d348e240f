-- export_status: how many values a file says of that they could not be written.
--
-- With a default, as others insert rows too.
ALTER TABLE export_status ADD COLUMN cells_not_shown bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN export_status.cells_not_shown IS
    'How many values the file has a note in place of, as they cannot be written; in Parquet it may be NULL.';
