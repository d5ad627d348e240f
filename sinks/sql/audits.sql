-- What is made of audits, and taken away again: sinks/postgres/audits.py, sinks/postgres/audit_rollback.py. Messages are
-- written by the one statement for it, messages.insert_messages.

-- name: begin_run
-- A run of the backfill begins.
INSERT INTO backfill_runs (who, source, options) VALUES ($1, $2, $3::jsonb) RETURNING id;

-- name: find_runs
-- The runs there were, the newest first; or one.
SELECT id, who, source, options, status, counts, started, touched, finished
FROM backfill_runs
WHERE id = $1 OR $1::bigint IS NULL
ORDER BY id DESC;

-- name: note_run
-- What a run has done so far, within what it does; nothing if it is over, as somebody takes it back.
UPDATE backfill_runs SET counts = $2::jsonb, touched = now()
WHERE id = $1 AND status = 'running'
RETURNING id;

-- name: end_run
-- A run is over. If it did not end well, what its last batch noted stays.
UPDATE backfill_runs SET
    status = $2::varchar,
    counts = CASE WHEN $2::varchar = 'finished' THEN $3::jsonb ELSE $3::jsonb || counts END,
    touched = now(),
    finished = now()
WHERE id = $1 AND status = 'running';

-- name: take_turn
-- One transaction at a time writes or takes back: what it finds is there stays so until its end. The bytes of "backfill".
SELECT pg_advisory_xact_lock(7089054359331365996);

-- name: find_opted_out
-- Who on the platform $1 is not recorded: from when to when, in ms since 1970.
SELECT
    person_id,
    CASE WHEN isfinite(since) THEN floor(extract(epoch FROM since) * 1000) ELSE 0 END::bigint AS since_ms,
    CASE WHEN isfinite(until) THEN floor(extract(epoch FROM until) * 1000) END::bigint AS until_ms
FROM opt_outs
WHERE platform = $1;

-- name: note_leads
-- Leads ($2) of which the run $1 is the first to hear.
INSERT INTO crm_leads (id, created_at, run_id)
SELECT id, 'epoch'::timestamptz + created_ms / 1000 * interval '1 second' + created_ms % 1000 * interval '1 ms', $1
FROM jsonb_to_recordset($2::jsonb) AS lead (id varchar, created_ms bigint)
ON CONFLICT (id) DO NOTHING;

-- name: find_talks
-- The conversations that leads have.
SELECT crm_leads.id AS lead_id, talk.id, talk.channel, talk.subject_id
FROM crm_leads
INNER JOIN conversations AS talk ON talk.id = crm_leads.conversation_id
WHERE crm_leads.id = ANY ($1::varchar[]);

-- name: find_audits
-- Of which of these audits there are messages, and of what.
SELECT id, digest FROM crm_audits WHERE id = ANY ($1::varchar[]);

-- name: keep_audits
-- The run $1 made messages of these audits ($2).
INSERT INTO crm_audits (id, lead_id, actor, action, created_at, message_id, digest, run_id)
SELECT id, lead_id, actor, action, message_time(message_id), message_id, decode(digest, 'hex'), $1
FROM jsonb_to_recordset($2::jsonb) AS audit (
    id varchar, lead_id varchar, actor varchar, action varchar, message_id uuid, digest varchar
);

-- name: tell_talks
-- Conversations that were just made ($1): what is known of their leads.
UPDATE conversations SET
    subject_id = told.subject_id,
    metadata = told.metadata,
    started = least(
        started,
        'epoch'::timestamptz + told.created_ms / 1000 * interval '1 second' + told.created_ms % 1000 * interval '1 ms'
    )
FROM jsonb_to_recordset($1::jsonb) AS told (id uuid, subject_id varchar, metadata jsonb, created_ms bigint)
WHERE conversations.id = told.id;

