"""The page of learners' data: what was asked for of whom, and how far it is; and asking for it.

A learner is chosen first, so that what is asked names them. Files are had by the API's own address.
"""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from app.access import PageAsks, TooManyRequests
from app.privacy.representations import REASON_MAX, NewPrivacyRequest, ShownPrivacyRequest
from app.privacy.rows import RequestKind
from app.privacy.service import PrivacyRequests
from app.privacy.serving import Serving, note_asked
from app.threads.asking import Once, count_request
from app.threads.keys import AskedOnce
from app.threads.representations import NAME_MAX
from app.threads.service import learners_of
from app.web import addresses
from app.web.cursors import Cursor, cursor_of
from app.web.paging import Place
from app.web.problems import PageRoute, headers_of
from app.web.rendering import render
from models.access import Action, Caller, may, thread_thing

router = APIRouter(route_class=PageRoute, include_in_schema=False)

A_PAGE = 50

AsksForPage = Annotated[Caller, Depends(PageAsks(Action.EXPORT_LEARNER))]
AsksToEraseByPage = Annotated[Caller, Depends(PageAsks(Action.ERASE_LEARNER))]
WrittenReason = Annotated[str, Form(alias="reason", max_length=REASON_MAX)]
NamedLearner = Annotated[str, Form(alias="learner", max_length=NAME_MAX)]


@router.get(addresses.PRIVACY)
async def privacy(
    request: Request,
    caller: AsksForPage,
    requests: Serving,
    after: Cursor,
    learner: Annotated[str, Query(max_length=NAME_MAX, pattern=r"^[^\x00]*$")] = "",
) -> Response:
    """Show what was asked for of learners, the latest first; and of one, what can be asked for."""
    return await _show(request, caller, requests, learner, after)


@router.post(f"{addresses.PRIVACY}/export")
async def ask_for_data(
    request: Request,
    caller: AsksForPage,
    requests: Serving,
    learner: NamedLearner,
    reason: WrittenReason = "",
    once: Once = "",
) -> Response:
    """Ask for a file of all that is kept of a learner, and go back to the page."""
    return await _ask(request, caller, requests, RequestKind.EXPORT, learner, reason, once)


@router.post(f"{addresses.PRIVACY}/delete")
async def have_erased(
    request: Request,
    caller: AsksToEraseByPage,
    requests: Serving,
    learner: NamedLearner,
    reason: WrittenReason = "",
    once: Once = "",
) -> Response:
    """Have all that is kept of a learner erased, and go back to the page."""
    return await _ask(request, caller, requests, RequestKind.DELETION, learner, reason, once)


async def _ask(
    request: Request,
    caller: Caller,
    requests: PrivacyRequests,
    kind: RequestKind,
    learner: str,
    reason: str,
    once: str,
) -> Response:
    try:
        told = NewPrivacyRequest(learner_id=learner, reason=reason.strip() or None)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None
    key = AskedOnce.of(caller, once or None, kind, told.model_dump())
    try:
        await count_request(request, caller)
        asked = await requests.ask(caller, kind, told.learner_id, told.reason, key)
    except TooManyRequests as error:
        return await _show(request, caller, requests, learner, refused=error, reasons={kind: reason})
    action = Action.EXPORT_LEARNER if kind is RequestKind.EXPORT else Action.ERASE_LEARNER
    await note_asked(request, caller, action, asked)
    return RedirectResponse(addresses.privacy(told.learner_id), HTTPStatus.SEE_OTHER)


async def _show(
    request: Request,
    caller: Caller,
    requests: PrivacyRequests,
    learner: str,
    after: Place | None = None,
    *,
    refused: TooManyRequests | None = None,
    reasons: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """Show the page; of a form that was refused, what somebody wrote is still there."""
    learners = learners_of(caller, None, Action.EXPORT_LEARNER)
    if not learner and learners is not None and len(learners) == 1:
        learner = learners[0]
    found, following = await requests.find(caller, learner=learner or None, after=after, limit=A_PAGE)
    thing = thread_thing(caller.tenant, learner)
    asked = {"learner": learner} if learner else {}
    here = f"{addresses.PRIVACY}?{urlencode(asked)}"
    page = render(
        request,
        "privacy/templates/privacy.html",
        status=HTTPStatus.OK if refused is None else refused.answer.status,
        here="privacy",
        address=here,
        learners=learners,
        learner=learner,
        may_export=bool(learner) and may(caller, Action.EXPORT_LEARNER, thing),
        may_erase=bool(learner) and may(caller, Action.ERASE_LEARNER, thing),
        requests=[ShownPrivacyRequest.of(one) for one in found],
        is_live=after is None and any(one.finished is None for one in found),
        next_url=f"{here}&{urlencode({'cursor': cursor_of(following)})}" if following else "",
        once=secrets.token_hex(16),
        reason_max=REASON_MAX,
        reasons=reasons,
        error="" if refused is None else str(refused),
    )
    if refused is not None:
        page.headers.update(headers_of(refused.answer))
    return page
