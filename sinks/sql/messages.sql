-- Messages and what becomes of them, written once: sinks/postgres/messages.py.
--
-- Every statement on `messages` is of one platform and names it, so that no lock of another's partitions is waited for.
-- Of blank, hide and keep, what a rule makes of deletions, the strictest is the first of the alphabet: `least`.

-- name: insert_messages
-- Write a batch of messages of the platform $1, and what is counted of those that were not there yet: conversations,
-- days, stays, names. Returns how many were new, their ids where $8 asks for them, and whether any of them may have
-- been edited, deleted or cleared before it came.
-- $2 are the messages, sorted by id; $3 the conversations to bring up to date; $4 the ids of mirrored messages; $5 what
-- a sample left out; $6 people; $7 the gap that ends a stay, or null where stays are told. What is grouped by the gap
-- lies within it.
WITH new AS (
    INSERT INTO messages (
        platform, id, timestamp, conversation_id, channel, role, author_id, content, message_type, reply_to,
        response_ms, weight, metadata, raw_payload
    )
    SELECT
        $1::varchar,
        said.id,
        -- Whole seconds apart: an interval is multiplied in floating point, which from 2255 on is not exact.
        'epoch'::timestamptz
            + said.timestamp / 1000 * interval '1 second'
            + said.timestamp % 1000 * interval '1 millisecond',
        said.conversation_id,
        said.channel,
        said.role,
        said.author_id,
        coalesce(said.content, ''),
        said.message_type,
        said.reply_to,
        said.response_ms,
        coalesce(said.weight, 1),
        said.metadata,
        said.raw_payload
    FROM jsonb_to_recordset($2::jsonb) AS said (
        id uuid,
        timestamp bigint,
        conversation_id uuid,
        channel varchar,
        role varchar,
        author_id varchar,
        content varchar,
        message_type varchar,
        reply_to uuid,
        response_ms integer,
        weight real,
        metadata jsonb,
        raw_payload jsonb
    )
    ON CONFLICT (id, timestamp, platform) DO NOTHING
    RETURNING id, timestamp, conversation_id, channel, role, author_id, weight, response_ms
),
talks AS (
    SELECT
        conversation_id,
        min(timestamp) AS first,
        max(timestamp) AS last,
        count(*) AS many,
        min(author_id) FILTER (WHERE role = 'user') AS subject_id
    FROM new
    GROUP BY conversation_id
),
kept AS (
    INSERT INTO conversations AS known (
        id, platform, channel, external_id, kind, title, subject_id, started, last_at, captured
    )
    SELECT
        told.id,
        $1::varchar,
        told.channel,
        told.external_id,
        told.kind,
        told.title,
        CASE WHEN told.kind IN ('dialogue', 'session') THEN talks.subject_id END,
        talks.first,
        talks.last,
        CASE WHEN told.kind <> 'channel' THEN talks.many END
    FROM talks
    INNER JOIN
        jsonb_to_recordset($3::jsonb) AS told (
            id uuid, channel varchar, external_id varchar, kind varchar, title varchar
        )
        ON talks.conversation_id = told.id
    ORDER BY told.id
    ON CONFLICT (id) DO UPDATE SET
        started = least(known.started, excluded.started),
        last_at = greatest(known.last_at, excluded.last_at),
        title = coalesce(excluded.title, known.title),
        subject_id = least(known.subject_id, excluded.subject_id),
        captured = known.captured + excluded.captured
),
counted AS (
    INSERT INTO message_day_deltas (
        platform, channel, day, hour, role, bucket, messages, weight, squares, mirrors, response_ms, responses
    )
    SELECT
        $1::varchar,
        channel,
        (timestamp AT TIME ZONE 'UTC')::date,
        extract(hour FROM timestamp AT TIME ZONE 'UTC'),
        role,
        response_bucket(response_ms),
        count(*),
        sum(weight::double precision),
        sum(weight::double precision * weight),
        count(*) FILTER (WHERE id = ANY ($4::uuid[])),
        sum(response_ms),
        count(response_ms)
    FROM new
    GROUP BY 2, 3, 4, 5, 6
),
asked AS (
    SELECT DISTINCT ON (id)
        id,
        'epoch'::timestamptz
            + timestamp / 1000 * interval '1 second'
            + timestamp % 1000 * interval '1 millisecond' AS timestamp,
        channel,
        author_id
    FROM jsonb_to_recordset($5::jsonb) AS (id uuid, timestamp bigint, channel varchar, author_id varchar)
),
left_out AS (
    INSERT INTO sampled_out (id, timestamp)
    SELECT id, timestamp
    FROM asked
    -- Older ids are not kept, so that nobody could tell whether it was counted.
    WHERE timestamp > now() - interval '2 days'
    ORDER BY id
    ON CONFLICT (id) DO NOTHING
    RETURNING id
),
seen AS (
    INSERT INTO stay_deltas (platform, channel, person_id, first, last, messages)
    SELECT $1::varchar, channel, author_id, min(timestamp), max(timestamp), count(*)
    FROM (
        -- What one delivery of a message tells may exempt it from a sample that another's leaves it out of.
        SELECT channel, author_id, timestamp
        FROM new
        WHERE NOT EXISTS (SELECT FROM sampled_out WHERE sampled_out.id = new.id)
        UNION ALL
        SELECT asked.channel, asked.author_id, asked.timestamp
        FROM left_out
        INNER JOIN asked USING (id)
        WHERE NOT EXISTS (
            SELECT
            FROM messages AS stored
            WHERE stored.platform = $1 AND stored.id = asked.id AND stored.timestamp = asked.timestamp
        )
    ) AS said
    WHERE author_id IS NOT NULL AND $7::interval IS NOT NULL
    GROUP BY channel, author_id, date_bin($7::interval, timestamp, 'epoch'::timestamptz)
),
named AS (
    INSERT INTO people AS known (platform, person_id, name, named)
    SELECT
        $1::varchar,
        person_id,
        name,
        'epoch'::timestamptz + named / 1000 * interval '1 second' + named % 1000 * interval '1 millisecond'
    FROM jsonb_to_recordset($6::jsonb) AS (person_id varchar, name varchar, named bigint)
    ORDER BY person_id
    ON CONFLICT (platform, person_id) DO UPDATE SET name = excluded.name, named = excluded.named
    WHERE known.named IS NULL OR (excluded.named, excluded.name) > (known.named, known.name)
)
SELECT
    count(*) AS rows,
    coalesce(array_agg(id) FILTER (WHERE $8::boolean), '{}') AS ids,
    -- The little that waits, in a nested loop whatever the statistics say.
    EXISTS (
        SELECT
        FROM new AS late
        CROSS JOIN LATERAL (
            SELECT
            FROM message_versions AS waiting
            WHERE waiting.source = message_source(late.id) AND NOT waiting.applied
            LIMIT 1
        ) AS found
    ) OR EXISTS (
        SELECT
        FROM (SELECT channel, min(timestamp) AS since FROM new GROUP BY channel) AS late
        -- The latest of the channel, by its index: asked for any, the planner may read all that was ever cleared.
        CROSS JOIN LATERAL (
            SELECT cleared
            FROM message_clears AS clear
            WHERE clear.platform = $1 AND clear.channel = late.channel
            ORDER BY cleared DESC
            LIMIT 1
        ) AS latest
        WHERE latest.cleared >= late.since
    ) AS is_late
