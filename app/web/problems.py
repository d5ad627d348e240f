"""How a problem is told: to programs as `application/problem+json` (RFC 9457), to people as a page.

Which problem an error is, is `app.errors`' matter, and `app.web.error_handlers` brings the two together. What
is told never quotes what was sent, but for names of parameters and fields, nor what a service said of itself:
that is for the log.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from asgi_correlation_id import correlation_id
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from app.errors import RETRY_AFTER_S, ErrorAnswer, Words
from app.web.rendering import render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import Request, Response

MEDIA_TYPE = "application/problem+json"

#: What a page says of each status, where the error has no words of its own. Others of the 400s are told as
#: 422, those of the 500s as 500.
WORDS = {
    HTTPStatus.FORBIDDEN: Words(
        "Not allowed",
        "You are not let in here, or not to do this.",
        "Sign in with another account, or ask whoever looks after yours.",
    ),
    HTTPStatus.NOT_FOUND: Words(
        "Not found",
        "There is nothing at this address, or it is not yours to see.",
        "Look for it in your list of surveys.",
    ),
    HTTPStatus.CONFLICT: Words(
        "Not possible now",
        "It is not in a state in which that can be done.",
        "Go back and load the page again.",
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: Words(
        "That was not understood",
        "Something is missing from the address or the form, or is not what it should be.",
        "Go back and try again, from a link on a page if you typed the address.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: Words(
        "Something went wrong here",
        "This is a mistake of ours, not yours, and it is in our log.",
        "Try again; if it stays, tell whoever runs this system when it happened.",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: Words(
        "Not available right now",
        "A part of the system does not answer.",
        "Try again in a minute; if it stays, tell whoever runs this system. Exports that were started go on "
        "by themselves.",
    ),
}
#: What every answer of a status has to have.
_HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Bearer realm="chatlog"'},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": str(RETRY_AFTER_S)},
}


class Mistake(BaseModel):
    """A part of the request that cannot be used."""

    field: str = Field(description="Where it is, such as `query.survey` or `body.since`.")
    message: str


class Problem(BaseModel):
    """Why a request was not carried out."""

    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What happened, and what to do.")
    errors: list[Mistake] = Field(default=[], description="What of the request cannot be used.")
    request_id: str = Field(
        default="",
        description="By which our log has it: what your X-Request-ID said, if you sent one.",
    )


class PageRoute(APIRoute):
    """A route for people: whatever goes wrong, they see a page."""


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route's documentation says of its problems."""
    return {status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in statuses}


def wants_page(request: Request) -> bool:
    """Tell whether the answer is shown to a person, rather than read by a program."""
    is_of_a_page = isinstance(request.scope.get("route"), PageRoute)
    return is_of_a_page or "text/html" in request.headers.get("accept", "")


def tell(
    request: Request,
    status: int,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    words: Words | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer of one problem, for a program or for a person.

    Args:
        request: the one that cannot be carried out.
        status: of the answer.
        detail: what happened, and what to do.
        errors: what of the request cannot be used; for programs.
        words: what a page says in place of `detail`, and of what is said of the status.
        headers: of the answer, beside those that its status has to have.
    """
    if wants_page(request):
        answer = _page(request, status, "" if words else detail, words or _words_of(status))
    else:
        answer = problem(status, detail, errors=errors)
    answer.headers.update({**_HEADERS.get(HTTPStatus(status), {}), **(headers or {})})
    return answer


def headers_of(answer: ErrorAnswer) -> dict[str, str]:
    """Return the headers that the answer of an error has to have."""
    later = {} if answer.retry_after_s is None else {"Retry-After": str(answer.retry_after_s)}
    return _HEADERS.get(answer.status, {}) | dict(answer.headers) | later


def problem(
    status: int,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer of one problem for a program, with these headers alone."""
    content: dict[str, Any] = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    content |= {"errors": list(errors)} if errors else {}
    if (request_id := correlation_id.get()) is not None:
        content["request_id"] = request_id
    return JSONResponse(content, status, headers, media_type=MEDIA_TYPE)


def _page(request: Request, status: int, detail: str, words: Words) -> Response:
    return render(request, "web/templates/error.html", status=status, code=status, words=words, detail=detail)


def _words_of(status: int) -> Words:
    is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    fallback = HTTPStatus.INTERNAL_SERVER_ERROR if is_ours else HTTPStatus.UNPROCESSABLE_ENTITY
    return WORDS.get(HTTPStatus(status), WORDS[fallback])
