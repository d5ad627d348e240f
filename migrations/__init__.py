"""The schema's history: numbered changes, forward and back, and how to go from one to another.

Alembic keeps the history: it is the migration library most Python programmers know, it is well kept, and
with transactional DDL a run either happens or leaves no trace. It runs on SQLAlchemy's asyncpg dialect, so
that asyncpg stays the only driver. Nothing is modelled in SQLAlchemy: a change is SQL, because that is what
the person who is called at night reads.

    versions/NNNN_name.up.sql     the change; its first line is what `chatlog migrate` says of it
    versions/NNNN_name.down.sql   its undoing
    roles.up.sql                  not numbered: what `up` ensures each time, because roles belong to the
    roles.down.sql                server, not to the database, and an administrator may make them later
    rights.py                     what the roles may; a right is a line here, and nowhere else
    schema.json                   the columns and indexes since which revision, for `chatlog check`; made from
                                  the changes by `python -m tests.migrations.snapshots`

To add a change, add the two files with the next number, its rights, and make schema.json again. A change
that was released is never edited. The SQL names no schema: it applies to the first of the connection's
search_path.
"""

from migrations.errors import MigrationError
from migrations.history import Connect, Say, Status, Step, down, known_revisions, status, up

__all__ = ["Connect", "MigrationError", "Say", "Status", "Step", "down", "known_revisions", "status", "up"]
