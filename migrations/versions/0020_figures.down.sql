-- Sums of what is not in message_days go; who wants them again, migrates up.
DROP TRIGGER move_chat_log ON chat_log;
DROP FUNCTION move_chat_log();
DROP FUNCTION figure_channel(varchar, varchar);
DROP TABLE live_figures, figure_weeks, person_weeks, figure_people, figure_closings;
DROP TABLE figure_responses, figure_hours, figure_days;
CREATE OR REPLACE FUNCTION keep_chat_log() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
AS
$function$
BEGIN
    INSERT INTO conversations AS known (
        id, platform, channel, external_id, kind, subject_id, started, last_at, captured
    )
    SELECT conversation_key('messenger', said.channel, said.userid), 'messenger', said.channel, said.userid, 'dialogue',
           said.userid, said.first, said.last, said.many
    FROM (
        SELECT coalesce(pageid, '') AS channel, userid, min(timestamp) AS first, max(timestamp) AS last, count(*) AS many
        FROM added
        WHERE octet_length(userid) + octet_length(coalesce(pageid, '')) <= 2600
        GROUP BY coalesce(pageid, ''), userid
    ) AS said
    ORDER BY 1
    ON CONFLICT (id) DO UPDATE SET started = least(known.started, excluded.started),
        last_at = greatest(known.last_at, excluded.last_at), captured = known.captured + excluded.captured;
    INSERT INTO message_day_deltas (platform, channel, day, role, messages, weight, mirrors, response_ms, responses)
    SELECT 'messenger', coalesce(pageid, ''), (timestamp AT TIME ZONE 'UTC')::date,
           CASE direction WHEN 'bot' THEN 'assistant' ELSE direction END, count(*), count(*), 0, NULL, 0
    FROM added
    WHERE octet_length(direction) + octet_length(coalesce(pageid, '')) <= 2590
    GROUP BY coalesce(pageid, ''), (timestamp AT TIME ZONE 'UTC')::date, direction;
    RETURN NULL;
END
$function$;
CREATE OR REPLACE FUNCTION assistant.add_turn() RETURNS trigger
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
DO
$do$
DECLARE
    name regprocedure;
BEGIN
    FOREACH name IN ARRAY ARRAY ['keep_chat_log()', 'assistant.add_turn()']::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', name, current_schema());
    END LOOP;
END
$do$;
ALTER TABLE message_day_deltas DROP COLUMN hour, DROP COLUMN surveyid, DROP COLUMN bucket, DROP COLUMN squares;
DROP FUNCTION response_of_bucket(smallint);
DROP FUNCTION response_bucket(integer);
