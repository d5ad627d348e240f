"""The numbered changes: two files of SQL each, and what Alembic needs to see in them.

    versions/NNNN_name.up.sql     the change; its first line says what it is
    versions/NNNN_name.down.sql   its undoing

Alembic would have a Python module for each; all of them would be the same, so they are made here.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from alembic.script import Script

if TYPE_CHECKING:
    from collections.abc import Awaitable

    import asyncpg
    import sqlalchemy as sa

_HERE = Path(__file__).parent
_UP, _DOWN = ".up.sql", ".down.sql"


@cache
def changes() -> tuple[Script, ...]:
    """Return all changes, the oldest first; `upgrade` and `downgrade` of their modules take a connection."""
    found: list[Script] = []
    for path in sorted((_HERE / "versions").glob(f"*{_UP}")):
        down_revision = found[-1].revision if found else None
        found.append(_change(path.name.removesuffix(_UP), down_revision))
    return tuple(found)


def _change(name: str, down_revision: str | None) -> Script:
    up, down = f"versions/{name}{_UP}", f"versions/{name}{_DOWN}"

    def upgrade(connection: sa.Connection) -> None:
        run_on(connection, up)

    def downgrade(connection: sa.Connection) -> None:
        run_on(connection, down)

    module = ModuleType(name, _read(up).partition("\n")[0].removeprefix("-- "))
    vars(module).update(upgrade=upgrade, downgrade=downgrade, down_revision=down_revision)
    return Script(module, name.partition("_")[0], _HERE / up)


def run_on(connection: sa.Connection, name: str) -> None:
    """Run a file, named from this directory, on a connection of SQLAlchemy's asyncpg dialect.

    The file goes to the server as one script, by the raw asyncpg connection: SQLAlchemy would prepare it,
    which takes one statement only, and read `:name` in it as a parameter.
    """
    script = _read(name)

    def execute(raw: asyncpg.Connection[asyncpg.Record]) -> Awaitable[str]:
        return raw.execute(script)

    connection.exec_driver_sql("SELECT 1")  # the dialect begins its transaction with its first statement
    adapted: Any = connection.connection.dbapi_connection
    adapted.run_async(execute)


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
