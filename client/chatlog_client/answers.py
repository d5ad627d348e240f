"""What an answer of the server means for what was sent: taken, refused, or to be sent again, and when."""

from __future__ import annotations

import random
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Between tries: at first, and at most.
RETRY_FIRST_S, RETRY_MAX_S = 0.5, 30.0
_OK, _REDIRECTS, _MISTAKES, _SERVER_ERRORS = 200, 300, 400, 500
#: Of the program's settings, or of somebody between; 401, 403 and 404 as well.
_LATER = {405, 407, 408, 421, 425, 429}
#: An app or a session that the token does not reach; an address that is not there.
_TURNED_AWAY = {403, 404}
_NO_TOKEN = 401


class Meaning(Enum):
    """What an answer means."""

    #: The server has it.
    TAKEN = auto()
    #: It is what is wrong, or one of many: sent again, it is refused again.
    REFUSED = auto()
    #: The token is wrong or the server has a problem, whatever is sent: it is to wait.
    LATER = auto()
    #: The same, most likely; but it may be of what was sent, if others are taken.
    TURNED_AWAY = auto()


def meaning_of(status: int) -> Meaning:
    """Return what the status of an answer means."""
    if _OK <= status < _REDIRECTS:
        return Meaning.TAKEN
    if status in _TURNED_AWAY:
        return Meaning.TURNED_AWAY
    if status == _NO_TOKEN or status in _LATER or not _MISTAKES <= status < _SERVER_ERRORS:
        return Meaning.LATER
    return Meaning.REFUSED


def complaint(status: int) -> str:
    """Return what is to be said of an answer after which all wait."""
    match status:
        case 401:
            return "The token is refused (401): turns wait to be sent"
        case 403:
            return "The token is refused (403): may it log turns of this app? They wait to be sent"
        case 404:
            return "There is no chatlog at this address (404): turns wait to be sent"
        case _:
            return f"The server takes no turns now ({status}): they wait to be sent"


def pause(tries: int, headers: Mapping[str, str] | None = None) -> float:
    """Return how many seconds to wait before the next try: twice as long each time, and never all at once.

    Args:
        tries: how many were in vain before.
        headers: of an answer, which may ask for more; None where there was none.
    """
    longest = min(RETRY_MAX_S, RETRY_FIRST_S * float(2 ** min(tries, 10)))
    wait_s = longest * random.uniform(0.5, 1.0)  # noqa: S311  it keeps no secret
    try:
        asked_s = float((headers or {}).get("Retry-After", "0"))
    except ValueError:
        return wait_s
    return max(wait_s, min(asked_s, RETRY_MAX_S))
