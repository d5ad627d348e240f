-- chat_log: two indexes that read a survey in order.
--
-- A survey's messages, person by person, in the order of an export, so that nothing is sorted: its first row comes at
-- once. Each row is in one of the two: by its survey, or, as long as it has none, by its form. The latter is also what
-- the filling-in of surveyids walks.
--
-- While an index is made, whoever writes to chat_log waits (a large table: minutes; the persist workers go on by
-- themselves, and nothing is lost). To avoid that, make both beforehand, month by month, without a lock: see
-- "Indexes of a large chat_log" in docs/operations.md. IF NOT EXISTS is for these.
CREATE INDEX IF NOT EXISTS chat_log_survey_idx
    ON chat_log (surveyid, userid, timestamp, direction) WHERE surveyid IS NOT NULL;
CREATE INDEX IF NOT EXISTS chat_log_no_survey_idx
    ON chat_log (shortcode, userid, timestamp, direction) WHERE surveyid IS NULL;
