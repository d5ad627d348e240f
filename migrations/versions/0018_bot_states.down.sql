DROP TABLE bot_state_changes, bot_states;
