"""The route of who read what. That somebody looks at it is noted, too."""

from dataclasses import asdict
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from app.access import Asks
from app.conversations.accesses import AccessFilter, AccessRow
from app.conversations.representations import Instant
from app.conversations.serving import Noted
from app.reading.filters import PeriodFilter
from app.reading.lists import (
    LIMIT_DEFAULT,
    Listed,
    ListLimit,
    cursor_of,
    link_next,
    not_a_place,
    place_at_cursor,
)
from app.reading.moments import moment_text
from app.reading.noting import Noting
from app.web.parts import LINKED
from app.web.problems import responses
from models.access import Action, Caller
from models.fields import INDEXED_MAX_BYTES
from models.owners import ADDRESS_MAX

router = APIRouter(prefix="/v1/access-log", tags=["conversations"], responses=responses(401, 403, 422, 503))

AsksToSeeWho = Annotated[Caller, Depends(Asks(Action.READ_ACCESS_LOG))]


class Access(BaseModel):
    """That somebody read something."""

    id: int
    at: Instant
    who: str = Field(description="Their address; `shell` for whoever had one.")
    roles: list[str]
    action: str
    route: str = Field(description="The route or the command.")
    subject: dict[str, Any] = Field(description="Whose messages, which, or by what they were looked for.")
    address: str | None = Field(description="From which address.")
    user_agent: str | None

    @classmethod
    def of(cls, row: AccessRow) -> Self:
        """Return how the API shows it."""
        return cls(**asdict(row))


def _text(description: str, longest: int = INDEXED_MAX_BYTES) -> Any:
    return Query(max_length=longest, pattern=r"^[^\x00]*$", description=description)


async def access_filter_of_query(
    period: PeriodFilter,
    who: Annotated[str | None, _text("The address of who read.", ADDRESS_MAX)] = None,
    action: Annotated[Action | None, Query(description="What they did.")] = None,
    platform: Annotated[str | None, _text("Where what was read was said.", 31)] = None,
    person: Annotated[str | None, _text("Whose messages were read: the platform's id.")] = None,
    conversation: Annotated[UUID | None, Query(description="Which conversation was read.")] = None,
    message: Annotated[UUID | None, Query(description="Which message was read by itself.")] = None,
) -> AccessFilter:
    """Return which readings a request looks for."""
    return AccessFilter(
        who=who or None,
        action=None if action is None else action.value,
        since=period.since,
        until=period.until,
        platform=platform or None,
        person=person or None,
        conversation=None if conversation is None else str(conversation),
        message=None if message is None else str(message),
    )


@router.get("", responses=LINKED)
async def list_who_read_what(
    caller: AsksToSeeWho,
    wanted: Annotated[AccessFilter, Depends(access_filter_of_query)],
    accesses: Noted,
    log: Noting,
    request: Request,
    response: Response,
    cursor: Annotated[
        str | None,
        Query(
            pattern=r"^[0-9]{1,17}~[0-9]{1,18}$", description="Go on from here: `next` of the part before."
        ),
    ] = None,
    limit: ListLimit = LIMIT_DEFAULT,
) -> Listed[Access]:
    """Return who read what, the latest first."""
    try:
        after = None if cursor is None else place_at_cursor(cursor)
    except ValueError:
        raise not_a_place("cursor") from None
    rows = await accesses.find(caller, wanted, limit=limit + 1, after=after)
    asked = {
        name: value if isinstance(value, str) else moment_text(value)
        for name, value in asdict(wanted).items()
        if value is not None
    }
    await log.note(caller, Action.READ_ACCESS_LOG, request, {"access_log": asked})
    shown = rows[:limit]
    following = cursor_of(shown[-1].place) if len(rows) > limit else None
    link_next(response, router.prefix, {**asked, "limit": str(limit)}, following)
    return Listed(items=[Access.of(row) for row in shown], next=following)
