"""chat_log: two indexes that read a survey in order."""

from migrations import files

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    files.run("0007_chat_log_by_survey.up.sql")


def downgrade() -> None:
    files.run("0007_chat_log_by_survey.down.sql")
