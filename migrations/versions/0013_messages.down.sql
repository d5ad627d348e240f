DROP FUNCTION make_message_partitions(varchar[], integer, integer);
DROP TABLE sampled_out, presences, stay_deltas, stays, people, message_feedback, message_clears, told_by_updates,
    message_versions, message_day_deltas, message_days, messages, conversations;
DROP FUNCTION conversation_key(varchar, varchar, varchar), message_time(uuid), message_id_at(uuid, timestamptz),
    message_source(varchar, varchar), message_source(uuid);
