-- The index that a survey's page needs when the newest come first: no other has a survey's rows in the order of time.
CREATE INDEX chat_log_newest_idx ON chat_log (shortcode, timestamp)
