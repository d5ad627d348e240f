"""Whatever goes wrong has one status, whoever asked: a program, or a person at a page."""

from __future__ import annotations

import asyncpg
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.access import (
    ForgedRequest,
    KeysUnavailable,
    NotAllowed,
    NotSignedIn,
    ProviderUnavailable,
    ShownElsewhere,
    SignInDenied,
    SignInNeeded,
    SignInRefused,
)
from app.errors import answer_of
from app.exports.files import FileGone, NotFinished, StorageUnusable
from app.exports.service import NoSuchExport, NotFailed
from app.site import create_app
from app.surveys.service import CannotShare, NoSuchSurvey
from app.web.problems import PageRoute
from models.errors import ChatlogError
from sinks.errors import CannotGoOn, ServiceDown
from tests.every_error import every_error
from tests.services import settings_for_tests
from tests.site.fixtures import SECRET, client_of

#: What clients rely on, whatever becomes of the tree.
PROMISED = {
    ShownElsewhere: 303,
    SignInNeeded: 303,
    SignInRefused: 400,
    NotSignedIn: 401,
    SignInDenied: 403,
    ForgedRequest: 403,
    NotAllowed: 403,
    NoSuchSurvey: 404,
    NoSuchExport: 404,
    NotFailed: 409,
    NotFinished: 409,
    FileGone: 410,
    CannotShare: 422,
    KeysUnavailable: 503,
    ProviderUnavailable: 503,
    StorageUnusable: 503,
    ServiceDown: 503,
    CannotGoOn: 503,
}
OF_LIBRARIES = [
    (RequestValidationError([]), 422),
    (asyncpg.InsufficientPrivilegeError("permission denied"), 503),
    (asyncpg.CannotConnectNowError("starting"), 503),
    (asyncpg.InterfaceError("closed"), 503),
    (asyncpg.CheckViolationError("a bug"), 500),
    (TimeoutError(), 503),
    (ValueError("a bug"), 500),
    (HTTPException(400), 422),
    (HTTPException(404), 404),
    (HTTPException(405), 405),
    (HTTPException(413), 413),
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """The real application, with a route for programs and a page that fail with `app.state.error`."""
    settings = settings_for_tests(
        "t",
        "127.0.0.1:9",
        "postgresql://u@127.0.0.1:9/d",
        tmp_path_factory.mktemp("data"),
        api_jwt_secret=SECRET,
        storage_bucket="exports",
    )
    app = create_app(settings)

    async def fail() -> None:
        raise app.state.error

    app.add_api_route("/for-programs", fail)
    pages = APIRouter(route_class=PageRoute)
    pages.add_api_route("/a-page", fail)
    app.include_router(pages)
    return app


def test_the_statuses_that_clients_rely_on_stay() -> None:
    said = {type(error): answer_of(error).status for error in every_error()}

    assert {kind: said[kind] for kind in PROMISED} == PROMISED


@pytest.mark.parametrize(
    ("error", "status"),
    [*((error, answer_of(error).status) for error in every_error()), *OF_LIBRARIES],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(int(value)),
)
async def test_a_program_and_a_person_get_the_same_status(
    error: Exception, status: int, app: FastAPI
) -> None:
    app.state.error = error

    async with client_of(app) as client:
        program = await client.get("/for-programs")
        person = await client.get("/for-programs", headers={"Accept": "text/html"})
        page = await client.get("/a-page")

    assert [program.status_code, person.status_code, page.status_code] == [status] * 3
    for header in ("retry-after", "www-authenticate", "location"):
        assert program.headers.get(header) == person.headers.get(header) == page.headers.get(header)
    if status >= 400:
        assert program.headers["content-type"] == "application/problem+json"
        assert {person.headers["content-type"], page.headers["content-type"]} == {"text/html; charset=utf-8"}
    if isinstance(error, ChatlogError) and answer_of(error).says is not None:
        # It names hosts, tables and settings: that is for the log.
        assert not any(str(error) in answer.text for answer in (program, person, page))
