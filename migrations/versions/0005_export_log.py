"""export_status: one row an export, with an id and what is exported."""

from migrations import files

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    files.run("0005_export_log.up.sql")


def downgrade() -> None:
    files.run("0005_export_log.down.sql")
