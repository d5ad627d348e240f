"""What the routes of learners' data work with, and how a route gets at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from app.access import LimitedAsks, access_log_of
from app.privacy.rows import PrivacyIsOff
from models.access import THREADS, Action, Caller

if TYPE_CHECKING:
    from app.privacy.rows import PrivacyRequest
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


async def note_asked(request: Request, caller: Caller, action: Action, asked: PrivacyRequest) -> None:
    """Note who does what with whose data, in the log of who reads what."""
    subject = {
        "platform": THREADS,
        "channel": asked.tenant,
        "person": asked.learner,
        "request": str(asked.id),
    }
    await access_log_of(request).note(caller, action, request, subject)
