"""The routes of how bots stand with people: whose does not go on."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from app.access import Asks, access_log_of
from app.bot_states.rows import WaitingPerson
from app.bot_states.serving import KnownBotStates, Standings
from app.reading.filters import Filters, query_of
from app.web.parts import LINKED, Limit, after_query, cut, place_of
from app.web.problems import responses
from models.access import Action, Caller
from models.bot_states import Standing

router = APIRouter(prefix="/v1/waiting", tags=["conversations"], responses=responses(401, 403, 422, 503))

AsksToRead = Annotated[Caller, Depends(Asks(Action.READ_MESSAGES))]
After = Annotated[str | None, after_query(r"[^\x00]*")]


class WaitingNow(BaseModel):
    """Somebody whose bot does not go on."""

    platform: str
    channel: str = Field(description="The bot's page.")
    person: str = Field(description="The platform's id of them.")
    conversation: UUID = Field(description="The conversation with them.")
    standing: Standing = Field(description="How the bot stands with them.")
    since: datetime = Field(description="Since when.")
    meaning: str = Field(description="What that means, and what to do about it.")
    state: str | None = Field(description="The bot's own word for it.")
    survey: str | None = Field(description="The name of the survey that they are in.")
    survey_owner: str | None = Field(description="Whose survey that is.")
    shortcode: str | None = Field(description="The form that they are in.")
    question: str | None = Field(description="At which question.")
    answers: int = Field(description="How many answers they have given.")
    retries: int = Field(description="How often the bot tried again to send.")
    problem: str | None = Field(description="What went wrong, in the bot's words.")
    waits_for: str | None = Field(description="What kind of thing it waits for.")

    @classmethod
    def of(cls, row: WaitingPerson) -> Self:
        """Return what is told of somebody."""
        return cls.model_validate(row, from_attributes=True)


@router.get("", responses=LINKED)
async def list_who_waits(
    request: Request,
    response: Response,
    caller: AsksToRead,
    states: KnownBotStates,
    wanted: Filters,
    standings: Standings,
    limit: Limit = 50,
    after: After = None,
) -> list[WaitingNow]:
    """Return the people of Messenger whose bot is blocked, in error, or silent; the latest first.

    Silent is a bot that is to say something, and has not within five minutes.
    """
    subject: dict[str, str | list[str]] = {**query_of(wanted), "standing": [*standings]}
    await access_log_of(request).note(caller, Action.READ_MESSAGES, request, subject)
    rows = await states.waiting(caller, wanted, standings, limit=limit + 1, after=place_of(after))
    return [WaitingNow.of(row) for row in cut(rows, limit, response, "/v1/waiting", **subject)]


@router.get("/unanswered")
async def list_unanswered_questions(
    request: Request,
    caller: AsksToRead,
    states: KnownBotStates,
    limit: Annotated[int, Query(ge=1, le=200, description="How many at most.")] = 50,
) -> list[WaitingNow]:
    """Return the sessions of assistants that end in a question, of the last week, the newest first."""
    await access_log_of(request).note(caller, Action.READ_MESSAGES, request, {"platform": "assistant"})
    return [WaitingNow.of(row) for row in await states.unanswered(caller, limit=limit)]
