"""The routes of opt-outs: who does not want to be recorded."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from app.access import Asks, access_log_of
from app.people.opt_outs import OptOut
from app.people.serving import KnownOptOuts
from app.web.problems import responses
from models.access import Action, Caller
from models.fields import INDEXED_MAX_BYTES

router = APIRouter(prefix="/v1/opt-outs", tags=["channels"], responses=responses(401, 403, 422, 503))

AsksToOptOut = Annotated[Caller, Depends(Asks(Action.OPT_OUT_PEOPLE))]
OfPlatform = Annotated[str, Query(max_length=31, description="Where.", examples=["twitch"])]
OfPerson = Annotated[
    str,
    Query(
        min_length=1,
        max_length=INDEXED_MAX_BYTES,
        description="The platform's id of somebody.",
        examples=["733100221"],
    ),
]


class KnownOptOut(BaseModel):
    """That somebody is not recorded."""

    model_config = ConfigDict(from_attributes=True)

    platform: str
    person_id: str = Field(description="The platform's id of them.")
    name: str | None = Field(description="How they were called there last, where that is still known.")
    since: datetime | None = Field(description="From when on; null for whatever they ever said.")
    until: datetime | None = Field(description="Up to when; null while it lasts.")

    @classmethod
    def of(cls, opt_out: OptOut) -> Self:
        """Return how the API shows an opt-out."""
        return cls.model_validate(opt_out)


@router.get("")
async def list_opt_outs(
    request: Request,
    caller: AsksToOptOut,
    opt_outs: KnownOptOuts,
    platform: Annotated[
        str | None, Query(max_length=31, pattern=r"^[^\x00]*$", description="Only its people.")
    ] = None,
) -> list[KnownOptOut]:
    """Return who does not want to be recorded, and who did not for a time."""
    subject = {"opt_outs": platform or "all"}
    await access_log_of(request).note(caller, Action.OPT_OUT_PEOPLE, request, subject)
    return [KnownOptOut.of(one) for one in await opt_outs.find(caller, platform)]


@router.put("", status_code=204)
async def opt_somebody_out(
    request: Request, platform: OfPlatform, person: OfPerson, caller: AsksToOptOut, opt_outs: KnownOptOuts
) -> None:
    """Have nothing of somebody recorded any more, from 10 s on.

    What was recorded stays; `chatlog people opt-out --past` deletes it. Doing it again changes nothing.
    """
    subject = {"platform": platform, "person": person.replace("\0", "")}
    await access_log_of(request).note(caller, Action.OPT_OUT_PEOPLE, request, subject)
    await opt_outs.opt_out(caller, platform, person, past=False)


@router.delete("", status_code=204, responses=responses(404))
async def opt_somebody_in(
    request: Request, platform: OfPlatform, person: OfPerson, caller: AsksToOptOut, opt_outs: KnownOptOuts
) -> None:
    """Record somebody again who had opted out, from 10 s on; not what they said meanwhile."""
    subject = {"platform": platform, "person": person.replace("\0", "")}
    await access_log_of(request).note(caller, Action.OPT_OUT_PEOPLE, request, subject)
    await opt_outs.opt_in(caller, platform, person)
