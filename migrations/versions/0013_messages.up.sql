-- messages: what is said on any platform, in a partition for each and in it one for each month.
--
-- A message is known by its platform and the platform's own id of it, from which come its source and, with its time,
-- its id (models/ids.py); a conversation by what the platform calls it. Any writer makes the same ids of the same.
CREATE FUNCTION message_source(message uuid) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN overlay(message::varchar PLACING '00000000-0000' FROM 1)::uuid;

-- The bits of the version and the variant are set, as RFC 9562 has them.
CREATE FUNCTION message_source(platform varchar, source_id varchar) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (
        SELECT encode(
            decode('000000000000', 'hex')
                || set_byte(set_byte(hash, 0, get_byte(hash, 0) & 15 | 128), 2, get_byte(hash, 2) & 63 | 128), 'hex'
        )::uuid
        FROM substring(sha256(convert_to(platform || E'\n' || source_id, 'UTF8')) FROM 1 FOR 10) AS hash
    );

-- What is finer than a millisecond is cut off. As an interval since 1970, because the epoch of a time is not IMMUTABLE.
CREATE FUNCTION message_id_at(source uuid, said timestamptz) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (
        lpad(to_hex(floor(extract(epoch FROM said - timestamptz '1970-01-01 00:00:00+00') * 1000)::bigint), 12, '0')
        || substring(source::varchar FROM 14)
    )::uuid;

-- As seconds and milliseconds, for a double has not the digits for both.
CREATE FUNCTION message_time(message uuid) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (
        SELECT timestamptz '1970-01-01 00:00:00+00' + ms / 1000 * interval '1 s' + ms % 1000 * interval '1 ms'
        FROM CAST(CAST('x' || left(translate(message::varchar, '-', ''), 12) AS bit(48)) AS bigint) AS ms
    );

-- By sha256, the one good hash that PostgreSQL has without an extension.
CREATE FUNCTION conversation_key(platform varchar, channel varchar, external_id varchar) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN encode(
        substring(sha256(convert_to(platform || E'\n' || channel || E'\n' || external_id, 'UTF8')) FROM 1 FOR 16), 'hex'
    )::uuid;

-- They read nothing, and every role computes ids, also where the default is that nobody else may.
GRANT EXECUTE ON FUNCTION message_source(uuid), message_source(varchar, varchar), message_id_at(uuid, timestamptz),
    message_time(uuid), conversation_key(varchar, varchar, varchar) TO PUBLIC;
COMMENT ON FUNCTION message_source(uuid) IS 'Who the message with an id is, whenever it was said.';
COMMENT ON FUNCTION message_source(varchar, varchar) IS 'The same, of the platform''s own id of a message.';
COMMENT ON FUNCTION message_time(uuid) IS 'When the message with an id was said.';
COMMENT ON FUNCTION message_id_at(uuid, timestamptz) IS 'The id of the message with a source, said at a time.';
COMMENT ON FUNCTION conversation_key(varchar, varchar, varchar) IS
    'The id of a conversation: of its platform, its channel and the platform''s own name of it.';


-- The day is indexed in place of the time, for an update that changes an indexed column is no HOT one: with every batch
-- a version of the row in every index. The room that fillfactor leaves is for those updates.
CREATE TABLE conversations (
    id          uuid PRIMARY KEY,
    platform    varchar     NOT NULL,
    channel     varchar     NOT NULL,
    external_id varchar     NOT NULL,
    kind        varchar     NOT NULL DEFAULT 'dialogue',
    tenant_id   varchar,
    subject_id  varchar,
    title       varchar,
    started     timestamptz NOT NULL,
    last_at     timestamptz NOT NULL,
    last_day    date GENERATED ALWAYS AS ((last_at AT TIME ZONE 'UTC')::date) STORED,
    captured    bigint,
    metadata    jsonb,
    UNIQUE (platform, channel, external_id)
) WITH (fillfactor = 60);
CREATE INDEX conversations_newest_idx ON conversations (last_day);
CREATE INDEX conversations_channel_idx ON conversations (platform, channel, last_day);
CREATE INDEX conversations_tenant_idx ON conversations (tenant_id, last_day);
CREATE INDEX conversations_subject_idx ON conversations (platform, subject_id);

