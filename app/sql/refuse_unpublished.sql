-- Rows of another version or program, of which this one cannot make a job.
UPDATE export_status
SET status = 'Failed', reason = 'This kind of export is not known here; tell the operator'
WHERE id = ANY ($1::uuid[])