FROM new;

-- name: end_if_left_alone
-- Give up this transaction, with its locks, where whoever began it does not go on: it is frozen, or cut off.
-- A session whose client is frozen between two parts of a question counts as active, not as idle: since version 17, a
-- transaction can be given a limit as a whole, of so long as four of its statements may take.
SET LOCAL idle_in_transaction_session_timeout = '20s';
SELECT CASE WHEN current_setting('server_version_num')::int >= 170000 THEN set_config(
    'transaction_timeout',
    (1000 * extract(epoch FROM 4 * current_setting('statement_timeout')::interval))::bigint::varchar,
    true
) END;

-- name: plan_for_one_platform
-- Have the statements of this transaction planned for what they are asked: one plan for any platform would lock all.
SET LOCAL plan_cache_mode = force_custom_plan;

-- name: find_told_by_updates
-- Which of these messages have a row that an update made, and the update's time.
SELECT source, told
FROM told_by_updates
WHERE source = ANY ($1::uuid[])
ORDER BY source
FOR UPDATE;

-- name: note_told_by_updates
-- Note the updates that made rows.
INSERT INTO told_by_updates (source, told)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[])
ON CONFLICT (source) DO UPDATE SET told = excluded.told;

-- name: forget_told_by_updates
-- The messages themselves have come.
DELETE FROM told_by_updates
WHERE source = ANY ($1::uuid[]);

