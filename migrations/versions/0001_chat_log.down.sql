-- The table goes with all its partitions and rows.
DROP FUNCTION chat_log_make_partitions(integer, integer);
DROP TABLE chat_log;
