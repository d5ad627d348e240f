"""The route of surveys: which ones there are to export."""

from fastapi import APIRouter

from app.api.problems import responses
from app.api.representations import OwnSurvey
from app.auth import Owner
from app.serving import Serving

router = APIRouter(tags=["surveys"])


@router.get("/surveys", responses=responses(401, 503))
async def list_your_surveys(owner: Owner, services: Serving) -> list[OwnSurvey]:
    """Return your surveys, newest first, each with about how much there is to export."""
    surveys = await services.rows.surveys_of(owner.email)
    counts = await services.rows.counts_of(owner.email)
    return [OwnSurvey.of(survey, counts.get(survey.name)) for survey in surveys]
