-- bot_states: how survey bots stand with people, now and before: why a question came again, and who waits.
--
-- Labels and counts out of the records of the state topic, and nothing that anybody said.
CREATE TABLE bot_state_changes (
    userid    varchar,
    updated   timestamptz,
    pageid    varchar,
    state     varchar,
    question  varchar,
    shortcode varchar,
    surveyid  uuid,
    answers   integer NOT NULL,
    retries   integer NOT NULL,
    problem   varchar,
    waits_for varchar,
    begun     timestamptz,
    PRIMARY KEY (userid, updated)
);
COMMENT ON TABLE bot_state_changes IS 'How the bot stood with each person of Messenger, and from when on.';
COMMENT ON COLUMN bot_state_changes.state IS 'The bot''s own word for it: QOUT, RESPONDING, BLOCKED, ERROR, …';
COMMENT ON COLUMN bot_state_changes.retries IS 'How often it had tried again to send.';
COMMENT ON COLUMN bot_state_changes.problem IS 'What had gone wrong, in the bot''s word for kinds of errors.';
COMMENT ON COLUMN bot_state_changes.begun IS 'When the person began the form.';

CREATE TABLE bot_states (
    userid    varchar PRIMARY KEY,
    since     timestamptz NOT NULL,
    updated   timestamptz NOT NULL,
    pageid    varchar,
    state     varchar,
    question  varchar,
    shortcode varchar,
    surveyid  uuid,
    answers   integer     NOT NULL,
    retries   integer     NOT NULL,
    problem   varchar,
    waits_for varchar
);
CREATE INDEX bot_states_state_idx ON bot_states (state, since);
COMMENT ON TABLE bot_states IS 'How the bot stands with each person of Messenger now: the last of bot_state_changes.';
COMMENT ON COLUMN bot_states.since IS 'Since when it has been in that state.';