COMMENT ON TABLE conversations IS 'What messages belong to: a room, a dialogue, a session, a thread.';
COMMENT ON COLUMN conversations.external_id IS 'What the platform calls it; of a room, the channel.';
COMMENT ON COLUMN conversations.kind IS 'channel (a room of many), dialogue, session or thread.';
COMMENT ON COLUMN conversations.subject_id IS 'The person whom it is with.';
COMMENT ON COLUMN conversations.captured IS 'How many messages are stored; null of a room, whose days count them.';
COMMENT ON COLUMN conversations.last_at IS 'When the last one was said; of a room, up to a minute behind.';


CREATE TABLE messages (
    platform        varchar     NOT NULL,
    id              uuid        NOT NULL,
    timestamp       timestamptz NOT NULL,
    conversation_id uuid        NOT NULL,
    channel         varchar     NOT NULL,
    role            varchar     NOT NULL,
    author_id       varchar,
    content         varchar     NOT NULL,
    message_type    varchar,
    reply_to        uuid,
    response_ms     integer,
    weight          real        NOT NULL DEFAULT 1,
    edited          timestamptz,
    deleted         timestamptz,
    deletion        varchar,
    metadata        jsonb,
    raw_payload     jsonb,
    -- Written with ON CONFLICT DO NOTHING: the same message delivered twice is one row.
    PRIMARY KEY (id, timestamp, platform)
) PARTITION BY LIST (platform);
CREATE INDEX messages_conversation_idx ON messages (conversation_id, timestamp, id);
CREATE INDEX messages_author_idx ON messages (author_id, timestamp);
CREATE INDEX messages_timestamp_idx ON messages (timestamp);
-- Whole texts would lie in the statistics otherwise, also of those that were deleted.
ALTER TABLE messages ALTER COLUMN content SET STATISTICS 0;

