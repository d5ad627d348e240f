"""What is read of how bots stand with people, as the service gives it to routes and pages. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from app.bot_states.sentences import STANDINGS
from app.web.paging import Place

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from models.bot_states import Standing
    from models.repeats import Repeat


class RepeatsFound(NamedTuple):
    """Which messages of a dialogue repeat a question, and why.

    Attributes:
        repeats: each, in order.
        looked_since: from when on was looked, where there is more than is looked through at once; None for
            all of it.
    """

    repeats: list[Repeat]
    looked_since: datetime | None


@dataclass(frozen=True, slots=True)
class WaitingPerson:
    """Somebody whose bot does not go on.

    Attributes:
        platform: where.
        channel: where on it: the bot's page, the assistant's session.
        person: the platform's id of them.
        conversation: the id of the conversation with them.
        standing: how the bot stands with them.
        since: since when.
        state: the bot's own word for it.
        survey: the name of the survey that they are in.
        survey_owner: the address of whose survey that is.
        shortcode: the form that they are in.
        question: at which question.
        answers: how many answers they have given.
        retries: how often the bot tried again to send.
        problem: what went wrong, in the bot's words.
        waits_for: what kind of thing it waits for.
    """

    platform: str
    channel: str
    person: str
    conversation: UUID
    standing: Standing
    since: datetime
    state: str | None = None
    survey: str | None = None
    survey_owner: str | None = None
    shortcode: str | None = None
    question: str | None = None
    answers: int = 0
    retries: int = 0
    problem: str | None = None
    waits_for: str | None = None

    @property
    def place(self) -> Place:
        """Where they are in the list."""
        return Place(self.since, self.person)

    @property
    def meaning(self) -> str:
        """What that means, and what to do about it."""
        return STANDINGS[self.standing]
