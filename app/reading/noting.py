"""How a route gets at what notes who reads what."""

from typing import Annotated

from fastapi import Depends, Request

from app.access import AccessLog, access_log_of


async def noting_of(request: Request) -> AccessLog:
    """Return what notes readings in this process."""
    return access_log_of(request)


#: For signatures of routes.
Noting = Annotated[AccessLog, Depends(noting_of)]
