-- The rules of channels, for whoever applies them: all of them, as they were and are.

-- name: read_rule_versions
-- Every version of every row of chat_logging_config.
SELECT
    platform,
    channel,
    round(extract(epoch FROM valid_from) * 1000000)::bigint AS valid_from_us,
    is_deleted,
    is_enabled,
    retention_days,
    sampling_rate,
    pre_drop_pipeline_id,
    deletions,
    ignored_users,
    bots,
    exempt,
    keep_raw
FROM chat_logging_config_versions;

-- name: read_opt_outs
-- Who wants nothing recorded, from when on (NULL for ever) and up to when (NULL while it lasts, which people also write
-- as infinity). Whole milliseconds that it holds in part count.
SELECT
    platform,
    person_id,
    floor(extract(epoch FROM nullif(since, '-infinity')) * 1000)::bigint AS since_ms,
    ceil(extract(epoch FROM nullif(until, 'infinity')) * 1000)::bigint AS until_ms
FROM opt_outs
WHERE since < 'infinity' AND (until IS NULL OR until > '-infinity');

-- name: read_ruled_parents
-- The channels that belong to one that has rules of its own: to whichever others they belong makes no difference.
SELECT platform, channel, parent
FROM channel_parents
WHERE EXISTS (
    SELECT
    FROM chat_logging_config_versions AS version
    WHERE version.platform = channel_parents.platform AND version.channel = channel_parents.parent
);