-- No row is ever refused for its platform, nor (in each platform's own default) for its date.
CREATE TABLE messages_default PARTITION OF messages DEFAULT;
ALTER TABLE messages_default ALTER COLUMN content SET STATISTICS 0;

COMMENT ON TABLE messages IS 'Every message of every platform but Messenger (chat_log), once, as it is now.';
COMMENT ON COLUMN messages.id IS 'Of the platform''s id and the time: sorts by time, and the same however often told.';
COMMENT ON COLUMN messages.role IS 'Who spoke: user, assistant, bot, system or tool.';
COMMENT ON COLUMN messages.content IS 'What is said: the latest text. Earlier ones are in message_versions.';
COMMENT ON COLUMN messages.reply_to IS 'The id of the message that it answers.';
COMMENT ON COLUMN messages.response_ms IS 'How long an assistant''s answer took.';
COMMENT ON COLUMN messages.weight IS 'How many messages it stands for, where the channel is sampled: 1 / rate.';
COMMENT ON COLUMN messages.edited IS 'Since when the text is what it is; null if it is the first.';
COMMENT ON COLUMN messages.deleted IS 'When it was taken back.';
COMMENT ON COLUMN messages.deletion IS 'What the channel''s rule made of that: keep, hide or blank.';


-- Makes the partitions of these platforms that are missing, in UTC months around this one, and returns their names.
-- Idempotent, and safe when two run at once: the second waits, and finds nothing missing.
--
-- As chat_log_make_partitions does it, and for the same reasons: rows that wait in a default partition are moved; what
-- they move out of is locked for that moment, and nothing is when nothing is missing; we give up after 5 s; it runs as
-- the tables' owner. For a month, one platform is locked; for a new platform, all of messages. Give it one platform a
-- transaction, or they wait for each other's locks.
CREATE FUNCTION make_message_partitions(
    platforms varchar[], months_back integer DEFAULT 3, months_ahead integer DEFAULT 3
)
    RETURNS SETOF text
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET timezone = 'UTC'
    SET lock_timeout = '5s'
AS
$function$
DECLARE
    home          text := (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = 'messages'::regclass);
    this_month    timestamptz := date_trunc('month', now());
    platform_name varchar;
    whole         text;
    waiting       text;
    month_from    timestamptz;
    month_to      timestamptz;
    name          text;
BEGIN
    IF months_back NOT BETWEEN 0 AND 120 OR months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'months_back and months_ahead are from 0 to 120, not % and %', months_back, months_ahead
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Its partitions are named after it, and another's default or month may not have that name.
    FOREACH platform_name IN ARRAY platforms LOOP
        IF platform_name IS NULL OR platform_name !~ '^[a-z][a-z0-9_]{0,30}$'
            OR platform_name ~ '(^|_)(default|[0-9]{4}_[0-9]{2})$'
        THEN
            RAISE EXCEPTION 'no platform can be called %', coalesce(quote_literal(platform_name), 'null')
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;

    FOR platform_name IN SELECT DISTINCT given FROM unnest(platforms) AS given ORDER BY given LOOP
        whole := format('%s.messages_%s', home, platform_name);
        waiting := whole || '_default';

        IF to_regclass(whole) IS NULL THEN
            LOCK TABLE ONLY messages, messages_default IN ACCESS EXCLUSIVE MODE;
            -- Another may have made it while this one waited.
            IF to_regclass(whole) IS NULL THEN
                EXECUTE format('CREATE TABLE %s (LIKE messages INCLUDING ALL EXCLUDING COMMENTS) '
                               'PARTITION BY RANGE (timestamp)', whole);
                EXECUTE format('ALTER TABLE %s ALTER COLUMN content SET STATISTICS 0', whole);
                EXECUTE format('CREATE TABLE %s PARTITION OF %s DEFAULT', waiting, whole);
                EXECUTE format('ALTER TABLE %s ALTER COLUMN content SET STATISTICS 0', waiting);
                EXECUTE format('WITH moved AS (DELETE FROM messages_default WHERE platform = $1 RETURNING *) '
                               'INSERT INTO %s SELECT * FROM moved', whole)
                    USING platform_name;
                EXECUTE format('ALTER TABLE messages ATTACH PARTITION %s FOR VALUES IN (%L)', whole, platform_name);
                RETURN NEXT 'messages_' || platform_name;
            END IF;
        END IF;

        -- A table in the way is left alone; rows wait in the default partition.
        PERFORM FROM pg_inherits WHERE inhrelid = to_regclass(whole) AND inhparent = 'messages'::regclass;
        CONTINUE WHEN NOT found;
        PERFORM FROM pg_inherits WHERE inhrelid = to_regclass(waiting) AND inhparent = to_regclass(whole);
        CONTINUE WHEN NOT found;

        PERFORM FROM generate_series(-months_back, months_ahead) AS distance
        WHERE to_regclass(whole || to_char(this_month + make_interval(months => distance), '_YYYY_MM')) IS NULL;
        CONTINUE WHEN NOT found;

        EXECUTE format('LOCK TABLE ONLY %s, %s IN ACCESS EXCLUSIVE MODE', whole, waiting);
        FOR distance IN -months_back .. months_ahead LOOP
            month_from := this_month + make_interval(months => distance);
            month_to := this_month + make_interval(months => distance + 1);
            name := format('messages_%s_%s', platform_name, to_char(month_from, 'YYYY_MM'));
            CONTINUE WHEN to_regclass(home || '.' || name) IS NOT NULL;

            EXECUTE format('CREATE TABLE %s.%s (LIKE %s INCLUDING ALL)', home, name, whole);
            EXECUTE format('ALTER TABLE %s.%s ALTER COLUMN content SET STATISTICS 0', home, name);
            EXECUTE format('WITH moved AS (DELETE FROM %s WHERE timestamp >= $1 AND timestamp < $2 RETURNING *) '
                           'INSERT INTO %s.%s SELECT * FROM moved', waiting, home, name)
                USING month_from, month_to;
            EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s.%s FOR VALUES FROM (%L) TO (%L)',
                           whole, home, name, month_from, month_to);
            RETURN NEXT name;
        END LOOP;
    END LOOP;
END
$function$;

REVOKE ALL ON FUNCTION make_message_partitions(varchar[], integer, integer) FROM PUBLIC;


