"""Which rows belong to a survey of an owner: the scope of an export.

A row says it by its `surveyid`; one that has none, by its shortcode, and only if its page is the owner's.
How the rows are read and written is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.access import Action, Caller, may, survey_thing
from models.errors import ChatlogError, MustAct
from models.owners import owner_address
from sinks.postgres.unsent import Unsent, find_unsent
from sinks.sql import statements

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

_SQL = statements("export_data")
_SURVEYIDS = _SQL.export_surveyids
_ERAS = _SQL.export_eras
_SHARES = statements("surveys").find_shares


class ExportImpossible(ChatlogError):
    """This export can never be made, however often it is tried; the message is for its owner."""

    must_act = MustAct.CALLER


class NoSurveyToExport(ExportImpossible):
    """The owner has no survey of that name; another owner may."""


class NotShared(ExportImpossible):
    """Whoever asked may not export the survey, or may no longer."""


@dataclass(frozen=True, slots=True)
class Era:
    """While a shortcode of the owner meant this survey: rows without a `surveyid` are told by it.

    Attributes:
        shortcode: what the rows have.
        pages: of which pages; never one where the shortcode may be another owner's.
        since: rows later than this; None if the shortcode never meant another survey before.
        until: rows not later than this; None if it still means this one.
    """

    shortcode: str
    pages: tuple[str, ...]
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows of a survey: those with one of its ids, and those of its eras that have none.

    Attributes:
        surveyids: the survey's ids, one for each version and translation.
        eras: while its shortcodes meant it.
        unsent: messages that people took back: all there are, as one may be unsent when its person is in
            another survey by then.
    """

    surveyids: tuple[UUID, ...]
    eras: tuple[Era, ...]
    unsent: Unsent = field(default_factory=Unsent)


async def scope_of(
    connection: asyncpg.Connection[asyncpg.Record], owner: str, survey: str, asked_by: str
) -> Scope:
    """Return what belongs to a survey, if it may be exported for who asked, now: a share may be withdrawn.

    Args:
        connection: of a role that may read `users`, `surveys` and whose page is whose.
        owner: the email address, however it is written (`models.owners`).
        survey: its name; all versions and translations have the same.
        asked_by: the email address of whoever gets it.

    Raises:
        NotShared: it is neither theirs nor shared with them.
        NoSurveyToExport: this owner has none of that name.
    """
    shared_with = {row["address"] for row in await connection.fetch(_SHARES, owner, survey)}
    caller = Caller(owner_address(asked_by))
    if not may(caller, Action.EXPORT_SURVEY, survey_thing(owner, survey, shared_with)):
        raise NotShared(f"The survey is not shared with you, or no longer: ask its owner, {owner}")
    surveyids = [row["id"] for row in await connection.fetch(_SURVEYIDS, owner, survey)]
    if not surveyids:
        raise NoSurveyToExport(
            f'This owner has no survey named "{survey}": was it renamed, or is it spelt otherwise?'
        )
    eras = [
        Era(row["shortcode"], tuple(row["pages"]), row["since"], row["until"])
        for row in await connection.fetch(_ERAS, owner, survey)
    ]
    return Scope(tuple(surveyids), tuple(eras), await find_unsent(connection))
