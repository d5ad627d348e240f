"""What can go wrong with a migration, in the words of the person who runs it.

That the database cannot be reached at all is told by whoever opens the connection.
"""

import asyncpg
import sqlalchemy.exc
from alembic.util import CommandError

from models.errors import ChatlogError, MustAct


class MigrationError(ChatlogError):
    """The schema could not be changed; the message says why in one line, and what to do."""

    must_act = MustAct.OPERATOR


#: What the libraries raise, to be turned into a MigrationError by `explain`.
CAUSES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    sqlalchemy.exc.DBAPIError,
    CommandError,
    OSError,
)


def explain(error: BaseException) -> str:
    """Say in one line what one of `CAUSES` means for a migration, and what to do."""
    # What SQLAlchemy raises has the driver's error as its cause, at some depth.
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, asyncpg.PostgresError):
        cause = cause.__cause__
    if cause is None:
        return f"Nothing was changed: {error.args[0] if error.args else type(error).__name__}; run it again"
    said = cause.args[0]
    match cause:
        case asyncpg.InsufficientPrivilegeError():
            return (
                f"The database user has not enough rights ({said}): migrate as the owner of the database, "
                "or let an administrator GRANT CREATE ON SCHEMA ... and ON DATABASE ... TO the user"
            )
        case asyncpg.DuplicateTableError() | asyncpg.DuplicateFunctionError():
            return f"These migrations did not make what is there ({said}): rename it, or use an empty schema"
        case asyncpg.LockNotAvailableError():
            return "A table is held by a long query: run `chatlog migrate up` again when that has ended"
        case asyncpg.PostgresConnectionError() | asyncpg.OperatorInterventionError():
            return f"The connection was lost ({said}), and nothing was changed: run it again"
        case _:
            return f"PostgreSQL refuses (SQLSTATE {cause.sqlstate}): {said}"
