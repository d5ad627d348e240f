"""What each part of the page of figures shows: figures, and the plot that the script draws of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.figures.periods import Period
from app.figures.plots import plot_of_curve, plot_of_messages, plot_of_responses
from app.figures.rows import Every

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from app.figures.choices import FiguresPart, FiguresWanted
    from app.figures.rows import AtHour, MessagesAt
    from app.figures.service import FiguresService
    from models.access import Caller

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: Shades of a cell; the number is in it, too.
_SHADES = 5


async def show_part(
    part: FiguresPart, figures: FiguresService, caller: Caller, looking: FiguresWanted, zone: str
) -> dict[str, Any]:
    """Return what a part's template shows.

    Raises:
        NoSuchFigures: there are no such figures of what is looked for.
    """
    wanted = looking.wanted
    match part.key:
        case "messages":
            return await _messages(figures, caller, looking)
        case "responses":
            return await _responses(figures, caller, looking)
        case "weekdays":
            hours = await figures.by_weekday(caller, wanted, zone)
            return {"found": hours, "cells": _cells(hours.items), "weekdays": WEEKDAYS}
        case "retention":
            came = await figures.retention(caller, wanted)
            return {"found": came, "plot": plot_of_curve(came.curve)}
    found: dict[str, Callable[[], Awaitable[Any]]] = {
        "live": lambda: figures.live(caller, wanted),
        "sessions": lambda: figures.sessions(caller, wanted),
        "questions": lambda: figures.questions(caller, wanted),
        "texts": lambda: figures.texts(caller, wanted),
        "activity": lambda: figures.activity(caller, wanted, at_most=20),
    }
    return {"found": await found[part.key]()}


async def _messages(figures: FiguresService, caller: Caller, looking: FiguresWanted) -> dict[str, Any]:
    found = await figures.messages(caller, looking.wanted, looking.every, looking.by)
    span = _seen(Period(found.since, found.until), [item.at for item in found.items])
    are_counted = any(item.people for item in found.items)
    return {
        "found": found,
        "plot": plot_of_messages(found.items, span, looking.every),
        "people_plot": plot_of_messages(found.items, span, looking.every, people=True)
        if are_counted
        else None,
        "total": _total(found.items),
    }


async def _responses(figures: FiguresService, caller: Caller, looking: FiguresWanted) -> dict[str, Any]:
    every = Every.DAY if looking.every is Every.HOUR else looking.every
    found = await figures.responses(caller, looking.wanted, every)
    span = _seen(Period(found.since, found.until), [item.at for item in found.items])
    return {"found": found, "plot": plot_of_responses(found.items, span, every)}


def _seen(span: Period, times: Sequence[Any]) -> Period:
    """Return the span without what is before the first figure: of all time, most is empty."""
    if not times:
        return span
    first = Period.of_time(min(times))
    return Period(max(span.since, first), span.until)


def _total(items: Sequence[MessagesAt]) -> dict[str, float]:
    # Margins of independent samples add up as their squares do.
    return {
        "messages": sum(item.messages for item in items),
        "estimate": sum(item.estimate for item in items),
        "margin": sum(item.margin**2 for item in items) ** 0.5,
    }


def _cells(items: Sequence[AtHour]) -> dict[tuple[int, int], tuple[float, int]]:
    """Return the estimate and the shade of each hour of each weekday in which something was said."""
    most = max((item.estimate for item in items), default=0) or 1
    return {
        (item.weekday, item.hour): (item.estimate, max(1, round(item.estimate / most * _SHADES)))
        for item in items
    }