-- name: tell_again
-- Have the rows of messages of the platform $1 as these ($2) tell them, and count the difference. All of them were said
-- from $3 to $4.
WITH said AS (
    SELECT *
    FROM jsonb_to_recordset($2::jsonb) AS (
        id uuid,
        role varchar,
        author_id varchar,
        content varchar,
        message_type varchar,
        reply_to uuid,
        response_ms integer,
        weight real,
        metadata jsonb,
        raw_payload jsonb
    )
),
before AS (
    SELECT id, channel, timestamp, role, weight, response_ms
    FROM messages
    WHERE platform = $1 AND timestamp BETWEEN $3 AND $4 AND id IN (SELECT id FROM said)
),
after AS (
    UPDATE messages
    SET
        role = said.role,
        author_id = said.author_id,
        content = coalesce(said.content, ''),
        message_type = said.message_type,
        reply_to = said.reply_to,
        response_ms = said.response_ms,
        weight = coalesce(said.weight, 1),
        metadata = said.metadata,
        raw_payload = said.raw_payload
    FROM said
    WHERE platform = $1 AND timestamp BETWEEN $3 AND $4 AND messages.id = said.id
    RETURNING messages.channel, messages.timestamp, messages.role, messages.weight, messages.response_ms
)
INSERT INTO message_day_deltas (
    platform, channel, day, hour, role, bucket, messages, weight, squares, mirrors, response_ms, responses
)
SELECT
    $1,
    channel,
    (timestamp AT TIME ZONE 'UTC')::date,
    extract(hour FROM timestamp AT TIME ZONE 'UTC'),
    role,
    response_bucket(response_ms),
    sum(sign),
    sum(sign * weight::double precision),
    sum(sign * weight::double precision * weight),
    0,
    sum(sign * response_ms),
    sum(sign * (response_ms IS NOT NULL)::int)
FROM (
    SELECT 1 AS sign, channel, timestamp, role, weight, response_ms
    FROM after
    UNION ALL
    SELECT -1, channel, timestamp, role, weight, response_ms
    FROM before
) AS changed
GROUP BY 2, 3, 4, 5, 6;

-- name: add_texts
-- Keep texts that messages of the platform $1 have or had, with their times. Of two that have one time, the greater
-- stays, whichever comes first; the type of message is compared by itself, as it outlives a text that is made blank.
INSERT INTO message_versions AS known (
    platform, source, kind, changed, content, message_type, metadata, conversation_id, id
)
SELECT $1, source, kind, changed, content, message_type, metadata, conversation_id, id
FROM jsonb_to_recordset($2::jsonb) AS (
    source uuid,
    kind varchar,
    changed timestamptz,
    content varchar,
    message_type varchar,
    metadata jsonb,
    conversation_id uuid,
    id uuid
)
ORDER BY source, kind, changed
ON CONFLICT (source, kind, changed) DO UPDATE SET
    (content, metadata) = (
        SELECT content, metadata
        FROM (VALUES (known.content, known.metadata), (excluded.content, excluded.metadata)) AS of_two (content, metadata)
        ORDER BY octet_length(content) DESC, content COLLATE "C" DESC, coalesce(metadata::varchar, '') COLLATE "C" DESC
        LIMIT 1
    ),
    message_type = greatest(known.message_type, excluded.message_type),
    id = coalesce(known.id, excluded.id),
    conversation_id = coalesce(known.conversation_id, excluded.conversation_id),
    applied = false,
    settled = false,
    noted = now()
WHERE
    (known.content, known.message_type, known.metadata)
    IS DISTINCT FROM (excluded.content, excluded.message_type, excluded.metadata);

-- name: add_deletions
-- Keep that messages of the platform $1 were deleted. Of two at one time, the stricter.
INSERT INTO message_versions AS known (
    platform, source, kind, changed, changed_by, reason, deletion, conversation_id, id
)
SELECT $1, source, 'deletion', changed, changed_by, reason, deletion, conversation_id, id
FROM jsonb_to_recordset($2::jsonb) AS (
    source uuid,
    changed timestamptz,
    changed_by varchar,
    reason varchar,
    deletion varchar,
    conversation_id uuid,
    id uuid
)
ORDER BY source, changed
ON CONFLICT (source, kind, changed) DO UPDATE SET
    changed_by = least(known.changed_by, excluded.changed_by),
    reason = least(known.reason, excluded.reason),
    deletion = least(known.deletion, excluded.deletion),
    id = coalesce(known.id, excluded.id),
    conversation_id = coalesce(known.conversation_id, excluded.conversation_id),
    applied = false,
    settled = false,
    noted = now()
