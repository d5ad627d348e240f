"""The routes of surveys: which ones there are to export, and with whom one's own are shared."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from app.access import Asks
from app.surveys.representations import KnownSurvey, SharedWith
from app.surveys.rows import SurveyKey
from app.surveys.serving import KnownSurveys
from app.web.parts import LINKED, PART_MAX, Limit, after_query, cut, place_of
from app.web.problems import responses
from models.access import Action, Caller
from models.owners import ADDRESS_MAX

router = APIRouter(prefix="/surveys", tags=["surveys"], responses=responses(401, 403, 422, 503))

AsksToSee = Annotated[Caller, Depends(Asks(Action.SEE_SURVEY))]
AsksToShare = Annotated[Caller, Depends(Asks(Action.SHARE_SURVEY))]
#: A name, and on a line of its own its owner; it may hold anything but what PostgreSQL cannot hold.
After = Annotated[str | None, after_query(r"[^\x00]*\n[^\x00\n]+")]
SurveyName = Annotated[
    str, Query(min_length=1, max_length=1000, description="The survey's name.", examples=["Baseline"])
]
Address = Annotated[
    str,
    Query(
        min_length=3,
        max_length=ADDRESS_MAX,
        description="Somebody's email address.",
        examples=["colleague@example.org"],
    ),
]


@router.get("", responses=LINKED)
async def list_your_surveys(
    caller: AsksToSee,
    surveys: KnownSurveys,
    response: Response,
    limit: Limit = PART_MAX,
    after: After = None,
) -> list[KnownSurvey]:
    """Return your surveys and those that are shared with you, newest first, and how much there is of each.

    Where there are many, they come in parts.
    """
    found = await surveys.some(caller, limit=limit + 1, after=place_of(after))
    shown = cut(found, limit, response, "/surveys")
    counts = await surveys.rows_of([survey.key for survey in shown])
    return [KnownSurvey.of(survey, counts.get(survey.key), caller) for survey in shown]


@router.get("/shares", responses=responses(404))
async def list_a_surveys_shares(
    survey: SurveyName, caller: AsksToShare, surveys: KnownSurveys
) -> list[SharedWith]:
    """Return with whom one of your surveys is shared, the first one first."""
    shares = await surveys.shares(caller, SurveyKey(caller.email, survey))
    return [SharedWith.model_validate(share) for share in shares]


@router.put("/shares", status_code=204, responses=responses(404))
async def share_a_survey(
    survey: SurveyName, address: Address, caller: AsksToShare, surveys: KnownSurveys
) -> None:
    """Share one of your surveys with somebody: they may see and export it. Doing it again changes nothing."""
    await surveys.share(caller, SurveyKey(caller.email, survey), address)


@router.delete("/shares", status_code=204, responses=responses(404))
async def unshare_a_survey(
    survey: SurveyName, address: Address, caller: AsksToShare, surveys: KnownSurveys
) -> None:
    """Share one of your surveys with somebody no longer; what they have downloaded stays with them.

    Doing it again changes nothing.
    """
    await surveys.unshare(caller, SurveyKey(caller.email, survey), address)
