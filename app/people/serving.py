"""What the routes of opt-outs work with, and how a route gets at it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from app.people.opt_outs import OptOuts


async def opt_outs_of(request: Request) -> OptOuts:
    """Return what `app.site` put there when the application started."""
    opt_outs: OptOuts = request.app.state.opt_outs
    return opt_outs


#: For signatures of routes.
KnownOptOuts = Annotated[OptOuts, Depends(opt_outs_of)]
