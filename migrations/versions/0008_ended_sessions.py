"""ended_sessions: sessions of the pages that ended before their time."""

from migrations import files

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    files.run("0008_ended_sessions.up.sql")


def downgrade() -> None:
    files.run("0008_ended_sessions.down.sql")
