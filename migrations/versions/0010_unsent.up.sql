-- chat_log: an index of what was unsent.
--
-- What people took back, which no export holds. Few rows: nearly empty, and free to keep.
--
-- While it is made, whoever writes to chat_log waits (a large table: minutes; the persist workers go on by
-- themselves, and nothing is lost). To avoid that, make it beforehand, month by month, without a lock: see
-- "Indexes of a large chat_log" in docs/operations.md. IF NOT EXISTS is for this.
CREATE INDEX IF NOT EXISTS chat_log_unsent_idx ON chat_log (userid) WHERE message_type = 'unsent';
