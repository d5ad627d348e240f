"""Which survey an entry belongs to, from the tables of surveys and pages: read whole, and again every minute.

The rule is `models.surveys`; the tables belong to others in production. So they may be missing, locked or
closed to us, and none of that keeps an entry from its row: it is then stored without a surveyid, for
`chatlog backfill surveyids` to fill. A survey made within the last minute may not be known yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from models.surveys import Page, SurveyMap, SurveyVersion
from sinks.errors import ServiceDown
from sinks.postgres.fresh import Fresh, TablesHeld, Unreadable
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements

if TYPE_CHECKING:
    from sinks.retry import RetryPolicy

_SQL = statements("surveys")
_PAGES = _SQL.read_pages
_SURVEYS = _SQL.read_surveys
EVERY_S = 60.0
#: What must be readable; `chatlog migrate up` grants it where the tables are its own.
_GRANTS = (
    "GRANT SELECT (id, userid, shortcode, created) ON surveys TO {role}; "
    "GRANT SELECT (userid, entity, facebook_page_id) ON credentials TO {role}"
)
_OF_WORKERS = "chatlog_writer"


def fresh_surveys(
    pool: asyncpg.Pool, retry_policy: RetryPolicy, *, every_s: float = EVERY_S
) -> Fresh[SurveyMap]:
    """Return what is known of surveys, to be kept fresh in the background.

    Args:
        pool: connections as the writer role.
        retry_policy: waits while PostgreSQL is down, before the surveys are known for the first time.
        every_s: how often they are read again.
    """
    return Fresh(
        lambda: load_surveys(pool, role=_OF_WORKERS),
        retry_policy,
        nothing=SurveyMap(),
        what="Surveys",
        without="entries are stored without a surveyid",
        every_s=every_s,
    )


async def load_surveys(
    database: asyncpg.Pool | asyncpg.Connection[asyncpg.Record], *, role: str
) -> SurveyMap:
    """Read every survey and page.

    Args:
        database: where they are.
        role: which of our roles needs them, to tell what it lacks.

    Raises:
        Unreadable: the tables are missing, closed to us, or not as we know them.
        TablesHeld: somebody holds them.
        ServiceDown: PostgreSQL is down.
    """
    try:
        pages = await database.fetch(_PAGES)
        surveys = await database.fetch(_SURVEYS)
    except DRIVER_ERRORS as error:
        raise _trouble_of(error, role) from error
    return SurveyMap(
        (Page(*row) for row in pages),
        (SurveyVersion(*row) for row in surveys),
    )


def _trouble_of(error: Exception, role: str) -> Unreadable | ServiceDown:
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return Unreadable(
            f"The database user may not read surveys and pages: grant it the role {role}, and let the owner "
            f"of the tables run: {_GRANTS.format(role=role)}"
        )
    if isinstance(error, asyncpg.UndefinedTableError):
        return Unreadable(
            "The table surveys or credentials is missing: run `chatlog migrate up`, or let the search_path "
            "of the user in DATABASE_URL name their schema"
        )
    if isinstance(error, asyncpg.QueryCanceledError | asyncpg.LockNotAvailableError):
        return TablesHeld("The tables surveys and credentials are held by someone: see pg_locks")
    judged = classify(error)
    return judged if isinstance(judged, ServiceDown) else Unreadable(str(judged))
