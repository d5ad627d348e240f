"""What is wrong with exports, in words with a remedy. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from app.exports.troubled import ExportTrouble
from app.system.view import Severity, Wrong
from app.web import addresses
from app.web.words import counted, duration
from models.exports import State

if TYPE_CHECKING:
    from datetime import datetime

    from app.exports.troubled import TroubledExports
    from app.privacy.rows import OverdueErasures

#: How the list of exports is asked for those of everybody.
_EVERYBODYS = {"user_id": "*"}


def of_exports(found: TroubledExports, now: datetime) -> Wrong:
    """Say what is wrong with exports in one kind of trouble."""
    latest, others = found.latest, found.many - 1
    name = f"The export of {_isolated(latest.survey_id)}" if latest.survey_id else "The export of messages"
    more = f" So it is with {counted(others, 'other')}." if others else ""
    if found.trouble is ExportTrouble.FAILED:
        reason = (latest.reason or "nobody told why").rstrip(".")
        what = f"{name} failed: {reason}."
        remedy = "Mend what the reason says, then try it again; a later one that succeeds settles it, too."
    elif found.trouble is ExportTrouble.WAITS:
        waited = duration((now - latest.updated).total_seconds())
        what = f"{name} waits, and for {waited} nobody has worked on it."
        remedy = (
            "Start a worker (chatlog worker export), or tell whoever runs chatlog; it begins by itself then."
        )
    else:
        what = f"{name} is made for the {_nth(found.attempts)} time: the worker before did not end it."
        remedy = (
            "It goes on by itself. If it comes to no end, see the worker's log, or ask for less at a time."
        )
    state = {"state": State.FAILED.value} if found.trouble is ExportTrouble.FAILED else {}
    query = urlencode(state | (_EVERYBODYS if found.are_everybodys else {}))
    return Wrong(
        Severity.WARN,
        what + more,
        remedy,
        f"{addresses.EXPORTS}?{query}" if query else addresses.EXPORTS,
        "Exports",
    )


def of_erasures(overdue: OverdueErasures, now: datetime) -> Wrong:
    """Say that learners wait to be erased."""
    waited = duration((now - overdue.since).total_seconds())
    learners = "A learner waits" if overdue.many == 1 else f"{counted(overdue.many, 'learner')} wait"
    return Wrong(
        Severity.WARN,
        f"{learners} to be erased, and for {waited} it has not come to an end.",
        "It goes on by itself, as long as an API runs. See why by GET /api/v1/privacy, or in the API's log.",
    )


def _isolated(text: str) -> str:
    """Return a name such that it stays in its place in a sentence, whichever way it is written."""
    return f"\u2068{text}\u2069"


def _nth(number: int) -> str:
    ending = "th" if number % 100 in range(11, 14) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
