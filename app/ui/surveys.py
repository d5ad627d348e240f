"""The list of an owner's surveys: how much there is of each, and how its last export went."""

import asyncio

from fastapi import APIRouter, Request, Response

from app.auth import PageOwner
from app.export_rows import COUNT_UP_TO, Counts
from app.exports import ExportRows
from app.serving import Serving
from app.ui import addresses
from app.ui.problems import PageRoute
from app.ui.rendering import render

#: A page that takes longer says so: then it comes without counts, and asks for them by itself.
COUNTS_WITHIN_S = 0.1

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(addresses.SURVEYS)
async def surveys(request: Request, owner: PageOwner, serving: Serving, counted: bool = False) -> Response:
    """Show the surveys; with `counted`, not before they are counted."""
    rows = serving.rows
    mine = await rows.surveys_of(owner.email)
    return render(
        request,
        "surveys.html",
        here="surveys",
        surveys=mine,
        exports=await rows.latest_of(owner.email),
        counts=await _counts(rows, owner.email, wait=counted) if mine else {},
        count_up_to=COUNT_UP_TO,
    )


async def _counts(rows: ExportRows, owner: str, *, wait: bool) -> dict[str, Counts] | None:
    """Return the counts; nothing if they take too long at all, None if they only take long now."""
    try:
        async with asyncio.timeout(None if wait else COUNTS_WITHIN_S):
            return await rows.counts_of(owner)
    except TimeoutError:
        return None
