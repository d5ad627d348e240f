"""What the routes raise, turned into answers: the same status for a program and for a person."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount

from app.access import ShownElsewhere, SignInNeeded, own_path
from app.errors import answer_of
from app.web import addresses
from app.web.problems import WORDS, headers_of, tell
from models.errors import ChatlogError
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

log = logging.getLogger(__name__)


def answer_errors(app: FastAPI) -> None:
    """Have everything that the routes raise answered: for programs as a problem, for people as a page.

    What is none of these is a bug, and left to `app.web.request_log`.
    """
    app.add_exception_handler(ChatlogError, answer_foreseen)
    for kind in DRIVER_ERRORS:
        app.add_exception_handler(kind, _answer_driver)
    app.add_exception_handler(SignInNeeded, _lead_to_sign_in)
    app.add_exception_handler(ShownElsewhere, _lead_elsewhere)
    app.add_exception_handler(RequestValidationError, _answer_unusable)
    app.add_exception_handler(HTTPException, _answer_framework)


async def answer_foreseen(request: Request, error: Exception) -> Response:
    """Answer as the error's class says; a bug is raised again."""
    if not isinstance(error, ChatlogError):
        raise error
    answer = answer_of(error)
    if answer.status is HTTPStatus.INTERNAL_SERVER_ERROR:
        raise error
    if answer.says is not None:
        log.warning("A service does not do what a request needs", extra={"error": str(error)})
    said = str(error) if answer.says is None else answer.says
    return tell(request, answer.status, said, words=answer.words, headers=headers_of(answer))


def answer_bug(request: Request) -> Response:
    """Return what is told of a mistake of ours; what it is, is for the log."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    said = "This failed for a bug of ours; the log of the server says where."
    return tell(request, status, said, words=WORDS[status])


async def _answer_driver(request: Request, error: Exception) -> Response:
    judged = classify(error)
    if answer_of(judged).status is HTTPStatus.INTERNAL_SERVER_ERROR:
        raise error
    return await answer_foreseen(request, judged)


async def _lead_to_sign_in(request: Request, error: Exception) -> Response:
    """Send a person to the sign-in page, and later back to where they were."""
    if not isinstance(error, SignInNeeded):
        raise error
    if "hx-request" not in request.headers:
        return RedirectResponse(addresses.sign_in(error.back_to), answer_of(error).status)
    # A part of a page is asked for by its script: the whole page has to go.
    shown = urlsplit(request.headers.get("hx-current-url", ""))
    back_to = own_path(shown.path + (f"?{shown.query}" if shown.query else ""))
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": addresses.sign_in(back_to)})


async def _lead_elsewhere(_: Request, error: Exception) -> Response:
    """Send a person to where there is something for them."""
    if not isinstance(error, ShownElsewhere):
        raise error
    return RedirectResponse(error.address, answer_of(error).status)


async def _answer_unusable(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [{"field": _place(one), "message": _message(one)} for one in found]
    detail = "; ".join(f"{one['field']}: {one['message']}" for one in errors) or "It is not understood."
    return tell(request, 422, detail, errors=errors)


async def _answer_framework(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 400:
        # A body that is not even text; one that is wrong has the same answer.
        return await _answer_unusable(request, RequestValidationError([_UNREADABLE]))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        # The framework tells those of the first route alone.
        headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    is_bare = error.detail == HTTPStatus(error.status_code).phrase
    said = _PLAIN.get(error.status_code, error.detail) if is_bare else error.detail
    return tell(request, error.status_code, said, headers=headers)


_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")
_UNREADABLE = {"type": "json_invalid", "loc": ("body",), "msg": "not readable"}
_PLAIN = {
    404: "There is nothing here; /docs lists what there is.",
    405: "This address cannot be used so; the header Allow says how.",
}


def _methods_at(request: Request) -> set[str]:
    # A directory of files is none of the routes, and can be read.
    methods = {method for method in _METHODS if _is_answered(request, method)} or {"GET"}
    return methods | {"HEAD"} if "GET" in methods else methods


def _is_answered(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    routes = (route for route in request.app.routes if not isinstance(route, Mount))
    return any(route.matches(scope)[0] is Match.FULL for route in routes)


def _place(found: dict[str, Any]) -> str:
    # With broken JSON, what follows is where it breaks off.
    location = found["loc"][:1] if found["type"] == "json_invalid" else found["loc"]
    return ".".join(str(part) for part in location)


def _message(found: dict[str, Any]) -> str:
    if found["type"] in {"json_invalid", "model_attributes_type"}:
        return "not a JSON object, sent as Content-Type: application/json"
    # A choice of a few members of an enumeration is told by how Python writes them.
    return _MEMBER.sub(r"\1", str(found["msg"]).removeprefix("Value error, "))
