"""export_status: one row per survey and owner, as it was first."""

from migrations import files

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    files.run("0004_export_status.up.sql")


def downgrade() -> None:
    files.run("0004_export_status.down.sql")
