-- Exports whose job is not in Kafka yet, oldest first. Locked until they are marked: a worker that takes the
-- job at once, or an owner who cancels, waits for that; another process leaves them out.
SELECT id, user_id, survey_id, source, options
FROM export_status
WHERE published IS NULL AND status = 'Started' AND removed IS NULL
ORDER BY created
LIMIT 100
FOR UPDATE SKIP LOCKED
