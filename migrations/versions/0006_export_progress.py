"""export_status: how far a job is, who works on it, and whether it is in Kafka."""

from migrations import files

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    files.run("0006_export_progress.up.sql")


def downgrade() -> None:
    files.run("0006_export_progress.down.sql")
