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
-- Who wants nothing recorded, and since when.
SELECT platform, person_id, floor(extract(epoch FROM opted_out) * 1000)::bigint AS opted_out_ms
FROM people
WHERE opted_out IS NOT NULL;

-- name: read_ruled_parents
-- The channels that belong to one that has rules of its own: to whichever others they belong makes no difference.
SELECT platform, channel, parent
FROM channel_parents
WHERE EXISTS (
    SELECT
    FROM chat_logging_config_versions AS version
    WHERE version.platform = channel_parents.platform AND version.channel = channel_parents.parent
);
