-- The function is SECURITY DEFINER: the writer may execute it, and may not otherwise change tables.
SELECT chat_log_make_partitions()
