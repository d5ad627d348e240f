-- The platform's ids of messages that were unsent, by whoever: what people took back is in no file. All there are, as
-- one may be unsent when its person is in another survey by then. An index has nothing but these rows.
SELECT DISTINCT coalesce(raw_payload #>> '{message,mid}', raw_payload #>> '{message_unsend,mid}') AS mid
FROM chat_log
WHERE message_type = 'unsent'
  AND coalesce(raw_payload #>> '{message,mid}', raw_payload #>> '{message_unsend,mid}') IS NOT NULL