-- name: note_talks
-- Leads ($2, with their conversations) have been talked with; the run $1 may be the first to hear of them.
INSERT INTO crm_leads AS known (id, conversation_id, run_id)
SELECT lead_id, id, $1 FROM jsonb_to_recordset($2::jsonb) AS told (lead_id varchar, id uuid)
ON CONFLICT (id) DO UPDATE SET conversation_id = excluded.conversation_id;

-- name: months_missing
-- How many months back from this one the oldest of these ($2) lies that has no partition of the platform $1; null for
-- none. The function that makes them goes back 120.
SELECT max(back)
FROM unnest($2::timestamptz[]) AS month
CROSS JOIN LATERAL (
    SELECT (
        12 * (extract(year FROM now() AT TIME ZONE 'UTC') - extract(year FROM month AT TIME ZONE 'UTC'))
        + extract(month FROM now() AT TIME ZONE 'UTC') - extract(month FROM month AT TIME ZONE 'UTC')
    )::int AS back
) AS distance
WHERE back BETWEEN 0 AND 120
    AND to_regclass('messages_' || $1::varchar || to_char(month AT TIME ZONE 'UTC', '_YYYY_MM')) IS NULL;

-- name: make_months
-- The partitions of the platform $1 that are missing since so many months ago ($2).
SELECT make_message_partitions(ARRAY[$1::varchar], $2::int);

-- name: begin_rollback
-- What the run $1 made is to go, or some of it, so it ends ($2). Nothing if there is no such run.
UPDATE backfill_runs SET status = $2, touched = now()
WHERE id = $1
RETURNING id;

-- name: find_records
-- The next $3 records of the run $1 (of the lead $2 alone, or of all), lead by lead, with their messages.
SELECT id, message_id
FROM crm_audits
WHERE run_id = $1 AND (lead_id = $2 OR $2::varchar IS NULL)
ORDER BY lead_id
LIMIT $3;

-- name: take_back
-- Take away the messages $2 on the platform $1, said from $3 to $4, with their versions, and count them no more. Returns how
-- many there were, by conversation.
WITH unsaid AS (
    DELETE FROM messages
    WHERE platform = $1 AND timestamp BETWEEN $3 AND $4 AND id = ANY ($2::uuid[])
    RETURNING id, timestamp, conversation_id, channel, role, weight, response_ms
),
versions AS (
    DELETE FROM message_versions WHERE source IN (SELECT message_source(id) FROM unsaid)
),
updates AS (
    DELETE FROM told_by_updates WHERE source IN (SELECT message_source(id) FROM unsaid)
),
feedback AS (
    DELETE FROM message_feedback WHERE refers_to IN (SELECT message_source(id) FROM unsaid)
),
counted AS (
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
        -count(*),
        -sum(weight::double precision),
        -sum(weight::double precision * weight),
        0,
        -sum(response_ms),
        -count(response_ms)
    FROM unsaid
    GROUP BY 2, 3, 4, 5, 6
)
UPDATE conversations SET captured = conversations.captured - lost.messages
FROM (SELECT conversation_id, count(*) AS messages FROM unsaid GROUP BY 1) AS lost
WHERE conversations.id = lost.conversation_id
RETURNING lost.conversation_id, lost.messages;

-- name: find_told
-- Of what the records $2 of the run $1 told: the conversations, with whom those are, and on which days it was.
SELECT
    coalesce(array_agg(DISTINCT talk.id) FILTER (WHERE talk.id IS NOT NULL), '{}') AS talks,
    coalesce(array_agg(DISTINCT talk.subject_id) FILTER (WHERE talk.subject_id IS NOT NULL), '{}') AS people,
    coalesce(array_agg(DISTINCT (audit.created_at AT TIME ZONE 'UTC')::date), '{}') AS days
FROM crm_audits AS audit
LEFT JOIN crm_leads AS lead ON lead.id = audit.lead_id
LEFT JOIN conversations AS talk ON talk.id = lead.conversation_id
WHERE audit.run_id = $1 AND audit.id = ANY ($2::varchar[]);

