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

-- name: find_rule_versions
-- What a channel's rule was, the newest first.
SELECT
    valid_from, is_deleted, platform, channel, is_enabled, retention_days, sampling_rate, pre_drop_pipeline_id,
    deletions, ignored_users, bots, exempt, keep_raw
FROM chat_logging_config_versions
WHERE platform = $1 AND channel = $2
ORDER BY valid_from DESC
LIMIT $3;
