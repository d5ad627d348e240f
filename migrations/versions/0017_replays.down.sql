-- What was asked for and is not done yet is not done: ask the command for it.
DROP INDEX dead_letters_pending_idx;
DROP INDEX dead_letters_replay_idx;
DROP INDEX dead_letters_key_idx;
ALTER TABLE dead_letters
    DROP COLUMN replay,
    DROP COLUMN replay_pending,
    DROP COLUMN replay_problem;
