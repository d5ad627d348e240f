"""Sessions of the pages: what they let one do, which writes are theirs, and that they end."""

from __future__ import annotations

import functools
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, Response

from app.access import (
    CSRF_HEADER,
    SESSION_COOKIE,
    Authenticator,
    EndedSessions,
    ForgedRequest,
    NotSignedIn,
    SignInNeeded,
    begin_session,
    csrf_token,
    end_session,
    forget_session,
    require_caller,
    require_page_caller,
    sign_in,
)
from app.access.sessions import Session, Sessions
from app.access.tokens import CLOCKS_DIFFER_S
from app.local.embedded import free_port
from app.postgres.connections import create_pool
from models.access import Caller
from sinks.errors import ServiceDown
from tests import services
from tests.access.signing import EMAIL, SECRET, settings_of, signed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from app.settings import Settings


def application(settings: Settings) -> FastAPI:
    """An application with nothing but what asks who is there."""
    app = FastAPI()
    app.state.authenticator = Authenticator(settings.api, settings.oidc)

    @app.api_route("/api", methods=["GET", "POST", "DELETE"])
    async def api(caller: Annotated[Caller, Depends(require_caller)]) -> str:
        return caller.email

    @app.api_route("/page", methods=["GET", "POST"])
    async def page(caller: Annotated[Caller, Depends(require_page_caller)]) -> str:
        return caller.email

    @app.get("/csrf")
    async def csrf(request: Request) -> str:
        return csrf_token(request)

    @app.post("/sign-in")
    async def begin(request: Request, response: Response, token: str) -> str:
        caller = await sign_in(request, token)
        await begin_session(request, response, caller)
        return caller.email

    @app.post("/sign-out")
    async def end(request: Request, response: Response) -> bool:
        has_ended = await end_session(request)
        forget_session(request, response)
        return has_ended

    for kind, status in ((NotSignedIn, 401), (ForgedRequest, 403), (SignInNeeded, 303), (ServiceDown, 503)):
        app.add_exception_handler(kind, _answer(status))
    return app


def _answer(status: int) -> Callable[[Request, Exception], Response]:
    def answer(_: Request, error: Exception) -> Response:
        return Response(getattr(error, "back_to", str(error)), status)

    return answer


@asynccontextmanager
async def browser(
    settings: Settings, base_url: str = "http://localhost:8000"
) -> AsyncIterator[httpx.AsyncClient]:
    app = application(settings)
    async with (
        await create_pool(settings.database, min_size=0) as pool,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url) as client,
    ):
        app.state.ended_sessions = EndedSessions(pool)
        yield client


@pytest.fixture(scope="module")
def database(postgres: str, migrated_database: str) -> Iterator[str]:
    """A database with our tables, for all tests here: no session is another's."""
    with services.fresh_database(postgres, like=migrated_database) as url:
        yield url


@pytest.fixture
def build(database: str) -> Callable[..., Settings]:
    """Builds settings with that database."""
    return functools.partial(settings_of, database_url=database)


async def signed_in(client: httpx.AsyncClient) -> str:
    """Sign in; return the CSRF token of the session."""
    answer = await client.post("/sign-in", params={"token": signed({})})
    assert answer.status_code == 200
    token: str = (await client.get("/csrf")).json()
    return token


async def test_a_session_lets_its_owner_read_and_its_token_write(build: Callable[..., Settings]) -> None:
    async with browser(build()) as client:
        token = await signed_in(client)

        assert (await client.get("/api")).json() == EMAIL
        assert (await client.get("/page")).json() == EMAIL
        assert (await client.post("/api", headers={CSRF_HEADER: token})).json() == EMAIL
        assert (await client.post("/page", data={"csrf_token": token})).json() == EMAIL


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no token"),
        pytest.param({CSRF_HEADER: "0" * 64}, id="a made-up token"),
        pytest.param({CSRF_HEADER: "é"}, id="no ASCII"),
        pytest.param({CSRF_HEADER: "{token}", "Origin": "https://evil.example"}, id="another site"),
        pytest.param({CSRF_HEADER: "{token}", "Origin": "null"}, id="a sandboxed frame"),
        pytest.param({CSRF_HEADER: "{token}", "Origin": "http://["}, id="nonsense"),
        pytest.param({CSRF_HEADER: "{token}", "Origin": "http://localhost:9000"}, id="another port"),
        pytest.param({CSRF_HEADER: "{token}", "Sec-Fetch-Site": "cross-site"}, id="fetched by another site"),
        pytest.param({CSRF_HEADER: "{token}", "Sec-Fetch-Site": "same-site"}, id="a sister site"),
        pytest.param({CSRF_HEADER: "{token}", "Sec-Fetch-Site": "none"}, id="an address typed in"),
    ],
)
@pytest.mark.parametrize("path", ["/api", "/page"])
async def test_a_write_with_a_session_must_come_from_a_page_of_it(
    build: Callable[..., Settings], path: str, headers: dict[str, str]
) -> None:
    async with browser(build()) as client:
        token = await signed_in(client)
        sent = {name.encode(): value.format(token=token).encode() for name, value in headers.items()}

        answer = await client.post(path, headers=httpx.Headers(sent))

    assert answer.status_code == 403


