-- What connectors heard and missed. A channel's one row without an end says up to when it was heard: `began` moves on
-- with that, so that a connector which dies leaves its gap behind. Gaps that are over are rows of their own.

-- name: hear
-- Note up to when channels of a platform were heard; each once.
INSERT INTO connector_gaps AS gap (platform, channel, began, reason)
SELECT $1, heard.channel, heard.until, heard.reason
FROM unnest($2::varchar[], $3::timestamptz[], $4::varchar[]) AS heard (channel, until, reason)
ORDER BY heard.channel
ON CONFLICT (platform, channel) WHERE ended IS NULL DO UPDATE SET
    began  = excluded.began,
    reason = excluded.reason
WHERE gap.began < excluded.began OR (gap.began = excluded.began AND gap.reason <> excluded.reason);

-- name: end_gap
-- Write down a gap of a channel that is over, from when it was last heard, unless another connector heard it meanwhile.
INSERT INTO connector_gaps (platform, channel, began, ended, reason)
SELECT gap.platform, gap.channel, gap.began, $3, $4
FROM connector_gaps AS gap
WHERE gap.platform = $1 AND gap.channel = $2 AND gap.ended IS NULL AND gap.began < $3::timestamptz;

-- name: add_gap
-- Write down that something of a channel is missing which was heard else: one event, or what cannot be fetched.
INSERT INTO connector_gaps (platform, channel, began, ended, reason) VALUES ($1, $2, $3, $4, $5);

-- name: list_heard
-- Up to when each channel of a platform was heard.
SELECT channel, began FROM connector_gaps WHERE platform = $1 AND ended IS NULL;

-- name: fill_gaps
-- Note that the gaps of a channel which ended in a time were filled from its history.
UPDATE connector_gaps SET filled = now()
WHERE platform = $1 AND channel = $2 AND ended > $3 AND ended <= $4 AND filled IS NULL;

-- name: forget_channel
-- Nobody means to hear a channel of a platform any more: nothing of it is missing.
UPDATE connector_gaps SET ended = now(), filled = now()
WHERE platform = $1 AND channel = $2 AND ended IS NULL;

-- name: list_gaps
-- The gaps since a time, those that go on first, then the newest first. Of a platform, or of all.
SELECT platform, channel, began, ended, reason, filled
FROM connector_gaps
WHERE ($1::varchar IS NULL OR platform = $1)
    AND (ended >= $2 OR (ended IS NULL AND began < now() - make_interval(secs => $3)))
ORDER BY ended DESC NULLS FIRST, began DESC, platform, channel
LIMIT $4;

-- name: sum_up_gaps
-- What is missing since a time and was not fetched, by platform: channels that are not heard now, and gaps that are over.
SELECT
    platform,
    count(*) FILTER (WHERE ended IS NULL) AS silent,
    min(began) FILTER (WHERE ended IS NULL) AS silent_since,
    count(ended) AS gaps,
    coalesce(sum(ended - began), interval '0') AS lasted
FROM connector_gaps
WHERE filled IS NULL
    AND (ended >= $1 OR (ended IS NULL AND began >= $1 AND began < now() - make_interval(secs => $2)))
GROUP BY platform
ORDER BY platform;
