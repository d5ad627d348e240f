-- Rows whose record is not in Kafka yet.

-- name: let_go_when_frozen
-- Before taking rows, in its transaction: a process that freezes with rows in hand loses them to another one.
SET LOCAL idle_in_transaction_session_timeout = '15s';

-- name: take_unpublished
-- Exports whose job is not in Kafka yet, oldest first. Locked until they are marked: a worker that takes the
-- job at once, or an owner who cancels, waits for that; another process leaves them out.
SELECT id, user_id, survey_id, source, options
FROM export_status
WHERE published IS NULL AND status = 'Started' AND removed IS NULL
ORDER BY created
LIMIT 100
FOR UPDATE SKIP LOCKED;

-- name: mark_published
-- Their jobs are in Kafka.
UPDATE export_status SET published = now() WHERE id = ANY ($1::uuid[]);

-- name: count_unpublished
-- How many exports wait for Kafka.
SELECT count(*) FROM export_status WHERE published IS NULL AND status = 'Started' AND removed IS NULL;

-- name: refuse_unpublished
-- Rows of another version or program, of which this one cannot make a job.
UPDATE export_status
SET status = 'Failed', reason = 'This kind of export is not known here; tell the operator'
WHERE id = ANY ($1::uuid[]);
