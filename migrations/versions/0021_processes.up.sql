-- Which workers, APIs and connectors run, wherever they do: each says so every few seconds.
--
-- Who ends as it should takes its row away; whose row is old was killed, cannot reach the database, or hangs.
CREATE TABLE processes (
    id         uuid        PRIMARY KEY,
    kind       varchar     NOT NULL CHECK (kind IN ('worker', 'api', 'connector')),
    role       varchar     NOT NULL,
    host       varchar     NOT NULL,
    address    varchar,
    version    varchar     NOT NULL,
    verdict    varchar     NOT NULL CHECK (verdict IN ('ok', 'unready', 'stalled')),
    reasons    varchar[]   NOT NULL DEFAULT '{}',
    partitions jsonb       NOT NULL DEFAULT '{}',
    started    timestamptz NOT NULL,
    seen       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX processes_seen_idx ON processes (seen);

COMMENT ON TABLE processes IS 'Which processes of chatlog run; rows that are old are of processes that did not end by themselves.';
COMMENT ON COLUMN processes.role IS 'Of a worker its role, of a connector its platform, of an API "api".';
COMMENT ON COLUMN processes.address IS 'Where its views are, as others reach it; null if it has none.';
COMMENT ON COLUMN processes.verdict IS 'How it judges itself: ok, not ready, or standing still.';
COMMENT ON COLUMN processes.reasons IS 'Why it is not ok, in words.';
COMMENT ON COLUMN processes.partitions IS 'Which partitions a worker reads: an array of numbers for each topic.';
