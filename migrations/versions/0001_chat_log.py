"""chat_log: one row a message, in monthly partitions."""

from migrations import files

revision = "0001"
down_revision = None


def upgrade() -> None:
    files.run("0001_chat_log.up.sql")


def downgrade() -> None:
    files.run("0001_chat_log.down.sql")