-- name: drop_records
-- The run $1 made nothing of these audits ($2) any more; returns how many those were.
WITH gone AS (
    DELETE FROM crm_audits WHERE run_id = $1 AND id = ANY ($2::varchar[]) RETURNING id
)
SELECT count(*) FROM gone;

-- name: drop_empty_talks
-- Of these conversations ($2) of the platform $1, those in which nothing is left go; returns how many.
WITH gone AS (
    DELETE FROM conversations
    WHERE id = ANY ($2::uuid[]) AND platform = $1
        AND NOT EXISTS (
            SELECT FROM messages WHERE messages.platform = $1 AND messages.conversation_id = conversations.id
        )
    RETURNING id, external_id
),
leads AS (
    UPDATE crm_leads SET conversation_id = NULL
    FROM gone
    WHERE crm_leads.id = gone.external_id AND crm_leads.conversation_id = gone.id
)
SELECT count(*) FROM gone;

-- name: tell_talks_again
-- Of these conversations ($2) of the platform $1 others have messages left: from when to when is theirs.
UPDATE conversations SET
    started = least(left_over.first, lead.created_at),
    last_at = left_over.last
FROM conversations AS talk
INNER JOIN LATERAL (
    SELECT min(timestamp) AS first, max(timestamp) AS last
    FROM messages
    WHERE messages.platform = $1 AND messages.conversation_id = talk.id
) AS left_over ON left_over.last IS NOT NULL
LEFT JOIN crm_leads AS lead ON lead.id = talk.external_id
WHERE talk.id = ANY ($2::uuid[]) AND talk.platform = $1 AND conversations.id = talk.id;

-- name: wait_for_counts
-- Nobody counts people of these days ($2) of the platform $1 until this transaction ends; who began to has ended.
SELECT day FROM figure_closings WHERE platform = $1 AND day = ANY ($2::date[]) ORDER BY day FOR UPDATE;

-- name: forget_weeks
-- Of these people ($2) of the platform $1, forget the weeks in which they no longer said anything, and count them among
-- those of the others as `count_weeks` does.
WITH known AS MATERIALIZED (
    SELECT person_id, week, channel, surveyid
    FROM person_weeks
    WHERE platform = $1 AND person_id = ANY ($2::varchar[])
),
silent AS MATERIALIZED (
    SELECT known.*
    FROM known
    -- One by one, by the index of authors, whatever the statistics say.
    LEFT JOIN LATERAL (
        SELECT true AS is_there
        FROM messages
        WHERE messages.platform = $1
            AND messages.author_id = known.person_id
            AND messages.role = 'user'
            AND messages.timestamp >= known.week::timestamp AT TIME ZONE 'UTC'
            AND messages.timestamp < (known.week + 7)::timestamp AT TIME ZONE 'UTC'
            AND figure_channel(messages.platform, messages.channel) = known.channel
        LIMIT 1
    ) AS said ON true
    WHERE said.is_there IS NULL
),
went AS (
    DELETE FROM person_weeks
    USING silent
    WHERE person_weeks.platform = $1
        AND person_weeks.person_id = silent.person_id
        AND person_weeks.week = silent.week
        AND person_weeks.channel = silent.channel
    RETURNING person_weeks.person_id, person_weeks.week, person_weeks.channel
),
spoke AS (
    SELECT DISTINCT each.sign, each.person_id, each.week, level.number, level.channel
    FROM (
        SELECT -1 AS sign, person_id, week, channel FROM known
        UNION ALL
        SELECT 1, known.person_id, known.week, known.channel
        FROM known
        LEFT JOIN went USING (person_id, week, channel)
        WHERE went.person_id IS NULL
    ) AS each
    CROSS JOIN LATERAL (VALUES (1, NULL::varchar), (2, each.channel)) AS level (number, channel)
)
INSERT INTO figure_weeks AS counted (platform, channel, surveyid, first_week, week, people)
SELECT $1::varchar, channel, NULL::uuid, first_week, week, sum(sign)
FROM (
    SELECT *, min(week) OVER (PARTITION BY sign, person_id, number, channel) AS first_week FROM spoke
) AS since
GROUP BY channel, first_week, week
HAVING sum(sign) <> 0
ON CONFLICT (platform, channel, surveyid, first_week, week) DO UPDATE SET people = counted.people + excluded.people;

