"""The statements of the ledger: its book, in SQLite, and what it reads from the system, in PostgreSQL."""

SCHEMA = """
    CREATE TABLE sent (
        topic TEXT, partition INTEGER, "offset" INTEGER,
        userid TEXT, timestamp INTEGER, direction TEXT,
        reason TEXT
    );
    CREATE INDEX sent_place ON sent (topic, partition, "offset");
    CREATE TABLE found_row (
        userid TEXT, timestamp INTEGER, direction TEXT, PRIMARY KEY (userid, timestamp, direction)
    ) WITHOUT ROWID;
    CREATE TABLE found_letter (
        topic TEXT, partition INTEGER, "offset" INTEGER, reason TEXT,
        PRIMARY KEY (topic, partition, "offset")
    ) WITHOUT ROWID;
"""
EXPECTED_ROWS = "SELECT DISTINCT userid, timestamp, direction FROM sent WHERE userid IS NOT NULL"
READ_ROWS = "SELECT userid, (extract(epoch FROM timestamp) * 1000)::bigint, direction FROM chat_log"
READ_DEAD_LETTERS = 'SELECT topic, partition, "offset", reason FROM dead_letters WHERE replayed_at IS NULL'
COUNT_DEAD_LETTERS = "SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL"
LOST = f"""
    SELECT format('row %s %d %s', userid, timestamp, direction) FROM (
        {EXPECTED_ROWS} EXCEPT SELECT userid, timestamp, direction FROM found_row
    )
    UNION ALL
    SELECT format('dead letter %s[%d]@%d: %s', topic, partition, "offset", reason) FROM (
        SELECT topic, partition, "offset", reason FROM sent WHERE reason IS NOT NULL
        EXCEPT SELECT topic, partition, "offset", reason FROM found_letter
    )
"""
#: A row or dead letter that nobody expected; so also a message that is both, as it should be one of them.
DOUBLED = f"""
    SELECT format('row %s %d %s', userid, timestamp, direction) FROM (
        SELECT userid, timestamp, direction FROM found_row EXCEPT {EXPECTED_ROWS}
    )
    UNION ALL
    SELECT format('dead letter %s[%d]@%d: %s', topic, partition, "offset", reason) FROM (
        SELECT topic, partition, "offset", reason FROM found_letter
        EXCEPT SELECT topic, partition, "offset", reason FROM sent WHERE reason IS NOT NULL
    )
"""