WHERE
    known.deletion > excluded.deletion
    OR least(known.changed_by, excluded.changed_by) IS DISTINCT FROM known.changed_by
    OR least(known.reason, excluded.reason) IS DISTINCT FROM known.reason
    OR (known.id IS NULL AND excluded.id IS NOT NULL);

-- name: lock_messages
-- Which of these messages of the platform $1 there are, said from $3 to $4. Nobody else changes them until we are done:
-- what they are is worked out from what all wrote before.
SELECT id
FROM messages
WHERE platform = $1 AND timestamp BETWEEN $3 AND $4 AND id = ANY ($2::uuid[])
ORDER BY id
FOR NO KEY UPDATE;

-- name: keep_first_texts
-- Keep the first text of messages of the platform $1 that have others, unless it has not come.
INSERT INTO message_versions (
    platform, source, kind, changed, content, message_type, metadata, conversation_id, id, applied, settled
)
SELECT
    platform, message_source(id), 'first', timestamp, content, message_type, metadata, conversation_id, id, true, true
FROM messages
WHERE
    platform = $1
    AND timestamp BETWEEN $3 AND $4
    AND id = ANY ($2::uuid[])
    AND EXISTS (
        SELECT
        FROM message_versions
        WHERE source = message_source(messages.id) AND kind IN ('fill', 'edit')
    )
    AND NOT EXISTS (SELECT FROM told_by_updates WHERE source = message_source(messages.id))
ON CONFLICT (source, kind, changed) DO NOTHING;

-- name: apply_versions
-- Have messages of the platform $1 as their versions say: the latest text, who took them back first, and nothing of
-- those that are to be blank.
UPDATE messages
SET
    content = CASE WHEN latest.deletion = 'blank' THEN '' ELSE coalesce(latest.content, messages.content) END,
    message_type = CASE WHEN latest.content IS NULL THEN messages.message_type ELSE latest.message_type END,
    metadata = CASE WHEN latest.deletion IS DISTINCT FROM 'blank' THEN messages.metadata END,
    raw_payload = CASE WHEN latest.deletion IS DISTINCT FROM 'blank' THEN messages.raw_payload END,
    edited = latest.edited,
    deleted = latest.deleted,
    deletion = latest.deletion
FROM (
    SELECT
        said.id,
        versions.content,
        versions.message_type,
        versions.edited,
        least(said.deleted, versions.deleted) AS deleted,
        least(said.deletion, versions.deletion) AS deletion
    FROM messages AS said
    CROSS JOIN LATERAL (
        SELECT
            (array_agg(content ORDER BY rank DESC, changed DESC) FILTER (WHERE rank > 0))[1] AS content,
            (array_agg(message_type ORDER BY rank DESC, changed DESC) FILTER (WHERE rank > 0))[1] AS message_type,
            max(changed) FILTER (WHERE kind = 'edit') AS edited,
            min(changed) FILTER (WHERE kind = 'deletion') AS deleted,
            min(deletion) AS deletion
        FROM (
            SELECT *, array_position('{first,fill,edit}'::varchar[], kind) AS rank
            FROM message_versions
            WHERE source = message_source(said.id)
        ) AS ranked
    ) AS versions
    WHERE said.platform = $1 AND said.timestamp BETWEEN $3 AND $4 AND said.id = ANY ($2::uuid[])
) AS latest
WHERE messages.platform = $1 AND messages.timestamp BETWEEN $3 AND $4 AND messages.id = latest.id
RETURNING messages.id, messages.deletion;

-- name: note_applied
-- Their rows have these versions.
UPDATE message_versions
SET applied = true, settled = true, id = said.id, conversation_id = said.conversation_id
FROM messages AS said
WHERE
    said.platform = $1
    AND said.timestamp BETWEEN $3 AND $4
    AND said.id = ANY ($2::uuid[])
    AND source = message_source(said.id)
    AND NOT applied;

