-- Figures: how much is said by day and hour, of which survey, how fast it is answered, and who comes back.
--
-- Sums, which stay when what was said has gone, and name nobody; but for person_weeks, of which sums of weeks are made.
--
-- Answers by the time they took, in buckets of which each ends a tenth above where it begins: what is in one is told
-- within 5 %. Made of whole milliseconds here and nowhere else, so that a correction meets the bucket that it corrects.
CREATE FUNCTION response_bucket(ms integer) RETURNS smallint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN floor(ln(greatest(ms, 1)::double precision) / ln(1.1::double precision))::smallint;
CREATE FUNCTION response_of_bucket(bucket smallint) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN exp((bucket + 0.5) * ln(1.1::double precision));
-- A session of an assistant is no place: all of them are one channel.
CREATE FUNCTION figure_channel(platform varchar, channel varchar) RETURNS varchar
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE platform WHEN 'assistant' THEN '' ELSE coalesce(channel, '') END;
GRANT EXECUTE ON FUNCTION figure_channel(varchar, varchar), response_bucket(integer), response_of_bucket(smallint)
    TO PUBLIC;
COMMENT ON FUNCTION figure_channel(varchar, varchar) IS 'Under which channel a message counts.';
COMMENT ON FUNCTION response_bucket(integer) IS 'Among which answers one counts that took so long.';
COMMENT ON FUNCTION response_of_bucket(smallint) IS 'How long those took, in milliseconds, within 5 %.';


-- Of what a writer adds that does not say more, the day alone is known.
ALTER TABLE message_day_deltas
    ADD COLUMN hour smallint,
    ADD COLUMN surveyid uuid,
    ADD COLUMN bucket smallint,
    ADD COLUMN squares double precision;
COMMENT ON COLUMN message_day_deltas.hour IS 'Of the day, in UTC.';
COMMENT ON COLUMN message_day_deltas.bucket IS 'response_bucket of the answers among them; null of the rest.';
COMMENT ON COLUMN message_day_deltas.squares IS
    'The sum of the squares of their weights, by which a sample''s error is told.';

-- The key has what no message may be of: a survey, or (a session being no place) a channel.
CREATE TABLE figure_days (
    day         date             NOT NULL,
    platform    varchar          NOT NULL,
    channel     varchar          NOT NULL,
    surveyid    uuid,
    role        varchar          NOT NULL,
    messages    bigint           NOT NULL,
    weight      double precision NOT NULL,
    squares     double precision NOT NULL,
    mirrors     bigint           NOT NULL,
    response_ms bigint           NOT NULL,
    responses   bigint           NOT NULL,
    UNIQUE NULLS NOT DISTINCT (day, platform, channel, surveyid, role)
) WITH (fillfactor = 70);
COMMENT ON TABLE figure_days IS 'How many messages there were, by UTC day, channel, survey and role.';
COMMENT ON COLUMN figure_days.channel IS 'Empty for sessions of assistants, and for Messenger without a page.';
COMMENT ON COLUMN figure_days.weight IS 'How many there were, sampled or not: the sum of their weights.';
COMMENT ON COLUMN figure_days.squares IS
    'The sum of the squares of their weights: 1.96 * sqrt(squares - weight) is the margin of error of weight, at 95 %.';
COMMENT ON COLUMN figure_days.mirrors IS 'As of message_days.';

CREATE TABLE figure_hours (
    timestamp timestamptz      NOT NULL,
    platform  varchar          NOT NULL,
    channel   varchar          NOT NULL,
    surveyid  uuid,
    role      varchar          NOT NULL,
    messages  bigint           NOT NULL,
    weight    double precision NOT NULL,
    squares   double precision NOT NULL,
    mirrors   bigint           NOT NULL,
    UNIQUE NULLS NOT DISTINCT (timestamp, platform, channel, surveyid, role)
) WITH (fillfactor = 70);
COMMENT ON TABLE figure_hours IS 'The same by the hour, which begins at timestamp.';

CREATE TABLE figure_responses (
    day       date     NOT NULL,
    platform  varchar  NOT NULL,
    channel   varchar  NOT NULL,
    surveyid  uuid,
    role      varchar  NOT NULL,
    bucket    smallint NOT NULL,
    responses bigint   NOT NULL,
    UNIQUE NULLS NOT DISTINCT (day, platform, channel, surveyid, role, bucket)
) WITH (fillfactor = 70);
COMMENT ON TABLE figure_responses IS 'How many answers took about so long: response_of_bucket(bucket) milliseconds.';


-- People are counted when a day is over (sinks/postgres/counting.py), for sums of them count some twice.
CREATE TABLE figure_closings (
    platform   varchar,
    day        date,
    is_counted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (platform, day)
);
CREATE INDEX figure_closings_open_idx ON figure_closings (day) WHERE NOT is_counted;
COMMENT ON TABLE figure_closings IS
    'Of which days people are to be counted: those with messages that no count has seen.';

