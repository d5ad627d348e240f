"""What people answered in a survey, and how much there is of it, for those who may read it.

Answers are rows of `responses`, which bots of others write; a survey's are those of any of its versions.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Self

from app.postgres.answers import answer_within, is_storable
from models.access import Action
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from uuid import UUID

    import asyncpg

    from app.surveys.rows import SurveyKey
    from app.surveys.service import Surveys
    from models.access import Caller

#: For how many days a survey's messages are drawn.
DRAWN_DAYS = 30
#: If counting people takes longer, there is no count.
PEOPLE_WITHIN_S = 2.0

_SQL = statements("surveys")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PersonsAnswer:
    """An answer to a question.

    Attributes:
        userid: who gave it: the platform's id of them.
        timestamp: when.
        question_ref: to which question.
        question_idx: its place in its form; None if that is not told.
        question_text: how it was asked; None if that is not told.
        response: what was answered; None for nothing.
        translated_response: the same in the survey's language, if somebody translated it.
        shortcode: of its form.
        pageid: of the page with which it was said.
    """

    userid: str
    timestamp: datetime
    question_ref: str
    question_idx: int | None
    question_text: str | None
    response: str | None
    translated_response: str | None
    shortcode: str | None
    pageid: str | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """Read what a statement says of one."""
        return cls(*(row[field.name] for field in fields(cls)))

    @property
    def place(self) -> str:
        """Where it is in the list, as an address names it."""
        microseconds = (self.timestamp - _EPOCH) // timedelta(microseconds=1)
        place = json.dumps([microseconds, self.userid, self.question_ref]).encode()
        return base64.urlsafe_b64encode(place).decode().rstrip("=")


class AnswerFilter(NamedTuple):
    """Which answers are looked for; None leaves a filter out.

    Attributes:
        question: to this one.
        person: by this one.
        since: not given before this.
        until: given before this.
    """

    question: str | None = None
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AskedQuestion(NamedTuple):
    """A question that somebody answered.

    Attributes:
        ref: by which it is known.
        text: as it was asked last; None if that is not told.
        answers: how many there are.
    """

    ref: str
    text: str | None
    answers: int


class Summary(NamedTuple):
    """How much there is of a survey.

    Attributes:
        messages: how many were said.
        people: by how many; None if that takes long to count.
        first: the first day on which any was said; None if none ever was.
        last: the last one.
        days: how many were said on each of the last days, today the last.
    """

    messages: int
    people: int | None
    first: date | None
    last: date | None
    days: tuple[int, ...]


class Answers:
    """Finds the answers of surveys, and sums surveys up.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections that may read answers, sums, and which messages are whose.
        surveys: which there are, and whose.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], surveys: Surveys) -> None:
        self._pool = pool
        self._surveys = surveys

    async def page(
        self, caller: Caller, key: SurveyKey, wanted: AnswerFilter, *, limit: int, after: str | None
    ) -> list[PersonsAnswer]:
        """Return so many answers, the newest first, or those after a place (`PersonsAnswer.place`).

        Raises:
            NoSuchSurvey: there is none that the caller may read.
        """
        survey = await self._surveys.get(caller, key, Action.READ_MESSAGES)
        if not is_storable(f"{wanted.question}{wanted.person}"):
            return []
        async with answer_within():
            rows = await self._pool.fetch(
                _SQL.find_answers, list(survey.ids), *wanted, *_place_of(after), limit
            )
        return [PersonsAnswer.of(row) for row in rows]

    async def questions(
        self, caller: Caller, key: SurveyKey, action: Action = Action.READ_MESSAGES
    ) -> list[AskedQuestion]:
        """Return the questions of a survey that somebody answered, in their order.

        Raises:
            NoSuchSurvey: there is none with which the caller may do this.
        """
        survey = await self._surveys.get(caller, key, action)
        async with answer_within():
            rows = await self._pool.fetch(_SQL.find_asked_questions, list(survey.ids))
        return [AskedQuestion(row["question_ref"], row["text"], row["answers"]) for row in rows]

    async def sum_up(self, caller: Caller, key: SurveyKey) -> Summary:
        """Return how much there is of a survey.

        Raises:
            NoSuchSurvey: there is none that the caller may see.
        """
        survey = await self._surveys.get(caller, key)
        ids = list(survey.ids)
        async with answer_within():
            rows = await self._pool.fetch(_SQL.count_days_of_survey, ids)
        said = {row["day"]: row["messages"] for row in rows}
        today = datetime.now(UTC).date()
        days = [today - timedelta(days=ago) for ago in reversed(range(DRAWN_DAYS))]
        return Summary(
            sum(said.values()),
            await self._people(ids),
            min(said, default=None),
            max(said, default=None),
            tuple(said.get(day, 0) for day in days),
        )

    async def _people(self, ids: Sequence[UUID]) -> int | None:
        try:
            async with answer_within(), asyncio.timeout(PEOPLE_WITHIN_S):
                found: int = await self._pool.fetchval(_SQL.count_people_of_survey, ids)
        except TimeoutError:
            return None
        return found


def is_place(text: str) -> bool:
    """Tell whether a text names a place in a list of answers."""
    try:
        _place_of(text)
    except ValueError:
        return False
    return True


def _place_of(after: str | None) -> tuple[datetime | None, str | None, str | None]:
    if after is None:
        return None, None, None
    try:
        padded = after + "=" * (-len(after) % 4)
        microseconds, userid, question = json.loads(base64.urlsafe_b64decode(padded))
        moment = _EPOCH + timedelta(microseconds=microseconds)
    except (binascii.Error, UnicodeDecodeError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError("no place in a list of answers") from error
    if not isinstance(userid, str) or not isinstance(question, str) or not is_storable(userid + question):
        raise ValueError("no place in a list of answers")
    return moment, userid, question