-- name: blank_versions
-- Leave no text of messages whose rows are blank ($1, by source), nor of those that have no row yet ($2) and of which a
-- deletion says so.
UPDATE message_versions
SET content = '', metadata = NULL
WHERE
    source = ANY ($1::uuid[] || $2::uuid[])
    AND kind <> 'deletion'
    AND (content <> '' OR metadata IS NOT NULL)
    AND (
        source = ANY ($1::uuid[])
        OR EXISTS (
            SELECT
            FROM message_versions AS deletion
            WHERE deletion.source = message_versions.source AND deletion.deletion = 'blank'
        )
    );

-- name: add_clears
-- Keep that channels of the platform $1 were cleared, of a person's messages or (author_id '') of everybody's.
INSERT INTO message_clears AS known (
    platform, channel, author_id, cleared, cleared_by, reason, duration_s, deletion
)
SELECT $1, channel, author_id, cleared, cleared_by, reason, duration_s, deletion
FROM jsonb_to_recordset($2::jsonb) AS (
    channel varchar,
    author_id varchar,
    cleared timestamptz,
    cleared_by varchar,
    reason varchar,
    duration_s integer,
    deletion varchar
)
ORDER BY channel, author_id, cleared
ON CONFLICT (platform, channel, author_id, cleared) DO UPDATE SET
    cleared_by = least(known.cleared_by, excluded.cleared_by),
    reason = least(known.reason, excluded.reason),
    duration_s = greatest(known.duration_s, excluded.duration_s),
    deletion = least(known.deletion, excluded.deletion),
    settled = false,
    noted = now()
WHERE (known.cleared_by, known.reason, known.duration_s, known.deletion) IS DISTINCT FROM (
    least(known.cleared_by, excluded.cleared_by),
    least(known.reason, excluded.reason),
    greatest(known.duration_s, excluded.duration_s),
    least(known.deletion, excluded.deletion)
);

-- name: find_said_by
-- Messages of a person ($3) in a channel ($2) of the platform $1, from $4 to $5, that a clear at $5 has not taken back
-- with the rule $6; at most $7 of them, and locked.
SELECT id, timestamp
FROM messages
WHERE
    platform = $1
    AND author_id = $3
    AND channel = $2
    AND timestamp BETWEEN $4 AND $5
    AND (deleted IS NULL OR deleted > $5 OR deletion > $6::varchar)
ORDER BY id
LIMIT $7
FOR NO KEY UPDATE;

-- name: find_said_in
-- Messages of anybody in a channel ($2) of the platform $1, as find_said_by.
SELECT id, timestamp
FROM messages
WHERE
    platform = $1
    AND conversation_id = ANY (ARRAY(
        SELECT id
        FROM conversations
        WHERE platform = $1 AND channel = $2 AND last_day >= ($3::timestamptz AT TIME ZONE 'UTC')::date
    ))
    AND channel = $2
    AND timestamp BETWEEN $3 AND $4
    AND (deleted IS NULL OR deleted > $4 OR deletion > $5::varchar)
ORDER BY id
LIMIT $6
FOR NO KEY UPDATE;

-- name: take_back
-- Have messages of the platform $1 taken back, each ($2) by a clear at its time ($5) with its rule ($6).
UPDATE messages
SET deleted = least(deleted, clear.cleared), deletion = least(messages.deletion, clear.deletion)
FROM unnest($2::uuid[], $5::timestamptz[], $6::varchar[]) AS clear (id, cleared, deletion)
WHERE platform = $1 AND timestamp BETWEEN $3 AND $4 AND messages.id = clear.id;

-- name: find_late
-- Which of these messages of the platform $1 were cleared at or after their time, when first, and by which rule.
SELECT late.id, min(clear.cleared) AS cleared, min(clear.deletion) AS deletion
FROM (
    SELECT id, timestamp, channel, author_id
    FROM messages
    WHERE platform = $1 AND timestamp BETWEEN $3 AND $4 AND id = ANY ($2::uuid[])
) AS late
CROSS JOIN LATERAL (
    SELECT cleared, deletion
    FROM message_clears
    WHERE
        platform = $1
        AND channel = late.channel
        AND author_id = late.author_id
        AND cleared >= late.timestamp
    UNION ALL
    SELECT cleared, deletion
    FROM message_clears
    WHERE
        platform = $1
        AND channel = late.channel
        AND author_id = ''
        AND cleared >= late.timestamp
        AND cleared <= late.timestamp + interval '1 day'
) AS clear
GROUP BY late.id
ORDER BY late.id;

