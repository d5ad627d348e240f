"""Writing, editing and deleting messages of threads by plain forms: what the pages do without a script.

With one, they ask the API (`static/threads.js`). Either way `app.threads.messages` does it.
"""

import secrets
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app.conversations import links
from app.threads.asking import (
    FAILURES,
    AsksToReadPages,
    AsksToWritePages,
    Once,
    SeenTag,
    WrittenText,
    count_request,
    failure_in_words,
    message_of,
)
from app.threads.messages import PostDraft
from app.threads.rows import Changed, KeyUsed, KnownPost
from app.threads.serving import Serving, ThreadServices, note_read
from app.threads.writers import check_may_change
from app.web import addresses
from app.web.problems import PageRoute
from app.web.rendering import render
from models.access import Action, Caller
from models.threads import text_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MESSAGES = f"{addresses.THREADS}/{{thread:uuid}}/messages"
ONE = f"{MESSAGES}/{{message:uuid}}"
_FASTER = "Somebody was faster. Above is what it says now; send yours again to replace it."


@router.post(MESSAGES)
async def write_message(
    request: Request,
    thread: UUID,
    caller: AsksToWritePages,
    services: Serving,
    text: WrittenText = "",
    reply_to: Annotated[UUID | None, Form()] = None,
    once: Once = "",
) -> Response:
    """Write a message, and go back to the thread; if that fails, show why, with what was written."""
    try:
        await count_request(request, caller)
        told = message_of(text, reply_to)
        draft = PostDraft(content=told.content, reply_to=told.reply_to, metadata={})
        await services.messages.write(caller, thread, draft, once or None)
    except FAILURES as error:
        status, said = failure_in_words(error)
        return render(
            request,
            "threads/templates/unsent.html",
            status=status,
            here="conversations",
            thread=thread,
            text=text,
            reply_to=reply_to,
            # One that stands for another message already would be refused for ever.
            once=secrets.token_hex(16) if isinstance(error, KeyUsed) else once,
            error=said,
        )
    return _back(thread)


@router.get(ONE)
async def message(
    request: Request, thread: UUID, message: UUID, caller: AsksToReadPages, services: Serving
) -> Response:
    """Show the form by which a message is edited or deleted."""
    return await _form(request, caller, services, thread, message)


@router.post(ONE)
async def edit_message(
    request: Request,
    thread: UUID,
    message: UUID,
    caller: AsksToReadPages,
    services: Serving,
    text: WrittenText = "",
    tag: SeenTag = "",
) -> Response:
    """Have a message say something else, and go back to the thread."""
    try:
        await count_request(request, caller)
        changes = {"content": message_of(text, None).content}
        await services.messages.edit(caller, thread, message, changes, if_match=tag or None)
    except FAILURES as error:
        return await _form(request, caller, services, thread, message, text, error)
    return _back(thread, message)


@router.post(f"{ONE}/delete")
async def delete_message(
    request: Request,
    thread: UUID,
    message: UUID,
    caller: AsksToReadPages,
    services: Serving,
    tag: SeenTag = "",
) -> Response:
    """Delete a message, and go back to the thread."""
    try:
        await count_request(request, caller)
        await services.messages.delete(caller, thread, message, if_match=tag or None)
    except FAILURES as error:
        return await _form(request, caller, services, thread, message, None, error)
    return _back(thread, message)


async def _form(
    request: Request,
    caller: Caller,
    services: ThreadServices,
    thread: UUID,
    message: UUID,
    text: str | None = None,
    error: Exception | None = None,
) -> Response:
    """Show a message as it is now, and what somebody wants it to say.

    Raises:
        NotAllowed: it is not theirs, and they do not moderate; or they only read.
    """
    head = await services.threads.head(caller, Action.READ_THREADS, thread)
    known = await services.messages.read(caller, thread, message)
    check_may_change(caller, head, known.sender)
    await note_read(request, caller, thread, message)
    status, said = failure_in_words(error) if isinstance(error, FAILURES) else (HTTPStatus.OK, "")
    return render(
        request,
        "threads/templates/message.html",
        status=status,
        here="conversations",
        thread=thread,
        message=known,
        now=text_of(known.content),
        is_plain=_is_plain(known),
        text=text_of(known.content) if text is None else text,
        error=_FASTER if isinstance(error, Changed) else said,
    )


def _is_plain(known: KnownPost) -> bool:
    """Tell whether it is a text and no more, so that an edited text is all of it."""
    return known.content.keys() == {"text"}


def _back(thread: UUID, message: UUID | None = None) -> Response:
    """Go to a thread: to its end, or to a message of it."""
    if message is None:
        return RedirectResponse(links.conversation(thread), HTTPStatus.SEE_OTHER)
    address = links.conversation(thread, {"message": str(message)})
    return RedirectResponse(f"{address}#m-{message}", HTTPStatus.SEE_OTHER)