-- name: drop_leads
-- Leads that nobody has talked with, and of which only runs heard that were taken back: not those of which a later one may
-- have heard, which is all of them, unless it was run for another lead.
DELETE FROM crm_leads
USING backfill_runs
WHERE backfill_runs.id = crm_leads.run_id
    AND backfill_runs.status IN ('rolling back', 'rolled back')
    AND crm_leads.conversation_id IS NULL
    AND NOT EXISTS (
        SELECT
        FROM backfill_runs AS later
        WHERE later.id > crm_leads.run_id
            AND later.status NOT IN ('rolling back', 'rolled back')
            AND coalesce(later.options ->> 'lead', crm_leads.id) = crm_leads.id
    );

-- name: count_left
-- What is left of the run $1 (of the lead $2 alone, or of all): records; and messages of the platform $3 that no record
-- tells of, whoever made them.
SELECT
    (SELECT count(*) FROM crm_audits WHERE run_id = $1 AND (lead_id = $2 OR $2::varchar IS NULL)) AS records,
    (
        SELECT count(*)
        FROM messages
        WHERE platform = $3 AND NOT EXISTS (SELECT FROM crm_audits WHERE message_id = messages.id)
    ) AS messages;

-- name: end_rollback
-- What the run $1 made has gone ($2: what that was, with what went before); or that of one lead, and the rest of it stays
-- as it was ($3).
UPDATE backfill_runs SET
    status = $3,
    counts = counts || (
        SELECT jsonb_object_agg(name, number::bigint + coalesce((counts ->> name)::bigint, 0))
        FROM jsonb_each_text($2::jsonb) AS gone (name, number)
    ),
    touched = now()
WHERE id = $1;

-- name: find_columns
-- The columns of a table of the application's, by a name with or without its schema, and about how many rows it has; for
-- each part of the name as it is written.
SELECT
    array_agg(attname::text) AS columns,
    max(reltuples)::bigint AS rows,
    max(pg_class.oid::regclass::text) AS name
FROM pg_class
INNER JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
WHERE pg_class.oid = to_regclass((
    SELECT string_agg(quote_ident(part), '.' ORDER BY number)
    FROM unnest(string_to_array($1::varchar, '.')) WITH ORDINALITY AS parts (part, number)
));

-- name: reading_statement
-- A statement that reads some columns ($2, under the names $3) of a table ($1, as `find_columns` names it), as text, and
-- times ($4) in ms since 1970; of one lead ($5, a column, is $1 there), and since a time ($6, a column, is from $2 there on).
SELECT format('SELECT %s FROM %s WHERE ($1::text IS NULL OR %s::text = $1) AND ($2::bigint IS NULL OR %s)',
    (
        SELECT string_agg(
            CASE WHEN name = ANY ($4::varchar[]) THEN
                format('floor(extract(epoch FROM %I) * 1000)::bigint AS %I', column_name, name)
            ELSE format('%I::text AS %I', column_name, name)
            END, ', ' ORDER BY number
        )
        FROM unnest($2::varchar[], $3::varchar[]) WITH ORDINALITY AS wanted (column_name, name, number)
    ),
    $1::varchar,
    quote_ident($5::varchar),
    CASE WHEN $6::varchar IS NULL THEN 'true' ELSE format('floor(extract(epoch FROM %I) * 1000)::bigint >= $2', $6) END
);
