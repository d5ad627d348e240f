-- Replays of dead letters that were asked for: which are still to be put back, and what could not be.
--
-- A replay that somebody asks the API for is written down first, so that it goes on whichever process dies; a row says
-- of itself which replay it is part of, and whether that is still to come.
ALTER TABLE dead_letters
    ADD COLUMN replay         uuid,
    ADD COLUMN replay_pending boolean NOT NULL DEFAULT false,
    ADD COLUMN replay_problem varchar;
CREATE INDEX dead_letters_pending_idx ON dead_letters (id) WHERE replay_pending;
CREATE INDEX dead_letters_replay_idx ON dead_letters (replay) WHERE replay IS NOT NULL;
-- What became of somebody's messages: keys may be longer than a btree takes.
CREATE INDEX dead_letters_key_idx ON dead_letters USING hash (key);

COMMENT ON COLUMN dead_letters.replay IS 'The replay that it was last part of, if the API was asked for it.';
COMMENT ON COLUMN dead_letters.replay_pending IS 'Whether it is still to be put back.';
COMMENT ON COLUMN dead_letters.replay_problem IS 'Why it could not be put back; null where it could.';
