"""users, credentials, surveys, responses: what exports read, where others have not made it."""

from migrations import files

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    files.run("0003_surveys.up.sql")


def downgrade() -> None:
    files.run("0003_surveys.down.sql")