CREATE TABLE figure_people (
    day      date    NOT NULL,
    platform varchar NOT NULL,
    channel  varchar,
    surveyid uuid,
    people   bigint  NOT NULL,
    UNIQUE NULLS NOT DISTINCT (day, platform, channel, surveyid)
);
COMMENT ON TABLE figure_people IS 'How many people spoke on a UTC day: on a platform, in a channel, in a survey.';
COMMENT ON COLUMN figure_people.channel IS 'Null of the platform, and of a survey.';

CREATE TABLE person_weeks (
    platform  varchar NOT NULL,
    person_id varchar NOT NULL,
    week      date    NOT NULL,
    channel   varchar NOT NULL,
    surveyid  uuid,
    UNIQUE NULLS NOT DISTINCT (platform, person_id, week, channel, surveyid)
);
COMMENT ON TABLE person_weeks IS
    'In which weeks, which begin on Mondays in UTC, somebody spoke, where, and in which survey.';

CREATE TABLE figure_weeks (
    platform   varchar NOT NULL,
    channel    varchar,
    surveyid   uuid,
    first_week date    NOT NULL,
    week       date    NOT NULL,
    people     bigint  NOT NULL,
    UNIQUE NULLS NOT DISTINCT (platform, channel, surveyid, first_week, week)
);
COMMENT ON TABLE figure_weeks IS
    'Of those who first spoke in first_week, how many spoke in week: on a platform, in a channel, in a survey.';
COMMENT ON COLUMN figure_weeks.channel IS 'Null of the platform, and of a survey.';


-- What workers have seen in the last minutes: written now and again by each, and worth nothing after a restart.
CREATE UNLOGGED TABLE live_figures (
    worker    varchar     NOT NULL,
    minute    timestamptz NOT NULL,
    platform  varchar     NOT NULL,
    channel   varchar,
    surveyid  uuid,
    messages  bigint      NOT NULL,
    people    bigint      NOT NULL,
    responses jsonb       NOT NULL DEFAULT '{}',
    is_whole  boolean     NOT NULL DEFAULT true,
    UNIQUE NULLS NOT DISTINCT (minute, worker, platform, channel, surveyid)
);
COMMENT ON TABLE live_figures IS
    'What each worker stored, by the minute: of a platform, of a channel, of a survey; for an hour.';
COMMENT ON COLUMN live_figures.channel IS 'Null of the platform, and of a survey.';
COMMENT ON COLUMN live_figures.people IS 'How many spoke in this minute and the four before it.';
COMMENT ON COLUMN live_figures.responses IS 'How many answers by response_bucket.';
COMMENT ON COLUMN live_figures.is_whole IS 'Whether the worker could remember all people and places.';


-- As 0016 made it, with the hour and the survey.
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
    INSERT INTO message_day_deltas (
        platform, channel, day, hour, surveyid, role, messages, weight, squares, mirrors, response_ms, responses
    )
    SELECT 'messenger', coalesce(pageid, ''), (timestamp AT TIME ZONE 'UTC')::date,
           extract(hour FROM timestamp AT TIME ZONE 'UTC'), surveyid,
           CASE direction WHEN 'bot' THEN 'assistant' ELSE direction END, count(*), count(*), count(*), 0, NULL, 0
    FROM added
    WHERE octet_length(direction) + octet_length(coalesce(pageid, '')) <= 2590
    GROUP BY coalesce(pageid, ''), (timestamp AT TIME ZONE 'UTC')::date, extract(hour FROM timestamp AT TIME ZONE 'UTC'),
        surveyid, direction;
    RETURN NULL;
END
$function$;

-- A row whose survey is told later moves from one sum to another.
CREATE FUNCTION move_chat_log() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
AS
$function$
BEGIN
    INSERT INTO message_day_deltas (
        platform, channel, day, hour, surveyid, role, messages, weight, squares, mirrors, response_ms, responses
    )
    SELECT 'messenger', channel, day, hour, surveyid, role, sum(sign), sum(sign), sum(sign), 0, NULL, 0
    FROM (
        SELECT sign, coalesce(pageid, '') AS channel, (timestamp AT TIME ZONE 'UTC')::date AS day,
               extract(hour FROM timestamp AT TIME ZONE 'UTC') AS hour, surveyid,
               CASE direction WHEN 'bot' THEN 'assistant' ELSE direction END AS role
        FROM (
            SELECT 1 AS sign, pageid, timestamp, surveyid, direction FROM after
            UNION ALL
            SELECT -1, pageid, timestamp, surveyid, direction FROM before
        ) AS changed
        WHERE octet_length(direction) + octet_length(coalesce(pageid, '')) <= 2590
    ) AS moved
    GROUP BY channel, day, hour, surveyid, role
    HAVING sum(sign) <> 0;
    RETURN NULL;
