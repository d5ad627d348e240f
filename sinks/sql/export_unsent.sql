-- Whose messages were unsent, and the platform's ids of these: what people took back is in no file. All there are, as
-- one may be unsent when its person is in another survey by then. An index has nothing but these rows.
SELECT DISTINCT userid, coalesce(raw_payload #>> '{message,mid}', raw_payload #>> '{message_unsend,mid}') AS mid
FROM chat_log
WHERE message_type = 'unsent'
  AND coalesce(raw_payload #>> '{message,mid}', raw_payload #>> '{message_unsend,mid}') IS NOT NULL