-- name: add_presences
-- Keep who came and went on the platform $1, each event once, and have their stays worked out anew.
WITH new AS (
    INSERT INTO presences (platform, source, kind, channel, person_id, timestamp)
    SELECT $1, source, kind, channel, person_id, timestamp
    FROM jsonb_to_recordset($2::jsonb) AS (
        source uuid,
        kind varchar,
        channel varchar,
        person_id varchar,
        timestamp timestamptz
    )
    ORDER BY source
    ON CONFLICT (source) DO NOTHING
    RETURNING channel, person_id, timestamp, kind
)
INSERT INTO stay_deltas (platform, channel, person_id, first, last, messages, kind)
SELECT $1, channel, person_id, min(timestamp), max(timestamp), 0, 'told'
FROM new
WHERE person_id IS NOT NULL OR kind = 'leave_all'
GROUP BY channel, person_id;

-- name: add_feedback
-- Keep what people think of messages: of each opinion the latest.
INSERT INTO message_feedback AS known (
    platform, source, refers_to, value, given, label, comment, author_id, metadata
)
SELECT $1, source, refers_to, value, given, label, comment, author_id, metadata
FROM jsonb_to_recordset($2::jsonb) AS (
    source uuid,
    refers_to uuid,
    value real,
    given timestamptz,
    label varchar,
    comment varchar,
    author_id varchar,
    metadata jsonb
)
ORDER BY source
ON CONFLICT (source) DO UPDATE SET
    refers_to = excluded.refers_to,
    value = excluded.value,
    given = excluded.given,
    label = excluded.label,
    comment = excluded.comment,
    author_id = excluded.author_id,
    metadata = excluded.metadata
WHERE (
    excluded.given,
    excluded.value,
    coalesce(excluded.label, '') COLLATE "C",
    coalesce(excluded.comment, '') COLLATE "C"
) > (
    known.given,
    known.value,
    coalesce(known.label, '') COLLATE "C",
    coalesce(known.comment, '') COLLATE "C"
);

-- name: add_parents
-- Keep which channels of the platform $1 belong to which.
INSERT INTO channel_parents AS known (platform, channel, parent, name)
SELECT $1, channel, parent, name
FROM jsonb_to_recordset($2::jsonb) AS (channel varchar, parent varchar, name varchar)
ORDER BY channel
ON CONFLICT (platform, channel) DO UPDATE SET parent = excluded.parent, name = coalesce(excluded.name, known.name)
WHERE known.parent <> excluded.parent OR known.name IS DISTINCT FROM coalesce(excluded.name, known.name);

-- name: add_sessions
-- Keep that sessions of the assistants' platform ($1) are there, however often and in whatever order that is told: from
-- the earliest to the latest time, and as the latest says that tells anything of them.
WITH told AS (
    SELECT *
    FROM jsonb_to_recordset($2::jsonb) AS (
        id uuid,
        channel varchar,
        told timestamptz,
        author_id varchar,
        metadata jsonb
    )
),
kept AS (
    INSERT INTO conversations AS known (
        id, platform, channel, external_id, kind, subject_id, started, last_at, captured
    )
    SELECT id, $1::varchar, channel, channel, 'session', author_id, told, told, 0
    FROM told
    ORDER BY id
    ON CONFLICT (id) DO UPDATE SET
        started = least(known.started, excluded.started),
        last_at = greatest(known.last_at, excluded.last_at),
        subject_id = least(known.subject_id, excluded.subject_id)
)
INSERT INTO assistant.chat_sessions AS known (id, started_at, last_activity, metadata, told)
SELECT channel, told, told, nullif(metadata, 'null'), CASE WHEN jsonb_typeof(metadata) <> 'null' THEN told END
FROM told
ORDER BY id
ON CONFLICT (id) DO UPDATE SET
    started_at = least(known.started_at, excluded.started_at),
    last_activity = greatest(known.last_activity, excluded.last_activity),
    (metadata, told) = (
        SELECT metadata, told
        FROM (VALUES (known.metadata, known.told), (excluded.metadata, excluded.told)) AS of_two (metadata, told)
        ORDER BY told DESC NULLS LAST, metadata::varchar COLLATE "C" DESC NULLS LAST
        LIMIT 1
    );
