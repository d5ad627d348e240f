"""The page System: is anything stuck, and what runs where."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.access import PageAsks
from app.system.serving import Watching
from app.system.tables import lanes_of, rows_of
from app.web import addresses
from app.web.problems import PageRoute
from app.web.rendering import render
from models.access import Action, Caller

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AsksToSee = Annotated[Caller, Depends(PageAsks(Action.SEE_SYSTEM))]


@router.get(addresses.SYSTEM)
async def system(request: Request, caller: AsksToSee, watch: Watching) -> Response:
    """Show how the system is; the page fetches itself again while it is looked at."""
    view = await watch.look(caller)
    return render(
        request,
        "system/templates/system.html",
        here="system",
        view=view,
        problems=view.problems,
        processes=rows_of(view),
        lanes=lanes_of(view),
    )
