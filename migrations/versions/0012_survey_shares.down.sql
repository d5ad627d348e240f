-- What is under way of another's survey would be taken for one of the survey of that name that whoever asked may have.
UPDATE export_status
SET status = 'Failed', reason = 'Surveys can no longer be shared here', lease_token = NULL, lease_until = NULL
WHERE survey_owner IS NOT NULL AND status NOT IN ('Finished', 'Failed');

ALTER TABLE export_status DROP COLUMN survey_owner;
DROP TABLE survey_shares;
