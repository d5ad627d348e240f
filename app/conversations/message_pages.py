"""One message: a link to its place, what was known when it was said, and the event as it came."""

import json
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.access import access_log_of
from app.conversations import links
from app.conversations.details import details_of, history_of
from app.conversations.pages import AsksToRead
from app.conversations.reading_pages import Reader
from app.conversations.rows import SaidMessage
from app.conversations.serving import Said
from app.conversations.subjects import subject_of_message
from app.conversations.views import instead_of, opinions_of
from app.web.problems import PageRoute
from app.web.rendering import render
from models.access import Action, Caller, may_at_all

router = APIRouter(prefix="/messages", route_class=PageRoute, include_in_schema=False)


@router.get("/{message:uuid}")
async def message(request: Request, message: UUID, caller: AsksToRead, known: Said) -> Response:
    """Lead to where a message is in its conversation: what a link to it is."""
    said = await known.message(caller, message)
    await _note(request, caller, said)
    address = links.conversation(said.conversation, {"message": str(message)})
    return RedirectResponse(f"{address}#m-{message}", HTTPStatus.SEE_OTHER)


@router.get("/{message:uuid}/details")
async def details(request: Request, message: UUID, caller: AsksToRead, known: Said) -> Response:
    """Show what was known when a message was said, and what became of it."""
    reader = Reader.of(request, caller)
    said = await known.message(caller, message)
    await _note(request, caller, said)
    is_changed = said.edited is not None or said.deleted is not None
    may_see_person = said.person is not None and may_at_all(caller, Action.SEE_PERSON)
    return render(
        request,
        f"conversations/templates/{_piece_or_page(request, 'details')}",
        here="conversations",
        message=said,
        groups=details_of(said, reader.zone),
        instead=instead_of(said),
        versions=history_of(await known.versions(caller, message), reader.zone) if is_changed else [],
        opinions=opinions_of(said, reader.zone, reader.today),
        person_url=links.person(said.platform, said.person or "") if may_see_person else "",
    )


@router.get("/{message:uuid}/raw")
async def raw(request: Request, message: UUID, caller: AsksToRead, known: Said) -> Response:
    """Show the event that a message came by, as text."""
    event = await known.raw(caller, message)
    await _note(request, caller, await known.message(caller, message))
    return render(
        request,
        f"conversations/templates/{_piece_or_page(request, 'raw')}",
        here="conversations",
        id=message,
        raw=None if event is None else json.dumps(event, ensure_ascii=False, indent=2),
    )


async def _note(request: Request, caller: Caller, said: SaidMessage) -> None:
    await access_log_of(request).note(caller, Action.READ_MESSAGES, request, subject_of_message(said))


def _piece_or_page(request: Request, name: str) -> str:
    return f"{name}_pane.html" if "hx-request" in request.headers else f"{name}.html"
