"""What the routes of learners' data work with, and how a route gets at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from app.access import LimitedAsks
from app.privacy.rows import PrivacyIsOff
from models.access import Action, Caller

if TYPE_CHECKING:
    from app.privacy.service import PrivacyRequests


async def privacy_of(request: Request) -> PrivacyRequests:
    """Return what `app.site` put there when the application started.

    Raises:
        PrivacyIsOff: nobody is to ask here.
    """
    requests: PrivacyRequests | None = request.app.state.privacy
    if requests is None:
        raise PrivacyIsOff
    return requests


Serving = Annotated["PrivacyRequests", Depends(privacy_of)]
#: Whoever may have a learner's data may also see what was asked for of them.
AsksForLearner = Annotated[Caller, Depends(LimitedAsks(Action.EXPORT_LEARNER, "thread_limits"))]
AsksToErase = Annotated[Caller, Depends(LimitedAsks(Action.ERASE_LEARNER, "thread_limits"))]
