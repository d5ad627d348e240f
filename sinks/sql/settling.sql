-- What was appended while messages were written, brought into the tables that people read: sinks/postgres/settling.py.
-- One process at a time does it, so that nothing here meets another of its kind.

-- name: take_turn
-- Whether it is ours to settle, until this transaction ends. The number is the bytes of "settle".
SELECT pg_try_advisory_xact_lock(126879582678117);

-- name: wait_briefly
-- Somebody may hold the tables of a platform: others are not to wait for that. Nor for us, where we do not go on.
SET LOCAL lock_timeout = '1s';
SET LOCAL idle_in_transaction_session_timeout = '20s';
SELECT CASE WHEN current_setting('server_version_num')::int >= 170000 THEN set_config(
    'transaction_timeout',
    (1000 * extract(epoch FROM 4 * current_setting('statement_timeout')::interval))::bigint::varchar,
    true
) END;

-- name: fold_days
-- Add what was counted to the sums of its days, of at most $1 batches; returns how many there were. Of what a writer added
-- that knows no hours, the days alone; a sum of answers has a bucket of its own.
WITH gone AS (
    DELETE FROM message_day_deltas
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM message_day_deltas LIMIT $1))
    RETURNING *
),
summed AS (
    INSERT INTO message_days AS known (
        platform, channel, day, role, messages, weight, mirrors, response_ms, responses
    )
    SELECT
        platform, channel, day, role, sum(messages), sum(weight), sum(mirrors), sum(response_ms), sum(responses)
    FROM gone
    GROUP BY platform, channel, day, role
    ON CONFLICT (day, platform, channel, role) DO UPDATE SET
        messages = known.messages + excluded.messages,
        weight = known.weight + excluded.weight,
        mirrors = known.mirrors + excluded.mirrors,
        response_ms = coalesce(known.response_ms + excluded.response_ms, known.response_ms, excluded.response_ms),
        responses = coalesce(known.responses, 0) + coalesce(excluded.responses, 0)
),
of_days AS (
    INSERT INTO figure_days AS known (
        day, platform, channel, surveyid, role, messages, weight, squares, mirrors, response_ms, responses
    )
    SELECT
        day,
        platform,
        figure_channel(platform, channel),
        surveyid,
        role,
        sum(messages),
        sum(weight),
        coalesce(sum(coalesce(squares, weight)), 0),
        sum(mirrors),
        coalesce(sum(response_ms), 0),
        coalesce(sum(responses), 0)
    FROM gone
    GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (day, platform, channel, surveyid, role) DO UPDATE SET
        messages = known.messages + excluded.messages,
        weight = known.weight + excluded.weight,
        squares = known.squares + excluded.squares,
        mirrors = known.mirrors + excluded.mirrors,
        response_ms = known.response_ms + excluded.response_ms,
        responses = known.responses + excluded.responses
),
of_hours AS (
    INSERT INTO figure_hours AS known (timestamp, platform, channel, surveyid, role, messages, weight, squares, mirrors)
    SELECT
        day::timestamp AT TIME ZONE 'UTC' + hour * interval '1 hour',
        platform,
        figure_channel(platform, channel),
        surveyid,
        role,
        sum(messages),
        sum(weight),
        sum(squares),
        sum(mirrors)
    FROM gone
    WHERE hour IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (timestamp, platform, channel, surveyid, role) DO UPDATE SET
        messages = known.messages + excluded.messages,
        weight = known.weight + excluded.weight,
        squares = known.squares + excluded.squares,
        mirrors = known.mirrors + excluded.mirrors
),
of_responses AS (
    INSERT INTO figure_responses AS known (day, platform, channel, surveyid, role, bucket, responses)
    SELECT day, platform, figure_channel(platform, channel), surveyid, role, bucket, sum(responses)
    FROM gone
    WHERE bucket IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (day, platform, channel, surveyid, role, bucket) DO UPDATE SET
        responses = known.responses + excluded.responses
),
opened AS (
    INSERT INTO figure_closings AS known (platform, day)
    SELECT DISTINCT platform, day
    FROM gone
    WHERE role = 'user'
    ON CONFLICT (platform, day) DO UPDATE SET is_counted = false
    WHERE known.is_counted
)
SELECT count(*) FROM gone;

