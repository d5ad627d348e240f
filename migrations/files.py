"""Runs the .sql files beside the revisions, whole, in the transaction of the migration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import op

if TYPE_CHECKING:
    from collections.abc import Awaitable

    import asyncpg
    import sqlalchemy as sa

HERE = Path(__file__).parent


def run(name: str) -> None:
    """Run one file of `versions/`; for the `upgrade` and `downgrade` of a revision."""
    run_on(op.get_bind(), f"versions/{name}")


def run_on(connection: sa.Connection, name: str) -> None:
    """Run a file, named from this directory, on a connection of SQLAlchemy's asyncpg dialect.

    The file goes to the server as one script, by the raw asyncpg connection: SQLAlchemy would prepare it,
    which takes one statement only, and read `:name` in it as a parameter.
    """
    script = (HERE / name).read_text(encoding="utf-8")

    def execute(raw: asyncpg.Connection[asyncpg.Record]) -> Awaitable[str]:
        return raw.execute(script)

    connection.exec_driver_sql("SELECT 1")  # the dialect begins its transaction with its first statement
    adapted: Any = connection.connection.dbapi_connection
    adapted.run_async(execute)
