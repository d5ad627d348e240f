"""What the pages of threads share: how forms are read, who is too fast, and what is said of what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Form, Request
from pydantic import ValidationError

from app.access import PageAsks, client_address
from app.errors import AppError, answer_of
from app.threads.representations import TITLE_MAX, NewMessage, NewThread
from app.threads.rows import KeyUsed, ThreadIsFull, UnusablePost
from models.access import Action, Caller
from sinks.errors import SinkError

if TYPE_CHECKING:
    from uuid import UUID

    from app.access import RateLimits

AsksToReadPages = Annotated[Caller, Depends(PageAsks(Action.READ_THREADS))]
AsksToWritePages = Annotated[Caller, Depends(PageAsks(Action.WRITE_THREADS))]
AsksToModeratePages = Annotated[Caller, Depends(PageAsks(Action.MODERATE_THREADS))]

#: Twice what a message may have: who writes too much is told so, and keeps what they wrote.
WrittenText = Annotated[str, Form(alias="text", max_length=200_000)]
WrittenTitle = Annotated[str, Form(alias="title", max_length=4 * TITLE_MAX)]
#: By which a form that is sent twice writes once.
Once = Annotated[str, Form(max_length=64, pattern=r"^[\x21-\x7e]*$")]
#: The ETag of what was shown; empty where whatever there is may be changed.
SeenTag = Annotated[str, Form(max_length=40)]

#: What a form that failed is shown with again.
FAILURES = (AppError, SinkError)


async def count_request(request: Request, caller: Caller) -> None:
    """Count what a form asks for, as what programs ask for is.

    Raises:
        TooManyRequests: it is one too many.
    """
    limits: RateLimits = request.app.state.thread_limits
    await limits.count(caller, client_address(request))


def message_of(text: str, reply_to: UUID | None) -> NewMessage:
    """Return the message that a form has.

    Raises:
        UnusablePost: it says nothing, or too much.
    """
    # Forms end lines as e-mail does.
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise UnusablePost("Write something first.")
    try:
        return NewMessage(content={"text": text}, reply_to=reply_to)
    except ValidationError:
        raise UnusablePost("That is too long for one message: write it in several.") from None


def thread_of_form(learner: str, title: str) -> NewThread:
    """Return the thread that a form has.

    Raises:
        UnusablePost: its learner can be none, or its title is too long.
    """
    try:
        return NewThread(learner_id=learner.strip(), title=title.strip() or None)
    except ValidationError as error:
        is_title = any("title" in one["loc"] for one in error.errors())
        raise UnusablePost(
            f"A title has at most {TITLE_MAX} letters." if is_title else "Say with which learner."
        ) from None


def failure_in_words(error: AppError | SinkError) -> tuple[int, str]:
    """Return the status of what failed, and why in words for people.

    Raises:
        AppError, SinkError: it is a mistake of ours.
    """
    answer = answer_of(error)
    if answer.status >= 500 and answer.says is None:
        raise error
    if isinstance(error, ThreadIsFull):
        return answer.status, "This thread is full, and takes no more messages: begin another."
    if isinstance(error, KeyUsed):
        return answer.status, (
            "From this page something was sent already. Look into the thread; if this is not there, "
            "send it again."
        )
    return answer.status, str(error) if answer.says is None else answer.says
