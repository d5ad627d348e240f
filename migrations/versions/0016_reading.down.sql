DROP TABLE access_log;
DROP FUNCTION refuse_change();
DROP TRIGGER keep_chat_log ON chat_log;
DROP FUNCTION keep_chat_log();
DELETE FROM conversations WHERE platform = 'messenger';
DELETE FROM message_day_deltas WHERE platform = 'messenger';
DELETE FROM message_days WHERE platform = 'messenger';
DROP INDEX chat_log_timestamp_idx;
-- Columns of a view can only be added; whoever may read it may read the new one.
DO
$do$
DECLARE
    readers regrole[] := ARRAY(
        SELECT grantee FROM pg_class CROSS JOIN aclexplode(relacl)
        WHERE oid = 'all_messages'::regclass AND grantee NOT IN (0, relowner) AND privilege_type = 'SELECT'
    );
    reader regrole;
BEGIN
    DROP VIEW all_messages;
    CREATE VIEW all_messages AS
    SELECT platform, id, timestamp, conversation_id, channel, role, author_id, content, message_type, surveyid, shortcode
    FROM (
        SELECT platform, id, timestamp, conversation_id, channel, role, author_id, content, message_type,
               NULL::uuid AS surveyid, NULL::varchar AS shortcode, deletion
        FROM messages
        UNION ALL
        SELECT 'messenger'::varchar, NULL::uuid, timestamp, NULL::uuid, pageid,
               CASE direction WHEN 'bot' THEN 'assistant'::varchar ELSE direction END,
               userid, content, message_type, surveyid, shortcode, NULL::varchar
        FROM chat_log
    ) AS said
    WHERE deletion IS DISTINCT FROM 'hide';
    FOREACH reader IN ARRAY readers LOOP
        EXECUTE format('GRANT SELECT ON all_messages TO %s', reader);
    END LOOP;
END
$do$;
COMMENT ON VIEW all_messages IS
    'What was said on every platform, but for deleted messages that their channel''s rule hides. Always ask by platform.';
DROP FUNCTION chat_log_id(varchar, timestamptz, varchar);
