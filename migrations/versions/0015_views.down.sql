DROP TRIGGER drop_session ON conversations;
DROP TRIGGER keep_session ON messages_assistant;
DROP VIEW assistant.chat_conversations;
DROP TABLE assistant.chat_sessions;
DROP FUNCTION assistant.add_turn(), assistant.keep_session(), assistant.drop_session(), assistant.leave_sum();
DROP VIEW live.chat_sessions, live.users, live.chat_messages;
DROP VIEW all_messages;
-- If others have something in them, they stay.
DO
$do$
DECLARE
    emptied text;
BEGIN
    FOREACH emptied IN ARRAY ARRAY ['live', 'assistant'] LOOP
        BEGIN
            EXECUTE format('DROP SCHEMA %I', emptied);
        EXCEPTION
            WHEN dependent_objects_still_exist OR insufficient_privilege THEN
                NULL;
        END;
    END LOOP;
END
$do$;
