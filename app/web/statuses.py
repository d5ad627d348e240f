"""The HTTP status of each error and the headers that go with it: the same for a program and for a person.

What is said of it is `app.web.problems`' matter for programs, and `app.web.problem_pages`' for people.
"""

from __future__ import annotations

from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.access import (
    ForgedRequest,
    KeysUnavailable,
    NotAllowed,
    NotSignedIn,
    ProviderUnavailable,
    SignInDenied,
    SignInRefused,
)
from app.exports.files import FileGone, NotFinished, StorageUnusable
from app.exports.service import NoSuchExport, NoSuchSurvey, NotFailed
from models.errors import BadRecord
from sinks.errors import CannotGoOn, ServiceDown
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify

RETRY_AFTER_S = 5

STATUSES: dict[type[Exception], HTTPStatus] = {
    SignInRefused: HTTPStatus.BAD_REQUEST,
    NotSignedIn: HTTPStatus.UNAUTHORIZED,
    SignInDenied: HTTPStatus.FORBIDDEN,
    ForgedRequest: HTTPStatus.FORBIDDEN,
    NotAllowed: HTTPStatus.FORBIDDEN,
    NoSuchSurvey: HTTPStatus.NOT_FOUND,
    NoSuchExport: HTTPStatus.NOT_FOUND,
    NotFailed: HTTPStatus.CONFLICT,
    NotFinished: HTTPStatus.CONFLICT,
    FileGone: HTTPStatus.GONE,
    RequestValidationError: HTTPStatus.UNPROCESSABLE_ENTITY,
    KeysUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    ProviderUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    StorageUnusable: HTTPStatus.SERVICE_UNAVAILABLE,
    ServiceDown: HTTPStatus.SERVICE_UNAVAILABLE,
    # Such as a right that is missing: whoever runs the system mends it, and the request can come again.
    CannotGoOn: HTTPStatus.SERVICE_UNAVAILABLE,
}
_HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Bearer realm="chatlog"'},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": str(RETRY_AFTER_S)},
}


def status_of(error: Exception) -> int:
    """Return the status of the answer to a request in which `error` was raised; 500 for a bug of ours."""
    if isinstance(error, HTTPException):
        # A body that is not even text has the answer of one that is wrong.
        is_unreadable = error.status_code == HTTPStatus.BAD_REQUEST
        return HTTPStatus.UNPROCESSABLE_ENTITY if is_unreadable else error.status_code
    judged = judged_by_service(error)
    found = (status for kind, status in STATUSES.items() if isinstance(judged, kind))
    return next(found, HTTPStatus.INTERNAL_SERVER_ERROR)


def judged_by_service(error: Exception) -> Exception:
    """Return what an error of the database's driver means; any other error as it is."""
    if not isinstance(error, DRIVER_ERRORS):
        return error
    judged = classify(error)
    return error if isinstance(judged, BadRecord) else judged


def headers_of(status: int, error: Exception | None = None) -> dict[str, str]:
    """Return the headers that an answer with this status has to have."""
    if isinstance(error, (KeysUnavailable, ProviderUnavailable)):
        return {"Retry-After": str(error.retry_after_s)}
    return _HEADERS.get(HTTPStatus(status), {})