-- Counts by UTC day: what persist appends with each batch, and the sums that it is folded into.
CREATE TABLE message_days (
    platform    varchar,
    channel     varchar,
    day         date,
    role        varchar,
    messages    bigint           NOT NULL,
    weight      double precision NOT NULL,
    mirrors     bigint           NOT NULL DEFAULT 0,
    response_ms bigint,
    responses   bigint,
    people      integer,
    final       boolean          NOT NULL DEFAULT false,
    PRIMARY KEY (day, platform, channel, role)
);
COMMENT ON TABLE message_days IS 'How many messages there were, by UTC day, channel and role.';
COMMENT ON COLUMN message_days.messages IS 'How many are or were stored.';
COMMENT ON COLUMN message_days.weight IS 'How many there were, sampled or not: the sum of their weights.';
COMMENT ON COLUMN message_days.mirrors IS
    'Of the stored ones, copies of another channel''s: sums over channels leave them out.';
COMMENT ON COLUMN message_days.final IS 'Whether the messages have gone, so that nobody can count them again.';

CREATE TABLE message_day_deltas (
    platform    varchar,
    channel     varchar,
    day         date,
    role        varchar,
    messages    bigint,
    weight      double precision,
    mirrors     bigint,
    response_ms bigint,
    responses   bigint,
    -- What its sum could not be kept under has to be refused here, where its message is.
    CHECK (octet_length(platform) + octet_length(channel) + octet_length(role) <= 2600)
);
COMMENT ON TABLE message_day_deltas IS 'What was written since message_days was summed up; appended to, and folded in.';


-- What became of messages: edits and deletions, and the first text of those that have any.
CREATE TABLE message_versions (
    platform        varchar     NOT NULL,
    source          uuid        NOT NULL,
    kind            varchar     NOT NULL,
    changed         timestamptz NOT NULL,
    content         varchar,
    message_type    varchar,
    metadata        jsonb,
    changed_by      varchar,
    reason          varchar,
    deletion        varchar,
    conversation_id uuid,
    id              uuid,
    applied         boolean     NOT NULL DEFAULT false,
    settled         boolean     NOT NULL DEFAULT false,
    noted           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, kind, changed)
);
ALTER TABLE message_versions ALTER COLUMN content SET STATISTICS 0;
-- What waits for its message: little, and not for long.
CREATE INDEX message_versions_pending_idx ON message_versions (source) WHERE NOT applied;
CREATE INDEX message_versions_unsettled_idx ON message_versions (noted) WHERE NOT settled;
COMMENT ON TABLE message_versions IS 'Texts that messages had, and deletions, each with its time; none for most messages.';
COMMENT ON COLUMN message_versions.source IS 'Of which message: message_source(id).';
COMMENT ON COLUMN message_versions.kind IS
    'first (the text at the message''s own time), fill (what filled an empty one in), edit or deletion.';
COMMENT ON COLUMN message_versions.changed IS 'Since when it has that text, or is deleted.';
COMMENT ON COLUMN message_versions.deletion IS 'What the channel''s rule made of a deletion: keep, hide or blank.';
COMMENT ON COLUMN message_versions.applied IS 'Whether the row in messages has it; else it waits for its message.';
-- A message and a change of it that are written at one moment do not see each other: each change is looked at once more.
COMMENT ON COLUMN message_versions.settled IS 'Whether it was looked at again after all that was being written then.';
COMMENT ON COLUMN message_versions.noted IS 'When we were told.';

CREATE TABLE told_by_updates (
    source uuid PRIMARY KEY,
    told   timestamptz NOT NULL
);
COMMENT ON TABLE told_by_updates IS
    'Messages whose row an update made, as they have not come: they, or an earlier update, take its place.';
COMMENT ON COLUMN told_by_updates.told IS 'The time of the update.';

CREATE TABLE message_clears (
    platform   varchar     NOT NULL,
    channel    varchar     NOT NULL,
    author_id  varchar     NOT NULL,
    cleared    timestamptz NOT NULL,
    cleared_by varchar,
    reason     varchar,
    duration_s integer,
    deletion   varchar,
    settled    boolean     NOT NULL DEFAULT false,
    noted      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (platform, channel, author_id, cleared)
);
-- What concerns messages that come late.
CREATE INDEX message_clears_cleared_idx ON message_clears (platform, channel, cleared);
CREATE INDEX message_clears_unsettled_idx ON message_clears (noted) WHERE NOT settled;
COMMENT ON TABLE message_clears IS 'When all that was said before in a channel was taken back, of a person or of all.';
COMMENT ON COLUMN message_clears.author_id IS 'Whose messages; empty for everybody''s.';
COMMENT ON COLUMN message_clears.duration_s IS 'How long the person is kept out; null for good, or for nobody.';

