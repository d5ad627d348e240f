"""Which messages a request looks for, by query parameters that are the same everywhere.

async def list_them(wanted: Filters) -> …          # gets a MessageFilter
f"/search?{urlencode(query_of(wanted))}"           # and leads to the same elsewhere
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError

from app.reading.moments import MOMENT_FORM, moment_of, moment_text
from models.days import ZONE_FORM, zone_named
from models.fields import INDEXED_MAX_BYTES
from models.owners import ADDRESS_MAX
from models.reading import MessageFilter

#: By which query parameter each part of a filter is asked for, where that is not its own name.
_NAMES = {"message_type": "type"}
_DAY_HINT = f"{MOMENT_FORM}. A day, or a time without an offset, is of the zone `tz`"


def _text(description: str, *examples: str, longest: int = INDEXED_MAX_BYTES) -> Any:
    return Query(
        max_length=longest, pattern=r"^[^\x00]*$", description=description, examples=list(examples) or None
    )


Zone = Annotated[str, _text(f"{ZONE_FORM[0].upper()}{ZONE_FORM[1:]}.", "Africa/Lagos", longest=64)]


async def zone_of_query(tz: Zone = "UTC") -> str:
    """Return the name of the zone that a request is about.

    Raises:
        RequestValidationError: there is no such zone.
    """
    try:
        return zone_named(tz or "UTC").key
    except ValueError as error:
        raise _unusable("tz", error) from None


async def period_of_query(
    zone: Annotated[str, Depends(zone_of_query)],
    since: Annotated[str | None, _text(f"Not said before: {_DAY_HINT}.", "2026-11-24", longest=64)] = None,
    until: Annotated[
        str | None, _text(f"Said before: {_DAY_HINT}; of a day, before it began.", "2026-11-25", longest=64)
    ] = None,
) -> MessageFilter:
    """Return the time that a request is about, as a filter of nothing else.

    Raises:
        RequestValidationError: a time, or the zone, is none; or `until` is not after `since`.
    """
    begin, end = moment_of_query("since", since, zone), moment_of_query("until", until, zone)
    if begin is not None and end is not None and end <= begin:
        raise _unusable("until", "not after `since`: nothing can have been said then")
    return MessageFilter(since=begin, until=end)


async def filter_of_query(  # noqa: PLR0913, PLR0917  each is a query parameter
    period: Annotated[MessageFilter, Depends(period_of_query)],
    platform: Annotated[str | None, _text("Where it was said.", "messenger", longest=31)] = None,
    channel: Annotated[str | None, _text("The platform's id of the channel.", "918273645")] = None,
    survey: Annotated[str | None, _text("The name of the survey it is of.", "Baseline", longest=1000)] = None,
    survey_owner: Annotated[
        str | None,
        _text("The address of whose survey it is; of any owner if left out.", longest=ADDRESS_MAX),
    ] = None,
    person: Annotated[
        str | None, _text("The platform's id of whom it is from or, with a bot, of whom it is with.")
    ] = None,
    question: Annotated[
        str | None, _text("The survey's question that is asked or answered.", "children_under_5")
    ] = None,
    type: Annotated[  # noqa: A002  as it is asked for
        str | None, _text("What kind of message, in the platform's words.", "text", "sticker")
    ] = None,
    role: Annotated[
        str | None, _text("Who spoke: user, assistant, bot, system or tool.", "user", longest=100)
    ] = None,
) -> MessageFilter:
    """Return what a request looks for; what is empty, as forms send it, is not asked for.

    Raises:
        RequestValidationError: a time, or the zone, is none; or `until` is not after `since`.
    """
    return replace(
        period,
        platform=platform or None,
        channel=channel or None,
        survey=survey or None,
        survey_owner=survey_owner or None,
        person=person or None,
        question=question or None,
        message_type=type or None,
        role=role or None,
    )


def query_of(wanted: MessageFilter) -> dict[str, str]:
    """Return the query parameters by which a filter is asked for again."""
    given = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
    return {
        _NAMES.get(name, name): moment_text(value) if isinstance(value, datetime) else value
        for name, value in given.items()
        if value is not None
    }


def moment_of_query(name: str, text: str | None, zone: str) -> datetime | None:
    """Return the time that a query parameter gives, by its name; None if it is empty.

    Raises:
        RequestValidationError: it is none.
    """
    if not text:
        return None
    try:
        # A + that was not escaped came as a space.
        return moment_of(text.replace(" ", "+"), zone_named(zone))
    except ValueError as error:
        raise _unusable(name, error) from None


def _unusable(name: str, message: object) -> RequestValidationError:
    return RequestValidationError([{"type": "value_error", "loc": ("query", name), "msg": str(message)}])


#: For signatures of routes.
Filters = Annotated[MessageFilter, Depends(filter_of_query)]
PeriodFilter = Annotated[MessageFilter, Depends(period_of_query)]
ZoneAsked = Annotated[str, Depends(zone_of_query)]
