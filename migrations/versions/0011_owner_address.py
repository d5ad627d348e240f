"""owner_address: the one form that the addresses of owners are compared in."""

from migrations import files

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    files.run("0011_owner_address.up.sql")


def downgrade() -> None:
    files.run("0011_owner_address.down.sql")
