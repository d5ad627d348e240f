-- Threads go with their messages: there is no other place that could hold them.
DROP FUNCTION threads_of_learner(varchar, varchar);
DROP TABLE chat_export_logs, chat_deletion_logs, idempotency_keys, thread_events;
ALTER TABLE messages DETACH PARTITION messages_threads;
DROP TABLE messages_threads;
DELETE FROM conversations WHERE platform = 'threads';
DROP INDEX conversations_threads_idx, conversations_learners_idx, message_versions_threads_idx;
ALTER TABLE conversations DROP COLUMN updated, DROP COLUMN changed, DROP COLUMN archived;
