"""Filling in the surveyid of old rows, by the rule that new ones get it by (`models.surveys`).

In batches, each a short transaction of its own: it may be killed and run again at any time, also beside the
workers, which only ever add rows. Used by `app.commands.backfill`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import asyncpg

from sinks.errors import CannotGoOn, SinkError
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.postgres.survey_lookup import load_surveys
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from models.surveys import SurveyMap

    Connection = asyncpg.Connection[asyncpg.Record]

#: Rows that are looked at, and updated, at a time: a quarter of a second of locks on them.
BATCH_ROWS = 1_000

_SQL = statements("backfill")
_COUNT = _SQL.count_entries_without_survey
_FIND = _SQL.find_entries_without_survey
_FILL = _SQL.fill_surveyids
_BY_KEY = _SQL.fill_by_key
_ROLE = "chatlog_maintainer"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BEFORE_ALL = ("", "", datetime(1, 1, 1, tzinfo=UTC), "")


class RowOutcome(StrEnum):
    """What came of a row that had no surveyid; the words are for people."""

    FILLED = "filled"
    NO_FORM = "left: they name no form"
    NO_OWNER = "left: nobody has their page, or several owners have"
    NO_SURVEY = "left: the page's owner had no survey of their form yet"


@dataclass(frozen=True, slots=True)
class Unfilled:
    """How many rows had no surveyid at the start.

    Attributes:
        rows: all of them.
        without_shortcode: those of them that can never have one.
    """

    rows: int
    without_shortcode: int


async def count_waiting(connection: Connection) -> Unfilled:
    """Count the rows without a surveyid.

    Raises:
        SinkError: PostgreSQL refuses, or is down.
    """
    try:
        row = await connection.fetchrow(_COUNT)
    except DRIVER_ERRORS as error:
        raise _trouble_of(error) from None
    return Unfilled(*row) if row else Unfilled(0, 0)


async def fill_surveyids(
    connection: Connection, *, batch_rows: int = BATCH_ROWS, dry_run: bool = False
) -> AsyncIterator[Counter[RowOutcome]]:
    """Look at every row that names a form and no survey, and fill in the survey where the rule tells it.

    Args:
        connection: without a limit on statements, as the maintainer role.
        batch_rows: rows at a time.
        dry_run: only tell what would be filled.

    Yields:
        For each batch, when it is committed: how many of its rows came to what.

    Raises:
        SinkError: PostgreSQL refuses, or is down; the batches before are filled.
    """
    surveys = await load_surveys(connection, role=_ROLE)
    after: tuple[object, ...] = _BEFORE_ALL
    try:
        while rows := await connection.fetch(_FIND, *after, batch_rows):
            after = tuple(rows[-1])[:4]
            yield await _fill(connection, surveys, rows, dry_run=dry_run)
    except DRIVER_ERRORS as error:
        raise _trouble_of(error) from None


async def _fill(
    connection: Connection, surveys: SurveyMap, rows: Sequence[asyncpg.Record], *, dry_run: bool
) -> Counter[RowOutcome]:
    outcomes: Counter[RowOutcome] = Counter()
    found: list[tuple[str, datetime, str, str]] = []
    for shortcode, userid, timestamp, direction, pageid in rows:
        surveyid = surveys.surveyid_of(pageid, shortcode, (timestamp - _EPOCH) // _MICROSECOND)
        if surveyid is not None:
            found.append((userid, timestamp, direction, surveyid))
        elif pageid is not None and surveys.has_owner(pageid):
            outcomes[RowOutcome.NO_SURVEY] += 1
        else:
            outcomes[RowOutcome.NO_OWNER] += 1
    if found:
        outcomes[RowOutcome.FILLED] = len(found) if dry_run else await _update(connection, found)
    return outcomes


async def _update(connection: Connection, found: Sequence[tuple[str, datetime, str, str]]) -> int:
    async with connection.transaction():
        await connection.execute(_BY_KEY)
        status = await connection.execute(_FILL, *zip(*found, strict=True))
    return int(status.rpartition(" ")[2])


def _trouble_of(error: Exception) -> SinkError:
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return CannotGoOn(
            f"The database user may not fill in surveyids: grant it the role {_ROLE} (`chatlog migrate up` "
            "makes it), or run this as the owner of chat_log"
        )
    judged = classify(error)
    return judged if isinstance(judged, SinkError) else CannotGoOn(f"PostgreSQL refuses: {judged}")