async def test_a_form_in_letters_that_are_none_is_refused_like_any_other(
    build: Callable[..., Settings],
) -> None:
    form = '--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n\\ud800\r\n--x--\r\n'
    sent = {"Content-Type": "multipart/form-data; boundary=x; charset=raw_unicode_escape"}
    async with browser(build()) as client:
        await signed_in(client)

        answer = await client.post("/page", content=form, headers=sent)

    assert answer.status_code == 403


async def test_the_csrf_token_of_one_session_is_not_that_of_another(build: Callable[..., Settings]) -> None:
    async with browser(build()) as client:
        of_the_first = await signed_in(client)
        of_the_second = await signed_in(client)

        answer = await client.post("/api", headers={CSRF_HEADER: of_the_first})

    assert of_the_first != of_the_second
    assert answer.status_code == 403


async def test_a_write_from_our_own_pages_is_taken_whatever_they_are_reached_by(
    build: Callable[..., Settings],
) -> None:
    public = build(api_public_url="https://chat.example:443")
    for settings, base_url, origin in (
        (build(), "http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        (public, "https://chat.example", "https://chat.example"),
    ):
        async with browser(settings, base_url) as client:
            token = await signed_in(client)
            headers = {CSRF_HEADER: token, "Origin": origin, "Sec-Fetch-Site": "same-origin"}
            assert (await client.post("/api", headers=headers)).status_code == 200


async def test_a_bearer_token_needs_no_csrf_token_and_counts_before_a_session(
    build: Callable[..., Settings],
) -> None:
    async with browser(build()) as client:
        await signed_in(client)
        program = {"Authorization": f"Bearer {signed({'email': 'ben@example.org'})}"}

        assert (await client.post("/api", headers=program)).json() == "ben@example.org"
        for wrong in ("Bearer nonsense", "Basic YTpi", "Bearer", "nonsense"):
            assert (await client.get("/api", headers={"Authorization": wrong})).status_code == 401


async def test_a_token_is_no_session_and_a_session_no_token(build: Callable[..., Settings]) -> None:
    for settings in (build(), build(api_session_secret=SECRET)):
        token = signed({"sub": EMAIL, "jti": "x", "aud": "chatlog-pages"})
        async with browser(settings) as client:
            assert (
                await client.get("/api", headers={"Cookie": f"{SESSION_COOKIE}={token}"})
            ).status_code == 401
            await signed_in(client)
            session = client.cookies[SESSION_COOKIE]
            client.cookies.clear()
            as_token = await client.get("/api", headers={"Authorization": f"Bearer {session}"})
            assert as_token.status_code == 401


@pytest.mark.parametrize(("over_for_s", "status"), [(CLOCKS_DIFFER_S - 10, 200), (CLOCKS_DIFFER_S + 1, 401)])
async def test_a_session_ends_by_whichever_clock_is_asked(
    build: Callable[..., Settings], over_for_s: int, status: int
) -> None:
    settings = build()
    begins = Sessions(settings.api)
    begins.lifetime_s = -over_for_s
    async with browser(settings) as client:
        client.cookies.set(SESSION_COOKIE, begins.begin(Caller(EMAIL)))

        assert (await client.get("/api")).status_code == status


@pytest.mark.parametrize(("public_url", "is_secure"), [("https://chat.example", True), (None, False)])
async def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(
    build: Callable[..., Settings], public_url: str | None, is_secure: bool
) -> None:
    async with browser(build(api_public_url=public_url)) as client:
        answer = await client.post("/sign-in", params={"token": signed({})})

    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "domain" not in cookie
    assert f"max-age={12 * 3600}" in cookie
    assert ("secure" in cookie) is is_secure


async def test_a_page_without_a_session_leads_back_to_itself_and_a_write_to_the_first_page(
    build: Callable[..., Settings],
) -> None:
    async with browser(build()) as client:
        read = await client.get("/page?survey_name=a%20%2F%20b&x=1")
        write = await client.post("/page")

    assert (read.status_code, read.text) == (303, "/page?survey_name=a%20%2F%20b&x=1")
    assert (write.status_code, write.text) == (303, "/")


@pytest.mark.parametrize(
    ("method", "path", "refused"), [("GET", "/page", 303), ("GET", "/api", 401), ("POST", "/api", 401)]
)
async def test_who_signs_out_ends_the_session_for_every_copy_of_its_cookie_and_every_replica(
    build: Callable[..., Settings], method: str, path: str, refused: int
) -> None:
    async with browser(build()) as client, browser(build()) as thief:
        token = await signed_in(client)
        thief.cookies.set(SESSION_COOKIE, client.cookies[SESSION_COOKIE])
        headers = {CSRF_HEADER: token}
        before = await thief.request(method, path, headers=headers)

        has_ended = await client.post("/sign-out", headers=headers)

        assert (before.status_code, has_ended.json()) == (200, True)
        assert SESSION_COOKIE not in client.cookies
        assert (await thief.request(method, path, headers=headers)).status_code == refused


async def test_signing_out_ends_no_other_session_of_the_same_person(build: Callable[..., Settings]) -> None:
    async with browser(build()) as client, browser(build()) as at_home:
        await signed_in(at_home)
        headers = {CSRF_HEADER: await signed_in(client)}

        await client.post("/sign-out", headers=headers)

        assert (await at_home.get("/page")).json() == EMAIL


async def test_signing_in_anew_ends_the_session_before(build: Callable[..., Settings]) -> None:
    async with browser(build()) as client, browser(build()) as thief:
        await signed_in(client)
        thief.cookies.set(SESSION_COOKIE, client.cookies[SESSION_COOKIE])

        await signed_in(client)

        assert (await thief.get("/page")).status_code == 303
        assert (await client.get("/page")).json() == EMAIL


async def test_signing_out_again_changes_nothing(build: Callable[..., Settings]) -> None:
    async with browser(build()) as client:
        headers = {CSRF_HEADER: await signed_in(client)}
        cookie = {"Cookie": f"{SESSION_COOKIE}={client.cookies[SESSION_COOKIE]}"}

        answers = [await client.post("/sign-out", headers=headers | cookie) for _ in range(2)]
        without = await client.post("/sign-out")

    assert [answer.json() for answer in (*answers, without)] == [True, True, True]


async def test_nobody_else_can_sign_a_visitor_out(build: Callable[..., Settings]) -> None:
    async with browser(build()) as client:
        token = await signed_in(client)
        for headers in ({}, {CSRF_HEADER: token, "Origin": "https://evil.example"}):
            assert (await client.post("/sign-out", headers=headers)).status_code == 403

        assert (await client.get("/page")).json() == EMAIL


async def test_without_the_database_no_session_counts_and_the_browser_forgets_it_all_the_same(
    build: Callable[..., Settings],
) -> None:
    nowhere = build(database_url=f"postgresql://u:p@127.0.0.1:{free_port()}/x")
    async with browser(build()) as client, browser(nowhere) as meanwhile:
        headers = {CSRF_HEADER: await signed_in(client)}
        meanwhile.cookies = client.cookies
        program = {"Authorization": f"Bearer {signed({})}"}

        read = [await meanwhile.get(path) for path in ("/page", "/api")]
        by_token = await meanwhile.get("/api", headers=program)
        has_ended = await meanwhile.post("/sign-out", headers=headers)

    assert [answer.status_code for answer in read] == [503, 503]
    assert by_token.status_code == 200
    assert has_ended.json() is False
    assert has_ended.headers["set-cookie"].startswith(f'{SESSION_COOKIE}=""')


async def test_ended_sessions_are_forgotten_a_day_after_they_would_be_over(
    build: Callable[..., Settings],
) -> None:
    now = datetime.now(UTC)
    sessions = {
        name: Session(Caller(EMAIL), name, now + timedelta(hours=hours))
        for name, hours in {"long over": -25, "just over": -23, "not over": 12, "new": 12}.items()
    }
    async with await create_pool(build().database, min_size=0) as pool:
        ended = EndedSessions(pool)
        for session in sessions.values():
            await ended.add(session)

        left = [name for name, session in sessions.items() if await ended.has(session)]

    assert left == ["just over", "not over", "new"]
