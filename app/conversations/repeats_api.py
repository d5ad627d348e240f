"""The route that tells which questions of a survey's bot came again in a conversation, and why."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from app.access import Asks
from app.bot_states.rows import RepeatsFound
from app.bot_states.sentences import why_again
from app.bot_states.serving import KnownBotStates
from app.conversations.representations import Instant
from app.conversations.rows import MESSENGER
from app.conversations.serving import Said
from app.conversations.subjects import subject_of
from app.reading.filters import PeriodFilter
from app.reading.noting import Noting
from app.web.problems import responses
from models.access import Action, Caller
from models.repeats import Cause, Repeat

router = APIRouter(
    prefix="/v1/conversations", tags=["conversations"], responses=responses(401, 403, 404, 422, 503)
)

AsksToRead = Annotated[Caller, Depends(Asks(Action.READ_MESSAGES))]
_MICROSECOND = timedelta(microseconds=1)


class ShownRepeat(BaseModel):
    """That a message asks a question that was asked before, and why."""

    message: UUID = Field(description="The id of the message that asks it again.")
    question: str = Field(description="The survey's question.")
    number: int = Field(description="The how many-th time it is asked: 2 for the first repeat.")
    before: UUID = Field(description="The id of the message that asked it before.")
    after_ms: int = Field(description="How long after that.")
    cause: Cause = Field(description="Why, in a word.")
    answer: UUID | None = Field(
        description="The id of the answer that was not accepted, or that the form led back from."
    )
    since: Instant | None = Field(description="Since when the bot had been blocked, in error or waiting.")
    retries: int = Field(description="How often it had tried again to send.")
    problem: str | None = Field(description="What had gone wrong, in the bot's words.")
    waits_for: str | None = Field(description="What kind of thing it had waited for.")
    why: str = Field(description="All of it in sentences, as the page has it.")

    @classmethod
    def of(cls, repeat: Repeat) -> Self:
        """Return how the API shows a repeat."""
        return cls(
            message=UUID(repeat.id),
            question=repeat.question,
            number=repeat.number,
            before=UUID(repeat.before),
            after_ms=repeat.after_ms,
            cause=repeat.cause,
            answer=UUID(repeat.answer) if repeat.answer else None,
            since=None if repeat.since is None else datetime.fromtimestamp(repeat.since / 1000, UTC),
            retries=repeat.retries,
            problem=repeat.problem,
            waits_for=repeat.waits_for,
            why=why_again(repeat),
        )


class ShownRepeats(BaseModel):
    """Which messages repeat a question, and from when on that was looked for."""

    items: list[ShownRepeat] = Field(description="Each, in order.")
    looked_since: Instant | None = Field(
        description="From when on was looked, where there is more than is looked through at once: the newest "
        "is. For what was said before, ask with a millisecond later as `until`. Null for all of it."
    )

    @classmethod
    def of(cls, found: RepeatsFound) -> Self:
        """Return how the API shows what was found."""
        return cls(
            items=[ShownRepeat.of(repeat) for repeat in found.repeats], looked_since=found.looked_since
        )


@router.get("/{conversation_id:uuid}/repeats")
async def explain_repeats(
    conversation_id: UUID,
    caller: AsksToRead,
    talks: Said,
    states: KnownBotStates,
    log: Noting,
    request: Request,
    period: PeriodFilter,
) -> ShownRepeats:
    """Return which messages of a conversation with a survey's bot repeat a question, and why; in order.

    Of all of it, or of the time between `since` and `until`: of its newest messages where they are too many,
    which `looked_since` says. In other conversations nothing is a repeat.
    """
    row = await talks.get(caller, conversation_id)
    await log.note(caller, Action.READ_MESSAGES, request, subject_of(row))
    if row.platform != MESSENGER:
        return ShownRepeats(items=[], looked_since=None)
    first = max(period.since or row.started, row.started)
    last = min(period.until - _MICROSECOND, row.last_at) if period.until else row.last_at
    return ShownRepeats.of(await states.repeats(caller, row.channel, row.external_id, first, last))