-- name: fold_stays
-- Bring stays up to date by what was said, at most $1 deltas of it; returns how many there were. What is not further
-- apart than the gap $2 is one stay: of those there are and what is new, whatever came first.
WITH gone AS (
    DELETE FROM stay_deltas
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM stay_deltas WHERE kind IS NULL LIMIT $1))
    RETURNING platform, channel, person_id, first, last, messages
),
touched AS (
    SELECT platform, channel, person_id, min(first) - $2::interval AS since, max(last) + $2::interval AS until
    FROM gone
    GROUP BY platform, channel, person_id
),
before AS MATERIALIZED (
    SELECT near.*
    FROM touched
    CROSS JOIN LATERAL (
        SELECT platform, channel, person_id, joined, last_at, messages
        FROM stays
        WHERE
            platform = touched.platform
            AND channel = touched.channel
            AND person_id = touched.person_id
            AND NOT told
            AND joined <= touched.until
            AND last_at >= touched.since
    ) AS near
),
pieces AS (
    SELECT *
    FROM gone
    UNION ALL
    SELECT *
    FROM before
),
marked AS (
    SELECT
        *,
        first > $2::interval + max(last) OVER (
            PARTITION BY platform, channel, person_id
            ORDER BY first
            GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS is_apart
    FROM pieces
),
numbered AS (
    SELECT
        *,
        count(*) FILTER (WHERE is_apart) OVER (
            PARTITION BY platform, channel, person_id ORDER BY first
        ) AS number
    FROM marked
),
whole AS MATERIALIZED (
    SELECT platform, channel, person_id, min(first) AS joined, max(last) AS last_at, sum(messages) AS messages
    FROM numbered
    GROUP BY platform, channel, person_id, number
),
merged AS (
    DELETE FROM stays
    USING (
        SELECT platform, channel, person_id, joined FROM before
        EXCEPT
        SELECT platform, channel, person_id, joined FROM whole
    ) AS former
    WHERE
        stays.platform = former.platform
        AND stays.channel = former.channel
        AND stays.person_id = former.person_id
        AND stays.joined = former.joined
        AND NOT stays.told
),
kept AS (
    INSERT INTO stays AS known (platform, channel, person_id, joined, last_at, messages)
    SELECT platform, channel, person_id, joined, last_at, messages
    FROM whole
    ON CONFLICT (platform, channel, person_id, joined, told) DO UPDATE SET
        last_at = excluded.last_at, messages = excluded.messages
    WHERE (known.last_at, known.messages) <> (excluded.last_at, excluded.messages)
)
SELECT count(*) FROM gone;

-- name: take_told
-- Of whom presences have news, where; at most $1 of them. Where everybody's presence ended: of everybody there.
WITH gone AS (
    DELETE FROM stay_deltas
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM stay_deltas WHERE kind = 'told' LIMIT $1))
    RETURNING platform, channel, person_id
)
SELECT platform, channel, person_id
FROM gone
WHERE person_id IS NOT NULL
UNION
SELECT gone.platform, gone.channel, presences.person_id
FROM gone
INNER JOIN presences USING (platform, channel)
WHERE gone.person_id IS NULL AND presences.person_id IS NOT NULL;

-- name: read_presences
-- What was told of a person ($3) in a channel ($2) of the platform $1, and of everybody there.
SELECT timestamp, kind
FROM presences
WHERE platform = $1 AND channel = $2 AND person_id = $3
UNION ALL
SELECT timestamp, kind
FROM presences
WHERE platform = $1 AND channel = $2 AND person_id IS NULL AND kind = 'leave_all';

-- name: forget_told_stays
-- Make room for the stays of a person, as they are worked out anew: those that were told, and all ($4) where presences
-- also hold what was said.
DELETE FROM stays
WHERE platform = $1 AND channel = $2 AND person_id = $3 AND (told OR $4);

-- name: keep_told_stays
-- The stays of a person.
INSERT INTO stays (platform, channel, person_id, joined, last_at, left_at, messages, told)
SELECT $1, $2, $3, * FROM unnest($4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::bigint[], $8::boolean[]);

-- name: prune_sampled_out
-- Forget at most $1 ids of messages that a sample left out over two days ago, oldest first; returns how many. An id
-- begins with its time; an hour more, as a message that is just being written may still be looked for.
WITH gone AS (
    DELETE FROM sampled_out
    WHERE id IN (
        SELECT id
        FROM sampled_out
        WHERE id < message_id_at('00000000-0000-0000-0000-000000000000', now() - interval '49 hours')
        ORDER BY id
        LIMIT $1
    )
    RETURNING id
)
SELECT count(*) FROM gone;

-- name: find_unsettled_versions
-- Versions of the platform $1 that are to be looked at again, the oldest $2 first: whether all that was being written
-- with them has ended by now ($3 after them), and whether they wait for their message.
SELECT source, id, conversation_id, changed, noted < now() - $3::interval AS is_due
FROM message_versions
WHERE NOT settled AND platform = $1
ORDER BY noted
LIMIT $2;

-- name: find_by_source
-- The id of the message with the source $3 in a conversation ($2) of the platform $1, among those of two weeks up to $4.
-- In a busy room, among the last $5 of them, or looking for one would take minutes.
SELECT id
FROM (
    SELECT id
    FROM messages
    WHERE
        platform = $1
        AND conversation_id = $2
        AND timestamp BETWEEN $4::timestamptz - interval '14 days' AND $4::timestamptz + interval '1 minute'
    ORDER BY timestamp DESC
    LIMIT $5
) AS lately
WHERE message_source(id) = $3
LIMIT 1;

-- name: note_versions_settled
-- Nobody needs to look at these versions again but their message, if it comes.
UPDATE message_versions
SET settled = true
WHERE source = ANY ($1::uuid[]) AND NOT settled AND noted < now() - $2::interval;

-- name: find_unsettled_clears
-- Clears of the platform $1 that are to be applied once more, the oldest $2 first, when all that was being written with
-- them has ended ($3 after them).
SELECT channel, author_id, cleared, deletion
FROM message_clears
WHERE NOT settled AND platform = $1 AND noted < now() - $3::interval
ORDER BY noted
LIMIT $2;

-- name: note_clear_settled
-- Nobody needs to look at this clear again but messages that come late.
UPDATE message_clears
SET settled = true
WHERE platform = $1 AND channel = $2 AND author_id = $3 AND cleared = $4;
