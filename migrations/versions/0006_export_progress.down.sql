-- What was asked for and is not in Kafka would wait for ever: nobody would know any more that it is to be sent.
UPDATE export_status SET status = 'Failed' WHERE published IS NULL AND status NOT IN ('Finished', 'Failed');

ALTER TABLE export_status
    DROP COLUMN created,
    DROP COLUMN options,
    DROP COLUMN published,
    DROP COLUMN reason,
    DROP COLUMN attempt,
    DROP COLUMN lease_token,
    DROP COLUMN lease_until,
    DROP COLUMN rows_done,
    DROP COLUMN rows_estimate,
    DROP COLUMN bytes_done,
    DROP COLUMN object_key,
    DROP COLUMN finished,
    DROP COLUMN removed;
