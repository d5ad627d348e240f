"""Why a question came again: told from what was said, and from how the bot stood with the person. Pure.

A bot asks a question once. It comes again when the answer was not accepted, when sending it had failed, when
the bot waited for something and went on, or when the person began the form anew; and some bots note a repeat
beside their message (`{"repeat": true}` in what they pass to the platform as `metadata`). A question in two
bubbles is no repeat.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import orjson

from models.bot_states import Standing, standing_of
from models.values import object_in, text_or_none

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models import JSON

#: What a bot sends so soon after, with nothing in between, belongs to the same asking.
SAME_ASKING_MS = 60_000


class Cause(StrEnum):
    """Why a question came again."""

    NOT_ACCEPTED = "not_accepted"
    """The person answered, and the bot did not take it for an answer."""
    LED_BACK = "led_back"
    """The person answered, and the form leads back to the question."""
    SENT_AGAIN = "sent_again"
    """The platform had not taken it, and the bot tried again."""
    AFTER_ERROR = "after_error"
    """The bot had failed, and went on."""
    AFTER_WAITING = "after_waiting"
    """The bot had waited for something, and went on."""
    BEGUN_ANEW = "begun_anew"
    """The person began the form once more."""
    NOT_TOLD = "not_told"
    """Neither the bot's states nor its notes tell."""


class Asked(NamedTuple):
    """One message, as far as it tells why a question comes again.

    Attributes:
        id: of the message.
        timestamp: when it was said, in ms since 1970.
        is_bot: whether the bot spoke.
        question: at which question.
        shortcode: of which form.
        note: what the bot passed to the platform beside its message: JSON, as text.
    """

    id: str
    timestamp: int
    is_bot: bool
    question: str | None = None
    shortcode: str | None = None
    note: str | None = None


class Stood(NamedTuple):
    """How the bot stood with the person from a moment on.

    Attributes:
        updated: from when, in ms since 1970.
        state: the bot's word for it.
        question: at which question.
        answers: how many answers there were.
        retries: how often it had tried again.
        problem: what went wrong.
        waits_for: what kind of thing it waited for.
        begun: when the person had begun the form, in ms since 1970.
    """

    updated: int
    state: str | None = None
    question: str | None = None
    answers: int = 0
    retries: int = 0
    problem: str | None = None
    waits_for: str | None = None
    begun: int | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """That a message asks a question that was asked before.

    Attributes:
        id: of the message.
        question: which.
        number: the how many-th time it is: 2 for the first repeat.
        before: the id of the message that asked it before.
        cause: why.
        answer: the id of the person's message that was not accepted, or that the form led back from.
        since: since when the bot had been blocked, in error or waiting, in ms since 1970.
        retries: how often it had tried again to send.
        problem: what had gone wrong, in the bot's words.
        waits_for: what kind of thing it had waited for.
        after_ms: how long after the question before.
    """

    id: str
    question: str
    number: int
    before: str
    cause: Cause
    answer: str | None = None
    since: int | None = None
    retries: int = 0
    problem: str | None = None
    waits_for: str | None = None
    after_ms: int = 0


def repeats_in(said: Sequence[Asked], stood: Sequence[Stood]) -> list[Repeat]:
    """Return which messages of a dialogue repeat a question, and why.

    Args:
        said: the messages, in order.
        stood: how the bot stood meanwhile, and before the first of them; in order.
    """
    history = _History(stood)
    found: list[Repeat] = []
    asked: Asked | None = None
    number, question = 1, None
    answer: Asked | None = None
    for message in said:
        if not message.is_bot:
            answer = message
            continue
        current, is_noted = _question_of(message)
        if current is None:
            continue
        if asked is None or current != question or message.shortcode != asked.shortcode:
            asked, number, question, answer = message, 1, current, None
            continue
        repeat = _repeat(message, asked, current, answer, history, is_noted=is_noted)
        if repeat is not None:
            number += 1
            found.append(replace(repeat, number=number))
            answer = None
            asked = message
        elif answer is None:
            # Another bubble of the same asking: time runs from it.
            asked = message
    return found


class _History:
    """How the bot stood at a time, and between two."""

    def __init__(self, stood: Sequence[Stood]) -> None:
        self._stood = stood
        self._times = [each.updated for each in stood]

    def at(self, timestamp: int) -> Stood | None:
        """Return how it stood before a moment."""
        index = bisect_left(self._times, timestamp)
        return self._stood[index - 1] if index else None

    def between(self, first: int, last: int) -> Sequence[Stood]:
        """Return how it stood from after one moment until another."""
        return self._stood[bisect_right(self._times, first) : bisect_right(self._times, last)]


def _question_of(message: Asked) -> tuple[str | None, bool]:
    """Return the question of a bot's message, and whether the bot notes that it repeats it."""
    note = _note(message.note)
    return message.question or text_or_none(note.get("ref")), note.get("repeat") is True


def _note(text: str | None) -> dict[str, JSON]:
    try:
        return dict(object_in(orjson.loads(text))) if text else {}
    except orjson.JSONDecodeError:
        return {}


def _repeat(
    message: Asked, asked: Asked, question: str, answer: Asked | None, history: _History, *, is_noted: bool
) -> Repeat | None:
    after_ms = message.timestamp - asked.timestamp
    first, now = history.at(asked.timestamp + 1), history.at(message.timestamp)
    meanwhile = history.between(asked.timestamp, message.timestamp)

    def because(cause: Cause, how: Stood | None = None, reply: Asked | None = None) -> Repeat:
        return Repeat(
            message.id,
            question,
            2,
            asked.id,
            cause,
            answer=reply.id if reply else None,
            since=how.updated if how else None,
            retries=max((each.retries for each in meanwhile), default=0),
            problem=how.problem if how else None,
            waits_for=how.waits_for if how else None,
            after_ms=after_ms,
        )

    if first and now and first.begun is not None and now.begun is not None and first.begun < now.begun:
        return because(Cause.BEGUN_ANEW)
    if answer is not None:
        is_taken = bool(first and now and now.answers > first.answers)
        return because(Cause.LED_BACK if is_taken and not is_noted else Cause.NOT_ACCEPTED, reply=answer)
    for standing, cause in _CAUSES:
        if how := next((each for each in meanwhile if standing_of(each.state) is standing), None):
            return because(cause, how)
    if is_noted or after_ms > SAME_ASKING_MS:
        return because(Cause.NOT_TOLD)
    return None


#: What explains a repeat, the first that applies.
_CAUSES = (
    (Standing.BLOCKED, Cause.SENT_AGAIN),
    (Standing.ERROR, Cause.AFTER_ERROR),
    (Standing.WAITS, Cause.AFTER_WAITING),
)
