-- all_messages, and the schemas live and assistant: messages under other names, for people's SQL.
--
-- One list of what was said anywhere. The condition is outside the union and every type is the same on both sides, or
-- the planner would read all of it, and sort it, for the newest row (tests/migrations/test_views.py).
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
COMMENT ON VIEW all_messages IS
    'What was said on every platform, but for deleted messages that their channel''s rule hides. Always ask by platform.';


-- The schemas have to be there, or the user has to be one who may make them.
DO
$do$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY ['live', 'assistant'] LOOP
        IF to_regnamespace(wanted) IS NULL THEN
            EXECUTE format('CREATE SCHEMA %I', wanted);
        END IF;
    END LOOP;
END
$do$;

-- live: the chats of streams and communities, in the words of a bot that listens to several. A person is known by their
-- platform and what it calls them, as two platforms may have one id.
CREATE VIEW live.chat_messages AS
SELECT id AS message_id, platform, channel, platform || ':' || author_id AS user_id, content AS message_text, timestamp,
       metadata
FROM messages
WHERE deletion IS DISTINCT FROM 'hide';

CREATE VIEW live.users AS
SELECT platform || ':' || person_id AS user_id, coalesce(name, person_id) AS global_username, platform,
       person_id AS platform_user_id
FROM people;

-- A session is known by what is the key of its row. Where nobody tells when people leave, who was silent for half an hour
-- has left.
CREATE VIEW live.chat_sessions AS
SELECT conversation_key(platform, channel, concat_ws(E'\n', person_id, extract(epoch FROM joined), told)) AS session_id,
       platform, channel, platform || ':' || person_id AS user_id, joined AS joined_at, until.left_at,
       trunc(extract(epoch FROM until.left_at - joined))::integer AS session_duration_seconds,
       messages AS message_count
FROM stays
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN stays.left_at IS NULL AND NOT told AND last_at < now() - interval '30 minutes' THEN last_at
        ELSE stays.left_at
    END AS left_at
) AS until;

COMMENT ON VIEW live.chat_messages IS 'What was said, deleted messages that are to be hidden aside.';
COMMENT ON COLUMN live.chat_messages.user_id IS 'The platform and its id of the person: twitch:1234.';
COMMENT ON VIEW live.users IS 'Who spoke, under the name that they last had.';
COMMENT ON VIEW live.chat_sessions IS 'From when to when somebody was in a channel.';


-- assistant: turns and sessions, in the words of a website that logs its own chats by SQL. A turn is an answer with the
-- question that it answers, or a question that has no answer. Of an assistant's message the channel is the session; it
-- is looked up in conversations, which have an index for it. A question's time lies in its id.
CREATE VIEW assistant.chat_conversations AS
SELECT answer.id, session.channel AS session_id, coalesce(question.content, '') AS user_message,
       answer.content AS ai_response, answer.metadata ->> 'mood' AS mood, answer.timestamp,
       answer.metadata ->> 'user_ip' AS user_ip, answer.metadata ->> 'user_agent' AS user_agent,
       answer.response_ms AS response_time_ms,
       nullif(answer.metadata - ARRAY ['mood', 'user_ip', 'user_agent'], '{}') AS metadata
FROM conversations AS session
JOIN messages AS answer
    ON answer.platform = 'assistant' AND answer.conversation_id = session.id AND answer.role = 'assistant'
LEFT JOIN messages AS question
    ON question.platform = 'assistant' AND question.role = 'user'
    AND question.id = answer.reply_to AND question.timestamp = message_time(answer.reply_to)
WHERE session.platform = 'assistant'
UNION ALL
SELECT question.id, session.channel, question.content, '', question.metadata ->> 'mood', question.timestamp,
       question.metadata ->> 'user_ip', question.metadata ->> 'user_agent', NULL,
       nullif(question.metadata - ARRAY ['mood', 'user_ip', 'user_agent'], '{}')
FROM conversations AS session
JOIN messages AS question
    ON question.platform = 'assistant' AND question.conversation_id = session.id AND question.role = 'user'
WHERE session.platform = 'assistant' AND NOT EXISTS (
    SELECT
    FROM messages AS answer
    WHERE answer.platform = 'assistant' AND answer.role = 'assistant'
        AND answer.conversation_id = question.conversation_id AND answer.reply_to = question.id
);
COMMENT ON VIEW assistant.chat_conversations IS 'What assistants were asked, and what they answered.';
COMMENT ON COLUMN assistant.chat_conversations.id IS 'Of the answer; where there is none, of the question.';
COMMENT ON COLUMN assistant.chat_conversations.timestamp IS 'When it was answered; where it was not, asked.';

-- A turn that is added comes into messages as one that was captured, whatever the rules of channels say: whoever adds it
-- wants it kept. Ids are made here, of nothing that could tell a repetition from another turn.
CREATE FUNCTION assistant.add_turn() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
AS
$function$
DECLARE
    turn     varchar := gen_random_uuid();
    session  uuid := conversation_key('assistant', NEW.session_id, NEW.session_id);
    answered timestamptz := date_trunc('milliseconds', coalesce(NEW.timestamp, now()));
    asked    timestamptz := answered - greatest(NEW.response_time_ms, 1) * interval '1 ms';
    question uuid;
    told     jsonb;
