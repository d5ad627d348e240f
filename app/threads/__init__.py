"""Threads of learners and their messages: made, written, read back, changed and deleted by REST."""
