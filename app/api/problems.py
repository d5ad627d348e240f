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

from app import ui
from app.auth import ForgedRequest, KeysUnavailable, NotSignedIn, SignInNeeded
from app.export_files import FileGone, NotFinished, StorageUnusable
from app.exports import NoSuchExport, NoSuchSurvey, NotFailed
from sinks.errors import CannotGoOn, ServiceDown, SinkError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI, Request

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5


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
    for kind in _ANSWERS:
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(RequestValidationError, _unusable)
    app.add_exception_handler(HTTPException, _of_the_framework)


#: The status of each error, and what is said of it; None for what the error itself says.
_ANSWERS: dict[type[Exception], tuple[int, str | None]] = {
    NotSignedIn: (401, None),
    ForgedRequest: (403, None),
    NoSuchSurvey: (404, "You have no survey of this name."),
    NoSuchExport: (404, "You have no export with this id."),
    NotFailed: (409, None),
    NotFinished: (409, None),
    FileGone: (410, None),
    KeysUnavailable: (503, None),
    StorageUnusable: (503, None),
    ServiceDown: (503, "A service that this needs is away: try again in a moment."),
    CannotGoOn: (503, "A service that this needs refuses: whoever runs this system finds why in its log."),
}
_HEADERS: dict[int, dict[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="chatlog"'},
    503: {"Retry-After": str(RETRY_AFTER_S)},
}


async def _answer(request: Request, error: Exception) -> Response:
    if isinstance(error, SinkError):
        log.warning("A service does not do what a request needs", extra={"error": str(error)})
    if isinstance(error, FileGone) and ui.wants_page(request):
        return ui.gone_page(request, error.row, str(error))
    if isinstance(error, NotSignedIn) and ui.wants_page(request):
        # What the error says is how a program lets itself in.
        return _say(request, 401, "")
    status, said = next(answer for kind, answer in _ANSWERS.items() if isinstance(error, kind))
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, KeysUnavailable) else None
    return _say(request, status, said or str(error), headers)


async def _sign_in(request: Request, error: Exception) -> Response:
    if not isinstance(error, SignInNeeded):
        raise error
    return ui.sign_in_first(request, error)


async def _unusable(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [{"field": _place(one), "message": _message(one)} for one in found]
    detail = "; ".join(f"{one['field']}: {one['message']}" for one in errors) or "It is not understood."
    return (
        ui.error_page(request, 422, detail) if ui.wants_page(request) else problem(422, detail, errors=errors)
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
    answer = ui.error_page(request, status, detail) if ui.wants_page(request) else problem(status, detail)
    answer.headers.update({**_HEADERS.get(status, {}), **(headers or {})})
    return answer


def _place(found: dict[str, Any]) -> str:
    # With broken JSON, what follows is where it breaks off.
    location = found["loc"][:1] if found["type"] == "json_invalid" else found["loc"]
    return ".".join(str(part) for part in location)


def _message(found: dict[str, Any]) -> str:
    if found["type"] in {"json_invalid", "model_attributes_type"}:
        return "not a JSON object, sent as Content-Type: application/json"
    return str(found["msg"]).removeprefix("Value error, ")
