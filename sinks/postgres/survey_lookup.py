"""Which survey an entry belongs to, from the tables of surveys and pages: read whole, and again every minute.

The rule is `models.surveys`; the tables belong to others in production. So they may be missing, locked or
closed to us, and none of that keeps an entry from its row: it is then stored without a surveyid, for
`chatlog backfill surveyids` to fill. A survey made within the last minute may not be known yet.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import asyncpg

from models.surveys import Page, Survey, SurveyMap
from sinks.errors import CannotGoOn, ServiceDown
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements

if TYPE_CHECKING:
    from sinks.retry import RetryPolicy

log = logging.getLogger(__name__)

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


class SurveysUnknown(CannotGoOn):
    """The tables are missing or closed to us; the message says what to do about it."""


class SurveysBusy(ServiceDown):
    """Somebody holds the tables for longer than we wait; the rest of the database is there."""


class SurveyLookup:
    """What is known of surveys, kept fresh in the background.

    Args:
        pool: connections as the writer role.
        retry_policy: waits while PostgreSQL is down, before the surveys are known for the first time.
        every_s: how often they are read again.
    """

    def __init__(self, pool: asyncpg.Pool, retry_policy: RetryPolicy, *, every_s: float = EVERY_S) -> None:
        self._pool = pool
        self._retry_policy = retry_policy
        self._every_s = every_s
        self._known: SurveyMap | None = None
        self._first_load = asyncio.Lock()
        #: What was said in the log of the present trouble; None while all is well.
        self._trouble: str | None = None

    async def known(self) -> SurveyMap:
        """Return the surveys as last read; the first time, wait until PostgreSQL was asked for them."""
        if self._known is None:
            async with self._first_load:
                if self._known is None:
                    self._known = await self._retry_policy.run(self._load_for_the_first_time)
        return self._known

    async def keep_fresh(self) -> None:
        """Read the surveys now and again, until cancelled."""
        await self.known()
        while True:
            await asyncio.sleep(self._every_s)
            await self._refresh()

    async def _load_for_the_first_time(self) -> SurveyMap:
        try:
            return await self._load()
        except (SurveysUnknown, SurveysBusy) as error:
            self._tell("Surveys cannot be looked up: entries are stored without a surveyid", error)
            return SurveyMap()

    async def _refresh(self) -> None:
        try:
            self._known = await self._load()
        except SurveysUnknown as error:
            # Better no surveyid than that of a survey which has a newer version by now.
            self._known = SurveyMap()
            self._tell("Surveys cannot be looked up: entries are stored without a surveyid", error)
        except ServiceDown as error:
            self._tell("Surveys cannot be read again; those known before are looked up", error)

    async def _load(self) -> SurveyMap:
        found = await load_surveys(self._pool, role=_OF_WORKERS)
        if self._trouble is not None:
            self._trouble = None
            log.info("Surveys are looked up again", extra={"surveys": found.size})
        return found

    def _tell(self, what: str, error: Exception) -> None:
        """Say what is wrong, once until something else is."""
        if self._trouble != what:
            self._trouble = what
            log.warning(what, extra={"error": str(error)})


async def load_surveys(
    database: asyncpg.Pool | asyncpg.Connection[asyncpg.Record], *, role: str
) -> SurveyMap:
    """Read every survey and page.

    Args:
        database: where they are.
        role: which of our roles needs them, to tell what it lacks.

    Raises:
        SurveysUnknown: the tables are missing, closed to us, or not as we know them.
        SurveysBusy: somebody holds them.
        ServiceDown: PostgreSQL is down.
    """
    try:
        pages = await database.fetch(_PAGES)
        surveys = await database.fetch(_SURVEYS)
    except DRIVER_ERRORS as error:
        raise _trouble_of(error, role) from error
    return SurveyMap(
        (Page(*row) for row in pages),
        (Survey(*row) for row in surveys),
    )


def _trouble_of(error: Exception, role: str) -> SurveysUnknown | ServiceDown:
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return SurveysUnknown(
            f"The database user may not read surveys and pages: grant it the role {role}, and let the owner "
            f"of the tables run: {_GRANTS.format(role=role)}"
        )
    if isinstance(error, asyncpg.UndefinedTableError):
        return SurveysUnknown(
            "The table surveys or credentials is missing: run `chatlog migrate up`, or let the search_path "
            "of the user in DATABASE_URL name their schema"
        )
    if isinstance(error, asyncpg.QueryCanceledError | asyncpg.LockNotAvailableError):
        return SurveysBusy("The tables surveys and credentials are held by someone: see pg_locks")
    judged = classify(error)
    return judged if isinstance(judged, ServiceDown) else SurveysUnknown(str(judged))
