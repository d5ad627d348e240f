"""How large a record that we make may be, and so what goes into it."""

#: The most that any topic of ours takes in a record; Kafka's default is 1 MiB. What is made of a record must
#: always fit: an entry holds the event, its text once more, and the state's metadata; a dead letter the
#: record and its reason.
OUR_RECORD_MAX_BYTES = 4 * 1024 * 1024
#: The most that is kept of one user's states: what the changelog takes, with room for the key and for Kafka.
HISTORY_MAX_BYTES = OUR_RECORD_MAX_BYTES * 3 // 4
#: The most that a state alone may take: all that the changelog takes, but for the key and Kafka's own bytes.
STATE_MAX_BYTES = OUR_RECORD_MAX_BYTES - 2048
#: The most that a dead letter may take with its state: what its topic takes, with room for the reason.
DEAD_LETTER_MAX_BYTES = OUR_RECORD_MAX_BYTES - 8192
