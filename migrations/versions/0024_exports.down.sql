-- An export of messages would be taken for one of a survey without a name.
UPDATE export_status
SET status = 'Failed', reason = 'Messages can no longer be exported here', lease_token = NULL, lease_until = NULL
WHERE asked_as IS NOT NULL AND status NOT IN ('Finished', 'Failed');

-- Nor would anybody know whether whoever has its file may still have it.
UPDATE export_status
SET removed = now(), export_link = 'Not Found'
WHERE asked_as IS NOT NULL AND status = 'Finished' AND removed IS NULL;

ALTER TABLE export_status
    DROP COLUMN cancelled,
    DROP COLUMN asked_as;
