"""chat_log: an index of what was unsent."""

from migrations import files

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    files.run("0010_unsent.up.sql")


def downgrade() -> None:
    files.run("0010_unsent.down.sql")