CREATE TABLE message_feedback (
    platform  varchar     NOT NULL,
    source    uuid PRIMARY KEY,
    refers_to uuid        NOT NULL,
    value     real        NOT NULL,
    given     timestamptz NOT NULL,
    label     varchar,
    comment   varchar,
    author_id varchar,
    metadata  jsonb
);
ALTER TABLE message_feedback ALTER COLUMN comment SET STATISTICS 0;
CREATE INDEX message_feedback_refers_to_idx ON message_feedback (refers_to);
COMMENT ON TABLE message_feedback IS 'What people think of messages: the latest of each opinion.';
COMMENT ON COLUMN message_feedback.source IS 'Which opinion.';
COMMENT ON COLUMN message_feedback.refers_to IS 'Of which message: message_source(id).';
COMMENT ON COLUMN message_feedback.value IS 'Better is more: 1 and -1 for thumbs.';


CREATE TABLE people (
    platform  varchar,
    person_id varchar,
    name      varchar,
    named     timestamptz,
    PRIMARY KEY (platform, person_id)
);
COMMENT ON TABLE people IS 'Who spoke on a platform, and what they are called there.';
COMMENT ON COLUMN people.named IS 'When somebody was last seen with that name.';

CREATE TABLE stays (
    platform  varchar,
    channel   varchar,
    person_id varchar,
    joined    timestamptz,
    last_at   timestamptz NOT NULL,
    left_at   timestamptz,
    messages  bigint      NOT NULL DEFAULT 0,
    told      boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (platform, channel, person_id, joined, told)
);
COMMENT ON TABLE stays IS 'From when to when somebody was in a channel.';
COMMENT ON COLUMN stays.last_at IS 'When something was last seen of them.';
COMMENT ON COLUMN stays.left_at IS 'When they left; null while they may be there.';
COMMENT ON COLUMN stays.messages IS 'How many messages they sent, counted before sampling.';
COMMENT ON COLUMN stays.told IS 'Whether the platform told it; else it is a time without a gap of half an hour.';

CREATE TABLE stay_deltas (
    platform  varchar     NOT NULL,
    channel   varchar     NOT NULL,
    person_id varchar,
    first     timestamptz NOT NULL,
    last      timestamptz NOT NULL,
    messages  bigint      NOT NULL DEFAULT 0,
    kind      varchar,
    -- As of message_day_deltas.
    CHECK (octet_length(platform) + octet_length(channel) + coalesce(octet_length(person_id), 0) <= 2600),
    CHECK (first > '0001-01-01' AND last < '10000-01-01')
);
COMMENT ON TABLE stay_deltas IS 'What was seen of people since stays was brought up to date; appended to, and folded in.';
COMMENT ON COLUMN stay_deltas.kind IS
    'Null for messages; told where presences have news, of a person or (null) of everybody in the channel.';

CREATE TABLE presences (
    platform  varchar     NOT NULL,
    source    uuid PRIMARY KEY,
    kind      varchar     NOT NULL,
    channel   varchar     NOT NULL,
    person_id varchar,
    timestamp timestamptz NOT NULL
);
CREATE INDEX presences_person_idx ON presences (platform, channel, person_id);
COMMENT ON TABLE presences IS 'Who came and went when, as the platform told it, each event once.';
COMMENT ON COLUMN presences.kind IS
    'join, leave, leave_all (everybody), or message: that somebody spoke, on platforms that tell who is there.';

CREATE TABLE sampled_out (
    id        uuid PRIMARY KEY,
    timestamp timestamptz NOT NULL
);
COMMENT ON TABLE sampled_out IS 'Ids of messages that a sample left out, for two days, so that stays count them once.';


-- Names in these functions mean PostgreSQL's own objects first, then this schema's, whatever the caller's search_path.
DO
$do$
BEGIN
    EXECUTE format('ALTER FUNCTION make_message_partitions(varchar[], integer, integer) '
                   'SET search_path = pg_catalog, %I, pg_temp', current_schema());
END
$do$;
