"""dead_letters: what can never be stored, kept with its reason."""

from migrations import files

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    files.run("0002_dead_letters.up.sql")


def downgrade() -> None:
    files.run("0002_dead_letters.down.sql")
