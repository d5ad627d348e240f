-- What is under way of another's survey would be taken for one of the survey of that name that whoever asked may have.
UPDATE export_status
SET status = 'Failed', reason = 'Surveys can no longer be shared here', lease_token = NULL, lease_until = NULL
WHERE survey_owner IS NOT NULL AND status NOT IN ('Finished', 'Failed');

-- Nor would anybody know that whoever has a file of another's survey may have it only while that is shared.
UPDATE export_status
SET removed = now(), export_link = 'Not Found'
WHERE survey_owner IS NOT NULL AND status = 'Finished' AND removed IS NULL;

ALTER TABLE export_status DROP COLUMN survey_owner;
DROP TABLE survey_shares;
