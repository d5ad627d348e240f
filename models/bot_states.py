"""How a survey bot stands with a person: what its state records tell beside what a message needs. Pure.

A record of the state topic is made whenever the bot did something for a person. From it come labels and
counts, and nothing that the person said: in which state the bot is, at which question, how often it tried to
send, and what went wrong. By these it is told why a question came again (`models.repeats`), and who waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from models.decoding import decode_object
from models.errors import BadRecord
from models.fields import optional_uuid, required_id, required_moment_ms
from models.text import clean_text
from models.values import id_or_none, list_in, object_in, text_or_none

if TYPE_CHECKING:
    from models import JSON

#: Labels are words of the bot's, and short.
_LABEL_MAX = 200


class Standing(StrEnum):
    """What a bot's state means for the person, and for whoever looks after the bot."""

    BLOCKED = "blocked"
    """The platform does not take what the bot sends."""
    ERROR = "error"
    """Something is wrong with the form or the bot, and it goes no further."""
    SILENT = "silent"
    """It is to say something, and has not."""
    WAITS = "waits"
    """It waits for something that is neither the person nor itself: a time, a payment."""
    ASKED = "asked"
    """It asked, and it is the person's turn."""
    ENDED = "ended"
    """The survey is over."""
    UNKNOWN = "unknown"
    """A state that we do not know."""


_STANDINGS = {
    "BLOCKED": Standing.BLOCKED,
    "USER_BLOCKED": Standing.BLOCKED,
    "ERROR": Standing.ERROR,
    "RESPONDING": Standing.SILENT,
    "START": Standing.SILENT,
    "WAIT_EXTERNAL_EVENT": Standing.WAITS,
    "QOUT": Standing.ASKED,
    "END": Standing.ENDED,
}


@dataclass(frozen=True, slots=True)
class BotState:
    """How the bot stood with a person from a moment on.

    Attributes:
        userid: the person.
        updated: from when on, in ms since 1970, UTC.
        pageid: the bot's page.
        state: the bot's own word for it (`QOUT`, `BLOCKED`).
        question: at which question it is.
        shortcode: of the form that the person is in.
        surveyid: the survey of that form, as UUID text, where the state tells it.
        answers: how many answers there are.
        retries: how often it tried again to send.
        problem: what went wrong, in the bot's words for kinds of errors.
        waits_for: what kind of thing it waits for (`timeout`).
        begun: when the person began the form, in ms since 1970.
    """

    userid: str
    updated: int
    pageid: str | None = None
    state: str | None = None
    question: str | None = None
    shortcode: str | None = None
    surveyid: str | None = None
    answers: int = 0
    retries: int = 0
    problem: str | None = None
    waits_for: str | None = None
    begun: int | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from all others."""
        return (self.userid, self.updated)

    @property
    def standing(self) -> Standing:
        """What it means."""
        return standing_of(self.state)


def standing_of(state: str | None) -> Standing:
    """Return what the bot's word for its state means."""
    return _STANDINGS.get(state or "", Standing.UNKNOWN)


def states_that_are(*standings: Standing) -> list[str]:
    """Return the bot's words for any of these."""
    return [state for state, standing in _STANDINGS.items() if standing in standings]


def bot_state_of(raw: bytes | None) -> BotState:
    """Return what a record of the state topic tells; what is odd in it is left out.

    Raises:
        BadRecord: it does not tell whose state it is, or since when; or is no JSON object.
    """
    record = decode_object(raw)
    inner = _state_json(record.get("state_json"))
    md = object_in(inner.get("md"))
    error, wait = object_in(inner.get("error")), object_in(inner.get("wait"))
    return BotState(
        userid=required_id(record.get("userid"), "userid"),
        updated=required_moment_ms(record.get("updated"), "updated"),
        pageid=_label(id_or_none(record.get("pageid")) or id_or_none(md.get("pageid"))),
        state=_label(text_or_none(record.get("current_state")) or text_or_none(inner.get("state"))),
        question=_label(text_or_none(inner.get("question"))),
        shortcode=_label(_last(inner.get("forms")) or id_or_none(md.get("form"))),
        surveyid=_uuid_or_none(md.get("surveyid")),
        answers=len(list_in(inner.get("qa"))),
        retries=len(list_in(inner.get("retries"))),
        problem=_label(id_or_none(error.get("tag")) or id_or_none(error.get("code"))),
        waits_for=_label(text_or_none(wait.get("type"))),
        begun=_moment_or_none(md.get("startTime")),
    )


def _state_json(value: JSON) -> dict[str, JSON]:
    return decode_object(value.encode()) if type(value) is str else object_in(value)


def _label(value: str | None) -> str | None:
    return clean_text(value)[:_LABEL_MAX] if value else None


def _last(value: JSON) -> str | None:
    forms = list_in(value)
    return id_or_none(forms[-1]) if forms else None


def _uuid_or_none(value: JSON) -> str | None:
    try:
        return optional_uuid(value, "surveyid")
    except BadRecord:
        return None


def _moment_or_none(value: JSON) -> int | None:
    return value if type(value) is int and 0 <= value < 2**53 else None
