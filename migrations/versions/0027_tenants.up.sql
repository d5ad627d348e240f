-- tenants: threads are their channel's, and the API's role sees those of the tenant that it asks for, whatever it asks.
--
-- What a caller may read, each statement keeps to by itself; here it is kept to once more. The API says for whom it asks
-- in the setting chatlog.tenant of each transaction; where it says nothing, it asks for the tenant `default`, of which
-- is all that is no thread. What it does for all tenants, such as sending what waits in the outbox, it does as `*`, which
-- no tenant is called. Who writes, exports, maintains or reads everything is not held back, unless they set it, too.
--
-- It is asked once for a statement and not of each row: `(SELECT …)` is a plan of its own, and its answer a parameter.
-- And it is asked in two steps, as the planner takes nearly all rows for ones that are not 'hidden'. By `=` it would
-- expect one in 200, and by any other boolean one in two, and read all where it need read the newest.

-- Roles belong to the server, and may not be there: nobody is one of those. A superuser is each of them.
CREATE FUNCTION is_api_alone() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(pg_has_role(current_user, to_regrole('chatlog_api')::oid, 'USAGE'), false)
        AND NOT pg_has_role(
            current_user, (SELECT relowner FROM pg_catalog.pg_class WHERE oid = 'conversations'::regclass), 'USAGE'
        )
        AND NOT EXISTS (
            SELECT
            FROM unnest(ARRAY['chatlog_writer', 'chatlog_exporter', 'chatlog_maintainer', 'chatlog_reader']) AS part
            WHERE pg_has_role(current_user, to_regrole(part)::oid, 'USAGE')
        );
CREATE FUNCTION seen_tenant() RETURNS varchar
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN current_setting('chatlog.tenant', true) = '*' THEN NULL
        WHEN current_setting('chatlog.tenant', true) <> '' THEN current_setting('chatlog.tenant', true)
        WHEN is_api_alone() THEN 'default'
    END;
GRANT EXECUTE ON FUNCTION is_api_alone(), seen_tenant() TO PUBLIC;
COMMENT ON FUNCTION is_api_alone() IS 'Whether whoever asks has the role of the API, and none that reaches further.';
COMMENT ON FUNCTION seen_tenant() IS 'Whose rows whoever asks sees in this transaction; null for everybody''s.';


-- Of what names no channel, a thread's row is of many tenants: nobody's.
DO
$do$
DECLARE
    policed record;
BEGIN
    FOR policed IN
        SELECT name, $$CASE WHEN platform = 'threads' THEN coalesce(channel, '') ELSE 'default' END$$ AS tenant
        FROM unnest(ARRAY[
            'conversations', 'messages', 'message_days', 'message_day_deltas', 'message_clears', 'stays',
            'figure_days', 'figure_hours', 'figure_responses', 'figure_people', 'figure_weeks', 'live_figures'
        ]) AS name
        UNION ALL
        SELECT name, $$CASE WHEN platform = 'threads' THEN '' ELSE 'default' END$$
        FROM unnest(ARRAY['people', 'message_feedback']) AS name
        UNION ALL
        SELECT 'message_versions', $$CASE WHEN platform = 'threads' THEN coalesce(
            (SELECT channel FROM conversations WHERE conversations.id = conversation_id), ''
        ) ELSE 'default' END$$
        UNION ALL
        SELECT name, 'tenant_id'
        FROM unnest(ARRAY['thread_events', 'idempotency_keys', 'chat_deletion_logs', 'chat_export_logs']) AS name
        UNION ALL
        SELECT 'access_log', 'tenant'
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', policed.name);
        EXECUTE format(
            'CREATE POLICY of_tenant ON %1$I USING (%2$s) WITH CHECK (%2$s)', policed.name,
            format($$CASE WHEN %s <> (SELECT seen_tenant()) THEN 'hidden' ELSE 'seen' END <> 'hidden'$$, policed.tenant)
        );
    END LOOP;

    -- Of what was said, the API writes threads alone.
    FOR policed IN
        SELECT name, action, CASE action WHEN 'INSERT' THEN 'WITH CHECK' ELSE 'USING' END AS clause
        FROM unnest(ARRAY['conversations', 'messages', 'message_versions', 'message_feedback', 'message_day_deltas'])
            AS name
        CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE']) AS action
    LOOP
        EXECUTE format(
            $$CREATE POLICY api_%3$s ON %1$I AS RESTRICTIVE FOR %2$s
                %4$s (platform = 'threads' OR NOT (SELECT is_api_alone()))$$,
            policed.name, policed.action, lower(policed.action), policed.clause
        );
    END LOOP;
END
$do$;


-- As 0016 made it, and kept to the tenant: it reads as its owner, whom no policy holds back. The condition is outside the
-- union, as the other one (0015).
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
WHERE deletion IS DISTINCT FROM 'hide'
    AND CASE
        WHEN CASE WHEN platform = 'threads' THEN channel ELSE 'default' END <> (SELECT seen_tenant()) THEN 'hidden'
        ELSE 'seen'
    END <> 'hidden';


-- What a tenant said lately is found among what all did; on the platform's partition, so that no other pays for it.
CREATE INDEX messages_threads_tenant_idx ON messages_threads (channel, timestamp);
