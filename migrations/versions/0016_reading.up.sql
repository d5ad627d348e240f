-- conversations and message_days of Messenger, all_messages with ids, and who read what.
--
-- A message of chat_log has no id of the platform's that every writer stores; who it is, is its key. So its id is made of
-- that: any reader makes the same of the same row, and it tells the time, by whose index the row is found.
-- A time that no id can hold, as another writer's row may have one, gives none.
CREATE FUNCTION chat_log_id(userid varchar, said timestamptz, direction varchar) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE
        WHEN said >= timestamptz '1970-01-01 00:00:00+00' AND said < timestamptz '10000-01-01 00:00:00+00' THEN
            message_id_at(
                message_source(
                    'messenger',
                    userid || E'\n'
                    || floor(extract(epoch FROM said - timestamptz '1970-01-01 00:00:00+00') * 1000000)::bigint
                    || E'\n' || direction
                ),
                said
            )
    END;
GRANT EXECUTE ON FUNCTION chat_log_id(varchar, timestamptz, varchar) TO PUBLIC;
COMMENT ON FUNCTION chat_log_id(varchar, timestamptz, varchar) IS
    'The id of a message of chat_log, which is known by its person, time and direction.';

-- While it is made, whoever writes to chat_log waits, as of 0010: make it beforehand where the table is large.
CREATE INDEX IF NOT EXISTS chat_log_timestamp_idx ON chat_log (timestamp);


-- A dialogue for each person and page, and what is counted by day: for every writer of chat_log, ours or not. What no key
-- of theirs can hold is counted nowhere, rather than that its message is refused.
CREATE FUNCTION keep_chat_log() RETURNS trigger
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
REVOKE ALL ON FUNCTION keep_chat_log() FROM PUBLIC;

-- What is there is counted once, and nothing is added meanwhile.
LOCK TABLE chat_log IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO conversations (id, platform, channel, external_id, kind, subject_id, started, last_at, captured)
SELECT conversation_key('messenger', channel, userid), 'messenger', channel, userid, 'dialogue', userid, first, last, many
FROM (
    SELECT coalesce(pageid, '') AS channel, userid, min(timestamp) AS first, max(timestamp) AS last, count(*) AS many
    FROM chat_log
    WHERE octet_length(userid) + octet_length(coalesce(pageid, '')) <= 2600
    GROUP BY coalesce(pageid, ''), userid
) AS said;
INSERT INTO message_day_deltas (platform, channel, day, role, messages, weight, mirrors, response_ms, responses)
SELECT 'messenger', coalesce(pageid, ''), (timestamp AT TIME ZONE 'UTC')::date,
       CASE direction WHEN 'bot' THEN 'assistant' ELSE direction END, count(*), count(*), 0, NULL, 0
FROM chat_log
WHERE octet_length(direction) + octet_length(coalesce(pageid, '')) <= 2590
GROUP BY coalesce(pageid, ''), (timestamp AT TIME ZONE 'UTC')::date, direction;
CREATE TRIGGER keep_chat_log
    AFTER INSERT ON chat_log REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION keep_chat_log();


-- As 0015 made it, with ids of chat_log's, and all that a reader of a conversation wants to see.
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


-- Nobody alters it, its owner by mistake neither.
CREATE TABLE access_log (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    who        varchar     NOT NULL,
    tenant     varchar     NOT NULL,
    roles      varchar[]   NOT NULL,
    action     varchar     NOT NULL,
    route      varchar     NOT NULL,
    subject    jsonb       NOT NULL,
    address    varchar,
    user_agent varchar
);
CREATE INDEX access_log_at_idx ON access_log (at);
CREATE INDEX access_log_who_idx ON access_log (who, at);
CREATE INDEX access_log_subject_idx ON access_log USING gin (subject jsonb_path_ops);
COMMENT ON TABLE access_log IS 'Who read what people said, and when: written before it is shown, and never altered.';
COMMENT ON COLUMN access_log.action IS 'What they did, as the rights of callers name it.';
COMMENT ON COLUMN access_log.route IS 'The route or command by which they did it.';
COMMENT ON COLUMN access_log.subject IS 'Whose messages, which, or by what they were looked for.';
COMMENT ON COLUMN access_log.address IS 'From which address, as far as the proxies that are trusted tell.';

CREATE FUNCTION refuse_change() RETURNS trigger
    LANGUAGE plpgsql
AS
$function$
BEGIN
    RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$function$;
REVOKE ALL ON FUNCTION refuse_change() FROM PUBLIC;
CREATE TRIGGER refuse_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON access_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Names in these functions mean PostgreSQL's own objects first, then this schema's, whatever the caller's search_path.
DO
$do$
BEGIN
    EXECUTE format('ALTER FUNCTION keep_chat_log() SET search_path = pg_catalog, %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION refuse_change() SET search_path = pg_catalog, %I, pg_temp', current_schema());
END
$do$;
