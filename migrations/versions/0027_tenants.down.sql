DROP INDEX messages_threads_tenant_idx;
CREATE OR REPLACE VIEW all_messages AS
SELECT platform, id, timestamp, conversation_id, channel, role, author_id, content, message_type, surveyid, shortcode,
       question_ref, reply_to, response_ms, weight, edited, deleted, deletion, metadata, raw_payload
FROM (
    SELECT platform, id, timestamp, conversation_id, channel, role, author_id, content, message_type,
           NULL::uuid AS surveyid, NULL::varchar AS shortcode, NULL::varchar AS question_ref, reply_to, response_ms,
           weight, edited, deleted, deletion, metadata, raw_payload
    FROM messages
    UNION ALL
    SELECT 'messenger'::varchar, chat_log_id(userid, timestamp, direction), timestamp,
           conversation_key('messenger'::varchar, coalesce(pageid, ''::varchar), userid), pageid,
           CASE direction WHEN 'bot' THEN 'assistant'::varchar ELSE direction END,
           userid, content, message_type, surveyid, shortcode, question_ref, NULL::uuid, NULL::integer, 1::real,
           NULL::timestamptz, NULL::timestamptz, NULL::varchar, metadata, raw_payload
    FROM chat_log
) AS said
WHERE deletion IS DISTINCT FROM 'hide';
DO
$do$
DECLARE
    policy record;
BEGIN
    FOR policy IN
        SELECT DISTINCT polname, polrelid::regclass AS policed
        FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid
        WHERE relnamespace = current_schema()::regnamespace
            AND polname IN ('of_tenant', 'api_insert', 'api_update', 'api_delete')
    LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy.polname, policy.policed);
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', policy.policed);
    END LOOP;
END
$do$;
DROP FUNCTION seen_tenant();
DROP FUNCTION is_api_alone();