BEGIN
    IF NEW.id IS NOT NULL THEN
        RAISE EXCEPTION 'the id of a turn is made, and cannot be given' USING ERRCODE = 'generated_always';
    END IF;
    IF asked < timestamptz '1970-01-01 00:00:00+00' OR answered >= timestamptz '10000-01-01 00:00:00+00' THEN
        RAISE EXCEPTION 'a turn is of a time from 1970 to 9999' USING ERRCODE = 'datetime_field_overflow';
    END IF;
    question := message_id_at(message_source('assistant', turn || ':user'), asked);
    NEW.id := message_id_at(message_source('assistant', turn || ':assistant'), answered);
    NEW.timestamp := answered;
    told := CASE coalesce(jsonb_typeof(NEW.metadata), 'null')
        WHEN 'null' THEN '{}'
        WHEN 'object' THEN NEW.metadata
        ELSE jsonb_build_object('metadata', NEW.metadata)
    END || jsonb_strip_nulls(
        jsonb_build_object('mood', NEW.mood, 'user_ip', NEW.user_ip, 'user_agent', NEW.user_agent)
    );
    INSERT INTO conversations AS kept (id, platform, channel, external_id, kind, started, last_at, captured)
    VALUES (session, 'assistant', NEW.session_id, NEW.session_id, 'session', asked, answered, 2)
    ON CONFLICT (id) DO UPDATE SET started = least(kept.started, excluded.started),
        last_at = greatest(kept.last_at, excluded.last_at), captured = kept.captured + excluded.captured;
    INSERT INTO messages (platform, id, timestamp, conversation_id, channel, role, content, reply_to, response_ms, metadata)
    VALUES
        ('assistant', question, asked, session, NEW.session_id, 'user', NEW.user_message, NULL, NULL, nullif(told, '{}')),
        ('assistant', NEW.id, answered, session, NEW.session_id, 'assistant', NEW.ai_response, question,
         NEW.response_time_ms, nullif(told, '{}'));
    INSERT INTO message_day_deltas (platform, channel, day, role, messages, weight, mirrors, response_ms, responses)
    VALUES
        ('assistant', NEW.session_id, (asked AT TIME ZONE 'UTC')::date, 'user', 1, 1, 0, NULL, 0),
        ('assistant', NEW.session_id, (answered AT TIME ZONE 'UTC')::date, 'assistant', 1, 1, 0, NEW.response_time_ms,
         num_nonnulls(NEW.response_time_ms));
    RETURN NEW;
END
$function$;

CREATE TRIGGER add_turn
    INSTEAD OF INSERT ON assistant.chat_conversations
    FOR EACH ROW EXECUTE FUNCTION assistant.add_turn();


-- A table, as ON CONFLICT (id) needs an index. What is captured keeps it up, and so does a turn that is added.
CREATE TABLE assistant.chat_sessions (
    id             varchar PRIMARY KEY,
    started_at     timestamptz NOT NULL DEFAULT now(),
    last_activity  timestamptz NOT NULL DEFAULT now(),
    total_messages integer     NOT NULL DEFAULT 0,
    metadata       jsonb
);
COMMENT ON TABLE assistant.chat_sessions IS 'Sessions with assistants: those that were captured, and those that were added.';
COMMENT ON COLUMN assistant.chat_sessions.total_messages IS
    'How many answers there were; counted as they are written, whatever an INSERT or UPDATE says.';

CREATE FUNCTION assistant.keep_session() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
AS
$function$
BEGIN
    INSERT INTO assistant.chat_sessions AS kept (id, started_at, last_activity, total_messages)
    VALUES (NEW.channel, NEW.timestamp, NEW.timestamp, (NEW.role = 'assistant')::integer)
    ON CONFLICT (id) DO UPDATE SET started_at = least(kept.started_at, excluded.started_at),
        last_activity = greatest(kept.last_activity, excluded.last_activity),
        total_messages = kept.total_messages + excluded.total_messages;
    RETURN NULL;
END
$function$;
-- On the platform's partition, so that no other pays for it.
DO
$do$
BEGIN
    PERFORM make_message_partitions('{assistant}');
END
$do$;
CREATE TRIGGER keep_session
    AFTER INSERT ON messages_assistant
    FOR EACH ROW EXECUTE FUNCTION assistant.keep_session();

CREATE FUNCTION assistant.drop_session() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
AS
$function$
BEGIN
    DELETE FROM assistant.chat_sessions WHERE id = OLD.channel;
    RETURN NULL;
END
$function$;
CREATE TRIGGER drop_session
    AFTER DELETE ON conversations
    FOR EACH ROW WHEN (OLD.platform = 'assistant') EXECUTE FUNCTION assistant.drop_session();

INSERT INTO assistant.chat_sessions (id, started_at, last_activity, total_messages)
SELECT channel, min(timestamp), max(timestamp), count(*) FILTER (WHERE role = 'assistant')
FROM messages
WHERE platform = 'assistant'
GROUP BY channel;

-- A website that counts its turns itself would count each twice: it adds the turn, and then one to the sum. And with a sum
-- of its own that cannot grow, no turn of the session could be stored.
CREATE FUNCTION assistant.leave_sum() RETURNS trigger
    LANGUAGE plpgsql
AS
$function$
BEGIN
    NEW.total_messages := CASE TG_OP WHEN 'INSERT' THEN 0 ELSE OLD.total_messages END;
    RETURN NEW;
END
$function$;
CREATE TRIGGER leave_sum
    BEFORE INSERT OR UPDATE OF total_messages ON assistant.chat_sessions
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION assistant.leave_sum();

REVOKE ALL ON FUNCTION assistant.add_turn(), assistant.keep_session(), assistant.drop_session(), assistant.leave_sum()
    FROM PUBLIC;

-- Names in these functions mean PostgreSQL's own objects first, then those of this schema, whatever the caller's
-- search_path.
DO
$do$
DECLARE
    name regprocedure;
BEGIN
    FOREACH name IN ARRAY ARRAY [
        'assistant.add_turn()', 'assistant.keep_session()', 'assistant.drop_session()', 'assistant.leave_sum()'
    ]::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', name, current_schema());
    END LOOP;
END
$do$;
