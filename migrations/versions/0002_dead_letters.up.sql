-- dead_letters: what can never be stored, kept with its reason.
--
-- Records that can never be stored, byte for byte, with where they came from and why they were refused.
-- To drop one is to delete it; a replayed one stays, with the time.
CREATE TABLE dead_letters (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic            varchar     NOT NULL,
    partition        integer     NOT NULL,
    "offset"         bigint      NOT NULL,
    reason           varchar     NOT NULL,
    detail           varchar,
    key              bytea,
    value            bytea,
    headers          jsonb       NOT NULL DEFAULT '[]',
    source_timestamp timestamptz,
    created          timestamptz NOT NULL DEFAULT now(),
    replayed_at      timestamptz,
    -- A record that is delivered again is refused again: ON CONFLICT DO NOTHING makes it one row.
    UNIQUE (topic, partition, "offset")
);

CREATE INDEX dead_letters_reason_idx ON dead_letters (reason, created);
CREATE INDEX dead_letters_created_idx ON dead_letters (created);

COMMENT ON TABLE dead_letters IS 'Records that can never be stored, with the reason; replayable.';
COMMENT ON COLUMN dead_letters.reason IS 'One of a few words, to filter and count by.';
COMMENT ON COLUMN dead_letters.detail IS 'What was wrong, for a person; without contents.';
COMMENT ON COLUMN dead_letters.headers IS
    'The headers in their order, as [[name, value], ...]; a value is hexadecimal, or null.';
COMMENT ON COLUMN dead_letters.source_timestamp IS 'The time Kafka has for the record.';
