-- What is recorded of which channel, as people see and change it: app/channels.

-- name: find_rules
-- The rules of a platform, or of all, for one channel, or for any; the defaults first.
SELECT
    platform, channel, is_enabled, retention_days, sampling_rate, pre_drop_pipeline_id,
    deletions, ignored_users, bots, exempt, keep_raw
FROM chat_logging_config
WHERE (platform = $1 OR $1::varchar IS NULL) AND (channel = $2 OR $2::varchar IS NULL)
ORDER BY platform <> '*', platform, channel <> '*', channel;

-- name: find_rules_for
-- The rules that bear on one channel: its own, its platform's and the one for all.
SELECT
    platform, channel, is_enabled, retention_days, sampling_rate, pre_drop_pipeline_id,
    deletions, ignored_users, bots, exempt, keep_raw
FROM chat_logging_config
WHERE (platform, channel) IN (($1, $2), ($1, '*'), ('*', '*'));

-- name: set_rule
-- Set some of a channel's rule, given as a JSON object: null inherits, and what is not in it stays as it is.
INSERT INTO chat_logging_config AS there (
    platform, channel, is_enabled, retention_days, sampling_rate, pre_drop_pipeline_id,
    deletions, ignored_users, bots, exempt, keep_raw
)
SELECT
    $1::varchar, $2::varchar, given.is_enabled, given.retention_days, given.sampling_rate, given.pre_drop_pipeline_id,
    given.deletions, given.ignored_users, given.bots, given.exempt, given.keep_raw
FROM jsonb_populate_record(NULL::chat_logging_config, $3::jsonb) AS given
ON CONFLICT (platform, channel) DO UPDATE SET
    is_enabled = CASE WHEN $3::jsonb ? 'is_enabled' THEN excluded.is_enabled ELSE there.is_enabled END,
    retention_days = CASE WHEN $3::jsonb ? 'retention_days' THEN excluded.retention_days ELSE there.retention_days END,
    sampling_rate = CASE WHEN $3::jsonb ? 'sampling_rate' THEN excluded.sampling_rate ELSE there.sampling_rate END,
    pre_drop_pipeline_id = CASE
        WHEN $3::jsonb ? 'pre_drop_pipeline_id' THEN excluded.pre_drop_pipeline_id ELSE there.pre_drop_pipeline_id
    END,
    deletions = CASE WHEN $3::jsonb ? 'deletions' THEN excluded.deletions ELSE there.deletions END,
    ignored_users = CASE WHEN $3::jsonb ? 'ignored_users' THEN excluded.ignored_users ELSE there.ignored_users END,
    bots = CASE WHEN $3::jsonb ? 'bots' THEN excluded.bots ELSE there.bots END,
    exempt = CASE WHEN $3::jsonb ? 'exempt' THEN excluded.exempt ELSE there.exempt END,
    keep_raw = CASE WHEN $3::jsonb ? 'keep_raw' THEN excluded.keep_raw ELSE there.keep_raw END
RETURNING
    platform, channel, is_enabled, retention_days, sampling_rate, pre_drop_pipeline_id,
    deletions, ignored_users, bots, exempt, keep_raw;

-- name: unset_rule
-- Take a channel's rule away: its platform's holds again.
DELETE FROM chat_logging_config WHERE platform = $1 AND channel = $2;

-- name: say_who_changes
-- Have the versions that this transaction makes say who made them.
SELECT set_config('chatlog.changed_by', $1::varchar, true);

-- name: find_rule_versions
-- What a channel's rule was, the newest first.
SELECT
    valid_from, is_deleted, changed_by, platform, channel, is_enabled, retention_days, sampling_rate, pre_drop_pipeline_id,
    deletions, ignored_users, bots, exempt, keep_raw
FROM chat_logging_config_versions
WHERE platform = $1 AND channel = $2
ORDER BY valid_from DESC
LIMIT $3;

-- name: find_names
-- How a channel is called, and the channel that it belongs to.
SELECT coalesce(room.title, thread.name) AS name, thread.parent
FROM (VALUES ($1::varchar, $2::varchar)) AS meant (platform, channel)
LEFT JOIN conversations AS room
    ON room.platform = meant.platform AND room.channel = meant.channel AND room.external_id = meant.channel
LEFT JOIN channel_parents AS thread ON thread.platform = meant.platform AND thread.channel = meant.channel;

-- name: find_channels
-- The channels that are known, by a rule, by what was said there since the day $3 or by who hears it; of a platform $1 or
-- of all, with $2 in their id or name; of the platforms $4 and the channels $5 (platform/channel), unless both are NULL.
-- What other tenants say is not theirs to know. Those with a rule come first, then the busiest. $6 at most, after leaving out $7; with how many there are.
WITH known AS (
    SELECT platform, channel, true AS has_rule, 0::float8 AS said, NULL::date AS last_day
    FROM chat_logging_config
    WHERE channel <> '*'
    UNION ALL
    SELECT platform, channel, false, weight, day
    FROM message_days
    WHERE day >= $3::date AND platform <> 'messenger' AND (platform <> 'threads' OR channel = 'default')
    UNION ALL
    SELECT platform, channel, false, 0, NULL FROM connector_gaps WHERE ended IS NULL
),
summed AS (
    SELECT platform, channel, bool_or(has_rule) AS has_rule, sum(said) AS said, max(last_day) AS last_day
    FROM known
    WHERE platform = $1 OR $1::varchar IS NULL
    GROUP BY platform, channel
)
SELECT
    summed.platform, summed.channel, coalesce(room.title, thread.name) AS name, thread.parent, summed.has_rule,
    summed.said, summed.last_day, gap.began AS heard_until, gap.reason AS unheard_reason,
    count(*) OVER () AS total
FROM summed
LEFT JOIN conversations AS room
    ON room.platform = summed.platform AND room.channel = summed.channel AND room.external_id = summed.channel
LEFT JOIN channel_parents AS thread ON thread.platform = summed.platform AND thread.channel = summed.channel
LEFT JOIN connector_gaps AS gap
    ON gap.platform = summed.platform AND gap.channel = summed.channel AND gap.ended IS NULL
WHERE (
        $2::varchar = ''
        OR strpos(lower(concat_ws(E'\n', summed.channel, room.title, thread.name)), lower($2::varchar)) > 0
    )
    AND (
        $4::varchar[] IS NULL
        OR summed.platform = ANY ($4)
        OR (summed.platform || '/' || summed.channel) = ANY ($5::varchar[])
    )
ORDER BY summed.has_rule DESC, summed.said DESC, summed.platform, summed.channel
LIMIT $6 OFFSET $7;

-- name: find_days_of_channel
-- How much was said in a channel on each day since $3, sampled or not.
SELECT day, sum(weight) AS said
FROM message_days
WHERE platform = $1 AND channel = $2 AND day >= $3::date
GROUP BY day
ORDER BY day;

-- name: find_gaps_of_channel
-- When a channel was not heard, since a time; one that goes on comes first.
SELECT began, ended, reason, filled
FROM connector_gaps
WHERE platform = $1 AND channel = $2 AND (ended >= $3 OR (ended IS NULL AND began < now() - make_interval(secs => $4)))
ORDER BY ended DESC NULLS FIRST, began DESC
LIMIT 20;
