"""What the routes of the system work with, one in each process, and how a route gets at it."""

from typing import Annotated

from fastapi import Depends, Request

from app.system.service import SystemWatch


async def system_of(request: Request) -> SystemWatch:
    """Return what `app.site` put there when the application started."""
    watch: SystemWatch = request.app.state.system
    return watch


#: For signatures of routes.
Watching = Annotated[SystemWatch, Depends(system_of)]