END
$function$;
REVOKE ALL ON FUNCTION move_chat_log() FROM PUBLIC;

-- As 0015 made it, with the hour and the bucket.
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
    INSERT INTO message_day_deltas (
        platform, channel, day, hour, role, messages, weight, squares, mirrors, response_ms, responses, bucket
    )
    VALUES
        ('assistant', NEW.session_id, (asked AT TIME ZONE 'UTC')::date, extract(hour FROM asked AT TIME ZONE 'UTC'),
         'user', 1, 1, 1, 0, NULL, 0, NULL),
        ('assistant', NEW.session_id, (answered AT TIME ZONE 'UTC')::date, extract(hour FROM answered AT TIME ZONE 'UTC'),
         'assistant', 1, 1, 1, 0, NEW.response_time_ms, num_nonnulls(NEW.response_time_ms),
         response_bucket(NEW.response_time_ms));
    RETURN NEW;
END
$function$;


-- What is there is summed once, and nothing is added meanwhile: days of other platforms as they were summed before, the
-- rest by its rows.
LOCK TABLE chat_log, messages, message_day_deltas IN SHARE ROW EXCLUSIVE MODE;
WITH gone AS (
    DELETE FROM message_day_deltas RETURNING *
)
INSERT INTO message_days AS known (platform, channel, day, role, messages, weight, mirrors, response_ms, responses)
SELECT platform, channel, day, role, sum(messages), sum(weight), sum(mirrors), sum(response_ms), sum(responses)
FROM gone
GROUP BY platform, channel, day, role
ON CONFLICT (day, platform, channel, role) DO UPDATE SET
    messages = known.messages + excluded.messages,
    weight = known.weight + excluded.weight,
    mirrors = known.mirrors + excluded.mirrors,
    response_ms = coalesce(known.response_ms + excluded.response_ms, known.response_ms, excluded.response_ms),
    responses = coalesce(known.responses, 0) + coalesce(excluded.responses, 0);
INSERT INTO figure_days (
    day, platform, channel, surveyid, role, messages, weight, squares, mirrors, response_ms, responses
)
SELECT day, platform, figure_channel(platform, channel), NULL::uuid, role, sum(messages),
       sum(weight), sum(weight * weight / messages), sum(mirrors), coalesce(sum(response_ms), 0),
       coalesce(sum(responses), 0)
FROM message_days
WHERE platform <> 'messenger' AND messages > 0
GROUP BY 1, 2, 3, 5
UNION ALL
SELECT (timestamp AT TIME ZONE 'UTC')::date, 'messenger', coalesce(pageid, ''), surveyid,
       CASE direction WHEN 'bot' THEN 'assistant' ELSE direction END, count(*), count(*), count(*), 0, 0, 0
FROM chat_log
WHERE octet_length(direction) + octet_length(coalesce(pageid, '')) <= 2590
GROUP BY 1, 3, 4, 5;
INSERT INTO figure_hours (timestamp, platform, channel, surveyid, role, messages, weight, squares, mirrors)
SELECT date_trunc('hour', timestamp, 'UTC'), platform, figure_channel(platform, channel), NULL::uuid, role,
       count(*), sum(weight::double precision), sum(weight::double precision * weight), 0
FROM messages
GROUP BY 1, 2, 3, 5
UNION ALL
SELECT date_trunc('hour', timestamp, 'UTC'), 'messenger', coalesce(pageid, ''), surveyid,
       CASE direction WHEN 'bot' THEN 'assistant' ELSE direction END, count(*), count(*), count(*), 0
FROM chat_log
WHERE octet_length(direction) + octet_length(coalesce(pageid, '')) <= 2590
GROUP BY 1, 3, 4, 5;
INSERT INTO figure_responses (day, platform, channel, surveyid, role, bucket, responses)
SELECT (timestamp AT TIME ZONE 'UTC')::date, platform, figure_channel(platform, channel), NULL, role,
       response_bucket(response_ms), count(*)
FROM messages
WHERE response_ms IS NOT NULL
GROUP BY 1, 2, 3, 5, 6;
INSERT INTO figure_closings (platform, day)
SELECT DISTINCT platform, day FROM figure_days WHERE role = 'user';

CREATE TRIGGER move_chat_log
    AFTER UPDATE ON chat_log REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION move_chat_log();

-- Names in these functions mean PostgreSQL's own objects first, then those of their schema, whatever the caller's
-- search_path.
DO
$do$
DECLARE
    name regprocedure;
BEGIN
    FOREACH name IN ARRAY ARRAY ['keep_chat_log()', 'move_chat_log()', 'assistant.add_turn()']::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', name, current_schema());
    END LOOP;
END
$do$;
