"""The pages of threads themselves: begin one, name it, put it aside, delete it. Messages are beside.

What is said in threads is read in Conversations. Every write ends in going on to a page, so that loading that
again repeats nothing; one that fails shows its form again, with what was written.
"""

import secrets
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.conversations import links
from app.threads.asking import (
    FAILURES,
    AsksToModeratePages,
    AsksToReadPages,
    AsksToWritePages,
    Once,
    SeenTag,
    WrittenTitle,
    count_request,
    failure_in_words,
    thread_of_form,
)
from app.threads.keys import AskedOnce
from app.threads.representations import NAME_MAX, TITLE_MAX
from app.threads.rows import Changed
from app.threads.service import LearnerThreads, learners_of
from app.threads.serving import Serving
from app.threads.writers import ThreadWriter
from app.web import addresses
from app.web.problems import PageRoute
from app.web.rendering import render
from models.access import Action, Caller, thread_thing

router = APIRouter(route_class=PageRoute, include_in_schema=False)

ONE = f"{addresses.THREADS}/{{thread:uuid}}"
_FASTER = "Somebody was faster: here is what there is now. Look, and do it again if you still want to."


@router.get(addresses.NEW_THREAD)
async def new_thread(
    request: Request,
    caller: AsksToWritePages,
    learner: Annotated[str, Query(max_length=NAME_MAX)] = "",
) -> Response:
    """Show the form by which a thread is begun."""
    return _form(request, caller, learner, "")


@router.post(addresses.NEW_THREAD)
async def begin_thread(
    request: Request,
    caller: AsksToWritePages,
    services: Serving,
    learner: Annotated[str, Form(max_length=4 * NAME_MAX)] = "",
    title: WrittenTitle = "",
    once: Once = "",
) -> Response:
    """Begin a thread, and go on to it."""
    try:
        await count_request(request, caller)
        told = thread_of_form(learner, title)
        key = AskedOnce.of(caller, once or None, "thread", told.model_dump())
        thread = await services.threads.make(caller, told.learner_id, title=told.title, metadata={}, once=key)
    except FAILURES as error:
        return _form(request, caller, learner, title, error)
    return RedirectResponse(links.conversation(thread.head.id), HTTPStatus.SEE_OTHER)


@router.get(ONE)
async def thread(
    request: Request,
    thread: UUID,
    caller: AsksToReadPages,
    services: Serving,
    done: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Show what a thread is called and whether it is put aside, and what can be done with it."""
    return await _settings(request, caller, services.threads, thread, done=done)


@router.post(f"{ONE}/title")
async def name_thread(
    request: Request,
    thread: UUID,
    caller: AsksToWritePages,
    services: Serving,
    title: WrittenTitle = "",
    tag: SeenTag = "",
) -> Response:
    """Give a thread another title, or none."""
    try:
        await count_request(request, caller)
        changes = {"title": thread_of_form("anybody", title).title}
        await services.threads.change(caller, thread, changes, if_match=tag or None)
    except FAILURES as error:
        return await _settings(request, caller, services.threads, thread, title=title, error=error)
    return _done(thread, "title")


@router.post(f"{ONE}/archive")
async def archive_thread(
    request: Request,
    thread: UUID,
    caller: AsksToModeratePages,
    services: Serving,
    archived: Annotated[bool, Form()],
    tag: SeenTag = "",
) -> Response:
    """Put a thread aside, or back."""
    try:
        await count_request(request, caller)
        await services.threads.change(caller, thread, {"archived": archived}, if_match=tag or None)
    except FAILURES as error:
        return await _settings(request, caller, services.threads, thread, error=error)
    return _done(thread, "archived" if archived else "back")


@router.post(f"{ONE}/delete")
async def delete_thread(
    request: Request,
    thread: UUID,
    caller: AsksToModeratePages,
    services: Serving,
    tag: SeenTag = "",
    reason: Annotated[str, Form(max_length=500, pattern=r"^[^\x00]*$")] = "",
) -> Response:
    """Delete a thread with its messages, and go back to the list."""
    try:
        await count_request(request, caller)
        await services.threads.delete(caller, thread, if_match=tag or None, reason=reason.strip() or None)
    except FAILURES as error:
        return await _settings(request, caller, services.threads, thread, error=error)
    return RedirectResponse(addresses.CONVERSATIONS, HTTPStatus.SEE_OTHER)


def _form(
    request: Request, caller: Caller, learner: str, title: str, error: Exception | None = None
) -> Response:
    status, said = failure_in_words(error) if isinstance(error, FAILURES) else (HTTPStatus.OK, "")
    return render(
        request,
        "threads/templates/new.html",
        status=status,
        here="conversations",
        learners=learners_of(caller, None, Action.WRITE_THREADS),
        learner=learner,
        title=title,
        title_max=TITLE_MAX,
        once=secrets.token_hex(16),
        error=said,
    )


async def _settings(
    request: Request,
    caller: Caller,
    threads: LearnerThreads,
    thread: UUID,
    *,
    title: str | None = None,
    error: Exception | None = None,
    done: str = "",
) -> Response:
    """Show a thread's settings, as it is now; what somebody wanted it to be called stays in its field."""
    known = await threads.read(caller, thread)
    status, said = failure_in_words(error) if isinstance(error, FAILURES) else (HTTPStatus.OK, "")
    return render(
        request,
        "threads/templates/settings.html",
        status=status,
        here="conversations",
        thread=known,
        title=known.title or "" if title is None else title,
        title_max=TITLE_MAX,
        writer=ThreadWriter.of(caller, thread_thing(known.head.tenant, known.head.learner)),
        error=_FASTER if isinstance(error, Changed) else said,
        done=done,
    )


def _done(thread: UUID, what: str) -> Response:
    address = f"{addresses.THREADS}/{thread}?{urlencode({'done': what})}"
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)
