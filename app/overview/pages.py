"""The first page, at `/`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.access import PageAsks
from app.web import addresses
from app.web.problems import PageRoute
from app.web.rendering import render
from models.access import Action, Caller

router = APIRouter(route_class=PageRoute, include_in_schema=False)

#: What everybody may who is a person; it shows of the rest what each of them may see.
AsksToSee = Annotated[Caller, Depends(PageAsks(Action.SEE_FIGURES))]


@router.get(addresses.OVERVIEW)
async def overview(request: Request, _: AsksToSee) -> Response:
    """Show where to go."""
    return render(request, "overview/templates/overview.html", here="overview")
