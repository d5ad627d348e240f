"""export_status: how many values a file says of that they could not be written."""

from migrations import files

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    files.run("0009_cells_not_shown.up.sql")


def downgrade() -> None:
    files.run("0009_cells_not_shown.down.sql")
