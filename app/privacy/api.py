"""The routes of learners' data: have a file of all that is kept of them, or have them erased."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.access import LimitedRoute
from app.privacy.representations import PRIVACY, NewPrivacyRequest, PrivacyRequestList, ShownPrivacyRequest
from app.privacy.rows import PrivacyRequest, RequestKind
from app.privacy.serving import AsksForLearner, AsksToErase, Serving, note_asked
from app.threads.keys import AskedOnce
from app.threads.representations import NAME_MAX
from app.threads.serving import IdempotencyKey, Limit
from app.web.cursors import Cursor, next_of
from app.web.parts import LINKED
from app.web.problems import responses
from models.access import Action

router = APIRouter(
    prefix=PRIVACY,
    tags=["privacy"],
    route_class=LimitedRoute,
    responses=responses(401, 403, 404, 422, 429, 503),
)


@router.post("/export", status_code=202)
async def ask_for_a_learners_data(
    request: Request,
    body: NewPrivacyRequest,
    response: Response,
    caller: AsksForLearner,
    requests: Serving,
    idempotency_key: IdempotencyKey = None,
) -> ShownPrivacyRequest:
    """Ask for a file of all threads of a learner: with their messages, and what these said before.

    It is made in the background, as JSON Lines. While it is, asking again gives the same request. It is noted
    who asks.
    """
    once = AskedOnce.of(caller, idempotency_key, RequestKind.EXPORT, body.model_dump())
    asked = await requests.ask(caller, RequestKind.EXPORT, body.learner_id, body.reason, once)
    await note_asked(request, caller, Action.EXPORT_LEARNER, asked)
    return _accepted(response, asked)


@router.post("/delete", status_code=202)
async def have_a_learner_erased(
    request: Request,
    body: NewPrivacyRequest,
    response: Response,
    caller: AsksToErase,
    requests: Serving,
    idempotency_key: IdempotencyKey = None,
) -> ShownPrivacyRequest:
    """Have all threads of a learner deleted, for good: with their messages, and all that is left of them.

    It is done in the background, and tried until it is done. Until then, asking again gives the same request.
    """
    once = AskedOnce.of(caller, idempotency_key, RequestKind.DELETION, body.model_dump())
    asked = await requests.ask(caller, RequestKind.DELETION, body.learner_id, body.reason, once)
    await note_asked(request, caller, Action.ERASE_LEARNER, asked)
    return _accepted(response, asked)


@router.get("", responses=LINKED)
async def list_privacy_requests(
    request: Request,
    response: Response,
    caller: AsksForLearner,
    requests: Serving,
    after: Cursor,
    learner_id: Annotated[
        str | None,
        Query(min_length=1, max_length=NAME_MAX, pattern=r"^[^\x00]*$", description="Of whom."),
    ] = None,
    limit: Limit = 50,
) -> PrivacyRequestList:
    """Return what was asked for of the learners whose data you may have, the latest first."""
    found, following = await requests.find(caller, learner=learner_id, after=after, limit=limit)
    return PrivacyRequestList(
        items=[ShownPrivacyRequest.of(one) for one in found], next=next_of(request, response, following)
    )


@router.get("/{request_id:uuid}")
async def look_at_a_privacy_request(
    request_id: UUID, caller: AsksForLearner, requests: Serving
) -> ShownPrivacyRequest:
    """Return a request, as far as it is."""
    return ShownPrivacyRequest.of(await requests.read(caller, request_id))


@router.get(
    "/{request_id:uuid}/download",
    status_code=307,
    response_class=RedirectResponse,
    responses=responses(409, 410)
    | {
        307: {
            "description": "The file is there.",
            "headers": {
                "Location": {"description": "A link that works for some hours.", "schema": {"type": "string"}}
            },
        }
    },
)
async def download_a_learners_data(
    request: Request, request_id: UUID, caller: AsksForLearner, requests: Serving
) -> RedirectResponse:
    """Go to the file of a request, by a link that is signed now. It is noted who does."""
    asked = await requests.read(caller, request_id)
    link = await requests.link(asked)
    await note_asked(request, caller, Action.EXPORT_LEARNER, asked)
    return RedirectResponse(link, status_code=307)


def _accepted(response: Response, asked: PrivacyRequest) -> ShownPrivacyRequest:
    response.headers["Location"] = f"{PRIVACY}/{asked.id}"
    return ShownPrivacyRequest.of(asked)
