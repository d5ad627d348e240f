"""Figures from what is there: what is said often, who says the most, sessions, and questions of a survey."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from app.figures.asking import Asking, estimated, notes_of_sample, refuse_unsummed
from app.figures.errors import NoSuchFigures
from app.figures.periods import Period
from app.figures.rows import Figures, PersonActive, QuestionMet, SessionsOn, TextSaid
from models.access import Action
from models.figures import TextOf, common_texts
from models.reading import MESSENGER
from sinks.postgres.sums import sums_query
from sinks.sql import statements

if TYPE_CHECKING:
    from models.access import Caller
    from models.reading import MessageFilter

_SQL = statements("figures")
#: How much is looked through for what is said often.
TEXTS_MAX = 10_000
#: What is counted anew is of so long a time, where none is asked for.
LATELY = timedelta(days=30)
#: A dialogue is over when nobody says anything for so long, as a stay is.
DIALOGUE_GAP = timedelta(minutes=30)
QUESTIONS_MAX = 500
_OF_A_QUESTION = ("question", "people", "answered", "asked", "repeated", "ended", "dropped")


class SaidFigures(Asking):
    """Finds figures in messages."""

    async def texts(
        self, caller: Caller, wanted: MessageFilter, *, at_most: int = 20, only_marked: bool = False
    ) -> Figures[TextSaid]:
        """Return what people say or ask most often, of the latest messages.

        Args:
            caller: may read them.
            wanted: whose.
            at_most: how many texts.
            only_marked: whether only those with a question mark count.
        """
        span = Period.of(wanted, self._now(), LATELY)
        reading = await self._reading(caller, Action.READ_MESSAGES)
        asked = sums_query(
            _SQL.recent_texts,
            reading,
            replace(wanted, since=span.since, until=span.until),
            TEXTS_MAX,
            by_conversation=True,
        )
        rows = await self._fetch(reading, asked)
        said = [TextOf(row["content"], f"{row['platform']}:{row['author_id']}") for row in rows]
        found = await asyncio.to_thread(common_texts, said, at_most, only_marked=only_marked)
        notes = ["What differs only in case, punctuation, spaces or numbers is one."]
        if len(rows) == TEXTS_MAX:
            span = Period(rows[-1]["timestamp"], span.until)
            notes.append(f"Of the latest {TEXTS_MAX:,} messages.")
        items = [TextSaid(text=one.text, times=one.times, people=one.people) for one in found]
        return Figures(since=span.since, until=span.until, items=items, notes=notes)

    async def activity(
        self, caller: Caller, wanted: MessageFilter, *, at_most: int = 50
    ) -> Figures[PersonActive]:
        """Return who said the most; the caller may read their messages."""
        span = Period.of(wanted, self._now(), LATELY)
        reading = await self._reading(caller, Action.READ_MESSAGES)
        asked = sums_query(
            _SQL.activity,
            reading,
            replace(wanted, since=span.since, until=span.until),
            at_most,
            by_conversation=True,
        )
        items = [
            PersonActive(
                platform=row["platform"],
                person=row["person"],
                name=row["name"],
                average_length=row["average_length"],
                last_at=row["last_at"],
                **estimated(row),
            )
            for row in await self._fetch(reading, asked)
        ]
        return Figures(since=span.since, until=span.until, items=items, notes=notes_of_sample(items))

    async def sessions(self, caller: Caller, wanted: MessageFilter) -> Figures[SessionsOn]:
        """Return how many sessions there were, how long, and whose.

        Raises:
            NoSuchFigures: as `messages` does.
        """
        refuse_unsummed(wanted)
        span, reading = Period.of(wanted, self._now(), LATELY), await self._reading(caller)
        timed = replace(wanted, since=span.since, until=span.until, role=None)
        asked = [sums_query(_SQL.sessions_of_dialogues, reading, timed, DIALOGUE_GAP)]
        if reading.readable.surveyids is None and wanted.survey is None:
            asked += [
                sums_query(_SQL.sessions_of_stays, reading, timed),
                sums_query(_SQL.sessions_with_assistants, reading, timed, span.first_day),
            ]
        rows = [row for each in asked for row in await self._fetch(reading, each)]
        items = [
            SessionsOn(
                platform=row["platform"],
                sessions=row["sessions"],
                people=row["people"],
                returned=row["returned"],
                p50_s=row["lengths"][0],
                p95_s=row["lengths"][1],
                messages=row["messages"] or 0,
            )
            for row in sorted(rows, key=lambda row: -row["sessions"])
        ]
        notes = ["A session on Messenger ends when nobody says anything for half an hour."]
        return Figures(since=span.since, until=span.until, items=items, notes=notes)

    async def questions(self, caller: Caller, wanted: MessageFilter) -> Figures[QuestionMet]:
        """Return the questions of a survey, with who stopped where, and which were repeated.

        Raises:
            NoSuchFigures: no survey is named.
        """
        if wanted.survey is None:
            raise NoSuchFigures("Of which survey? Name it with `survey`.")
        span, reading = Period.of(wanted, self._now()), await self._reading(caller)
        timed = replace(wanted, since=span.since, until=span.until, platform=MESSENGER, role=None)
        asked = sums_query(_SQL.survey_questions, reading, timed, QUESTIONS_MAX)
        items = [
            QuestionMet(form=row["shortcode"], **{name: row[name] for name in _OF_A_QUESTION})
            for row in await self._fetch(reading, asked)
        ]
        notes = ["The order is that in which most people met them."]
        return Figures(since=span.since, until=span.until, items=items, notes=notes)
