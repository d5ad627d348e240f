"""Whatever goes wrong has one status, whoever asked: a program, or a person at a page."""

from __future__ import annotations

import inspect
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest
from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.access import (
    ForgedRequest,
    KeysUnavailable,
    NotAllowed,
    NotSignedIn,
    ProviderUnavailable,
    SignInDenied,
    SignInNeeded,
    SignInRefused,
)
from app.access import errors as auth_errors
from app.exports import files as export_files
from app.exports import service as exports
from app.exports.files import FileGone, NotFinished, StorageUnusable
from app.exports.rows import ExportRow
from app.exports.service import NoSuchExport, NoSuchSurvey, NotFailed
from app.site import create_app
from app.web.problem_pages import PageRoute
from app.web.statuses import STATUSES
from models.access import Action
from models.exports import NO_LINK, ExportOptions, Source, Status
from sinks import errors as sink_errors
from sinks.errors import CannotGoOn, ServiceDown, SinkError
from tests.services import settings_for_tests
from tests.site.fixtures import SECRET, client_of

if TYPE_CHECKING:
    from pathlib import Path

_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_ROW = ExportRow(
    id=uuid.uuid4(),
    user_id="ana@example.org",
    survey_id="Baseline",
    status=Status.FINISHED,
    source=Source.CHAT_LOG,
    options=ExportOptions(),
    export_link=NO_LINK,
    reason=None,
    rows_done=1,
    rows_estimate=1,
    bytes_done=1,
    cells_not_shown=0,
    object_key=None,
    created=_NOW,
    updated=_NOW,
    finished=_NOW,
    removed=_NOW,
)
#: Where the errors are that a request can end with.
_MODULES = (auth_errors, exports, export_files, sink_errors)
#: SignInNeeded is for pages alone, which lead to the sign-in; SinkError is one of the two below it.
_NOT_ANSWERED = {auth_errors.AuthError, SignInNeeded, SinkError}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SignInRefused("another nonce"), 400),
        (NotSignedIn("no token"), 401),
        (SignInDenied("unverified"), 403),
        (ForgedRequest("from elsewhere"), 403),
        (NotAllowed(Action.EXPORT_SURVEY), 403),
        (NoSuchSurvey("none"), 404),
        (NoSuchExport("none"), 404),
        (NotFailed("it goes on"), 409),
        (NotFinished("it is Writing"), 409),
        (FileGone("removed", _ROW), 410),
        (RequestValidationError([]), 422),
        (KeysUnavailable(retry_after_s=7), 503),
        (ProviderUnavailable("down", retry_after_s=7), 503),
        (StorageUnusable(), 503),
        (ServiceDown("PostgreSQL cannot be reached: start it"), 503),
        (CannotGoOn("The database user lacks a right"), 503),
        (asyncpg.InsufficientPrivilegeError("permission denied"), 503),
        (asyncpg.CannotConnectNowError("starting"), 503),
        (asyncpg.InterfaceError("closed"), 503),
        (TimeoutError(), 503),
        (HTTPException(400), 422),
        (HTTPException(404), 404),
        (HTTPException(405), 405),
        (HTTPException(413), 413),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
async def test_a_program_and_a_person_get_the_same_status(
    error: Exception, status: int, tmp_path: Path
) -> None:
    settings = settings_for_tests(
        "t",
        "127.0.0.1:9",
        "postgresql://u@127.0.0.1:9/d",
        tmp_path,
        api_jwt_secret=SECRET,
        storage_bucket="exports",
    )
    app = create_app(settings)

    async def fail() -> None:
        raise error

    app.add_api_route("/for-programs", fail)
    pages = APIRouter(route_class=PageRoute)
    pages.add_api_route("/a-page", fail)
    app.include_router(pages)

    async with client_of(app) as client:
        program = await client.get("/for-programs")
        person = await client.get("/for-programs", headers={"Accept": "text/html"})
        page = await client.get("/a-page", headers={"Accept": "text/html"})

    assert [program.status_code, person.status_code, page.status_code] == [status] * 3
    assert program.headers["content-type"] == "application/problem+json"
    assert {person.headers["content-type"], page.headers["content-type"]} == {"text/html; charset=utf-8"}
    for header in ("retry-after", "www-authenticate"):
        assert program.headers.get(header) == person.headers.get(header) == page.headers.get(header)


def test_every_error_that_a_request_can_end_with_has_a_status() -> None:
    errors = {
        kind
        for module in _MODULES
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, Exception) and kind.__module__ == module.__name__
    }
    assert errors - _NOT_ANSWERED == errors & set(STATUSES)
    assert errors >= {NoSuchSurvey, FileGone, CannotGoOn, KeysUnavailable}
