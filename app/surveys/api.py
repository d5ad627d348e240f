"""The route of surveys: which ones there are to export."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.access import Asks
from app.exports.representations import OwnSurvey
from app.exports.serving import Serving
from app.web.parts import LINKED, PART_MAX, AfterSurvey, Limit, cut, place_of
from app.web.problems import responses
from models.access import Action, Caller

router = APIRouter(tags=["surveys"])

AsksToSee = Annotated[Caller, Depends(Asks(Action.SEE_SURVEY))]


@router.get("/surveys", responses=LINKED | responses(401, 403, 422, 503))
async def list_your_surveys(
    caller: AsksToSee,
    services: Serving,
    response: Response,
    limit: Limit = PART_MAX,
    after: AfterSurvey = None,
) -> list[OwnSurvey]:
    """Return your surveys, newest first, each with about how much there is to export.

    Where there are many, they come in parts.
    """
    found = await services.rows.surveys_of(caller.email, limit=limit + 1, after=place_of(after))
    surveys = cut(found, limit, response, "/surveys")
    counts = await services.rows.counts_of(caller.email, [survey.name for survey in surveys])
    return [OwnSurvey.of(survey, counts.get(survey.name)) for survey in surveys]
