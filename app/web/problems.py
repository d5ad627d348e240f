"""What goes wrong, as an answer: `application/problem+json` (RFC 9457), one shape for every error.

A message never quotes what was sent, nor what a service said of itself: that is for the log.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount

from app.access import NotAllowed, NotSignedIn, SignInNeeded
from app.exports.files import FileGone
from app.exports.service import NoSuchExport, NoSuchSurvey
from app.web import problem_pages
from app.web.statuses import STATUSES, headers_of, judged_by_service, status_of
from sinks.errors import CannotGoOn, ServiceDown, SinkError
from sinks.postgres.sqlstate import DRIVER_ERRORS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI, Request

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


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


def problem(
    status: int,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer of one problem."""
    content: dict[str, Any] = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    content |= {"errors": list(errors)} if errors else {}
    return JSONResponse(content, status, headers, media_type=MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route's documentation says of its problems."""
    return {status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in statuses}


def answer_problems(app: FastAPI) -> None:
    """Have everything that the routes raise answered: for programs as a problem, for people as a page."""
    kinds: set[type[Exception]] = {*STATUSES, *DRIVER_ERRORS}
    for kind in kinds:
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(RequestValidationError, _unusable)
    app.add_exception_handler(HTTPException, _of_the_framework)


#: What is said of an error instead of what it says itself.
_SAID: dict[type[Exception], str] = {
    NoSuchSurvey: "You have no survey of this name.",
    NoSuchExport: "You have no export with this id.",
    ServiceDown: "A service that this needs is away: try again in a moment.",
    CannotGoOn: "A service that this needs refuses: whoever runs this system finds why in its log.",
}


async def _answer(request: Request, error: Exception) -> Response:
    judged = judged_by_service(error)
    status = status_of(judged)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        raise error
    if isinstance(judged, SinkError):
        log.warning("A service does not do what a request needs", extra={"error": str(judged)})
    if isinstance(judged, FileGone) and problem_pages.wants_page(request):
        return problem_pages.gone_page(request, judged.row, str(judged))
    if isinstance(judged, NotAllowed) and problem_pages.wants_page(request):
        return problem_pages.not_allowed_page(request)
    if isinstance(judged, NotSignedIn) and problem_pages.wants_page(request):
        # What the error says is how a program lets itself in.
        return _say(request, status, "")
    said = next((text for kind, text in _SAID.items() if isinstance(judged, kind)), str(judged))
    return _say(request, status, said, headers_of(status, judged))


async def _sign_in(request: Request, error: Exception) -> Response:
    if not isinstance(error, SignInNeeded):
        raise error
    return problem_pages.sign_in_first(request, error)


async def _unusable(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [{"field": _place(one), "message": _message(one)} for one in found]
    detail = "; ".join(f"{one['field']}: {one['message']}" for one in errors) or "It is not understood."
    return (
        problem_pages.error_page(request, 422, detail)
        if problem_pages.wants_page(request)
        else problem(422, detail, errors=errors)
    )


async def _of_the_framework(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 400:
        # A body that is not even text; one that is wrong has the same answer.
        return await _unusable(request, RequestValidationError([_UNREADABLE]))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        # The framework tells those of the first route alone.
        headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    is_bare = error.detail == HTTPStatus(error.status_code).phrase
    said = _PLAIN.get(error.status_code, error.detail) if is_bare else error.detail
    return _say(request, error.status_code, said, headers)


_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_UNREADABLE = {"type": "json_invalid", "loc": ("body",), "msg": "not readable"}
_PLAIN = {
    404: "There is nothing here; /docs lists what there is.",
    405: "This cannot be done here; Allow says what can.",
}


def _methods_at(request: Request) -> set[str]:
    # A directory of files is none of the routes, and can be read.
    methods = {method for method in _METHODS if _is_answered(request, method)} or {"GET"}
    return methods | {"HEAD"} if "GET" in methods else methods


def _is_answered(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    routes = (route for route in request.app.routes if not isinstance(route, Mount))
    return any(route.matches(scope)[0] is Match.FULL for route in routes)


def _say(request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    answer = (
        problem_pages.error_page(request, status, detail)
        if problem_pages.wants_page(request)
        else problem(status, detail)
    )
    answer.headers.update({**headers_of(status), **(headers or {})})
    return answer


def _place(found: dict[str, Any]) -> str:
    # With broken JSON, what follows is where it breaks off.
    location = found["loc"][:1] if found["type"] == "json_invalid" else found["loc"]
    return ".".join(str(part) for part in location)


def _message(found: dict[str, Any]) -> str:
    if found["type"] in {"json_invalid", "model_attributes_type"}:
        return "not a JSON object, sent as Content-Type: application/json"
    return str(found["msg"]).removeprefix("Value error, ")
