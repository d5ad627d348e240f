"""Who is let in by the API: tokens, sessions, and writes that another site could have made a browser send."""

from __future__ import annotations

import hmac
import http.server
import json
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi import FastAPI, Request, Response
from jwt.utils import base64url_encode

from app.api import create_app
from app.auth import (
    CSRF_HEADER,
    SESSION_COOKIE,
    Authenticator,
    ForgedRequest,
    KeysUnavailable,
    NotSignedIn,
    Owner,
    PageOwner,
    SignInNeeded,
    csrf_token,
    mint,
    own_path,
    session_cookie_for,
    sign_in,
)
from app.settings import ConfigurationError, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

SECRET = "a secret of at least thirty-two characters"
EMAIL = "ana@example.org"


def settings_of(**overrides: Any) -> Settings:
    values: dict[str, Any] = {"_env_file": None, "api_jwt_secret": SECRET} | overrides
    return Settings(**values)


def signed(claims: dict[str, Any], key: Any = SECRET, algorithm: str | None = "HS256", **header: Any) -> str:
    return jwt.encode(
        {"email": EMAIL, "exp": time.time() + 3600} | claims, key, algorithm=algorithm, headers=header
    )


def with_signature_of(other: str) -> str:
    return signed({}).rpartition(".")[0] + "." + other.rpartition(".")[2]


async def email_of(token: str, settings: Settings | None = None) -> str:
    return await Authenticator(settings or settings_of()).tokens.email_of(token)


async def test_a_good_token_says_whose_it_is() -> None:
    assert await email_of(signed({})) == EMAIL


async def test_the_claim_of_the_email_address_can_have_another_name() -> None:
    settings = settings_of(api_jwt_email_claim="https://example.org/email")

    assert await email_of(signed({"https://example.org/email": "ben@example.org"}), settings) == (
        "ben@example.org"
    )


# Made when they are tried: made before, all of them would have expired by then.
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: signed({"exp": time.time() - 1}), id="expired"),
        pytest.param(lambda: signed({"nbf": time.time() + 1800}), id="not yet good"),
        pytest.param(lambda: signed({"exp": None}), id="for ever"),
        pytest.param(lambda: jwt.encode({"email": EMAIL}, SECRET), id="no expiry"),
        pytest.param(lambda: signed({}, "another secret of thirty-two characters!"), id="of another secret"),
        pytest.param(lambda: signed({}, SECRET * 2, "HS512"), id="another algorithm"),
        pytest.param(lambda: signed({}, None, None), id="alg none"),
        pytest.param(lambda: with_signature_of(signed({"email": "b@example.org"})), id="another's signature"),
        pytest.param(lambda: signed({"email": ""}), id="nobody's"),
        pytest.param(lambda: signed({"email": ["ana@example.org"]}), id="a list"),
        pytest.param(lambda: signed({"email": "ana@example.org\0"}), id="with a NUL"),
        pytest.param(lambda: signed({"email": "a" * 400}), id="too long"),
        pytest.param(lambda: signed({"email_verified": False}), id="not verified"),
        pytest.param(lambda: signed({"email_verified": "false"}), id="not verified, as text"),
        pytest.param(lambda: "nonsense", id="nonsense"),
        pytest.param(lambda: "a.b.c", id="three parts of nonsense"),
        pytest.param(lambda: "é.é.é", id="not ASCII"),
        pytest.param(lambda: "", id="empty"),
        pytest.param(lambda: "x" * 100_000, id="huge"),
    ],
)
async def test_no_other_token_is_accepted(make: Callable[[], str]) -> None:
    with pytest.raises(NotSignedIn) as refused:
        await email_of(make())

    assert "ana@" not in str(refused.value)


async def test_issuer_and_audience_must_be_ours_where_they_are_set() -> None:
    settings = settings_of(api_jwt_issuer="https://id.example", api_jwt_audience="chatlog")
    right = {"iss": "https://id.example", "aud": ["chatlog", "other"]}

    assert await email_of(signed(right), settings) == EMAIL
    for wrong in ({}, right | {"iss": "https://else.example"}, right | {"aud": "other"}, {"aud": "chatlog"}):
        with pytest.raises(NotSignedIn):
            await email_of(signed(wrong), settings)


async def test_our_own_tokens_have_what_the_settings_ask_for() -> None:
    settings = settings_of(api_jwt_issuer="us", api_jwt_audience="chatlog", api_jwt_email_claim="mail")

    assert await email_of(mint(settings, EMAIL, timedelta(hours=1)), settings) == EMAIL


class KeyServer:
    """An issuer's key server, of which a test can see how often it was asked."""

    def __init__(self, keys: list[dict[str, Any]]) -> None:
        self.keys = keys
        self.asked = 0
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks.json"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        key_server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                key_server.asked += 1
                body = json.dumps({"keys": key_server.keys}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's
                """Say nothing."""

        return Handler


RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
SHARED = "a key of the server that is no public one"


def jwk(key: PrivateKeyTypes, kid: str, kind: str) -> dict[str, Any]:
    algorithm = {"RSA": jwt.algorithms.RSAAlgorithm, "EC": jwt.algorithms.ECAlgorithm}[kind]
    public: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)  # type: ignore[attr-defined]
    return public | {"kid": kid, "use": "sig"}


def signed_with_public_key(key: rsa.RSAPublicKey) -> str:
    """Return what fools a verifier that takes the algorithm from the token; PyJWT would not make one."""
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    said = [{"alg": "HS256", "kid": "r"}, {"email": EMAIL, "exp": time.time() + 3600}]
    signed_part = b".".join(base64url_encode(json.dumps(part).encode()) for part in said)
    signature = base64url_encode(hmac.digest(pem, signed_part, "sha256"))
    return (signed_part + b"." + signature).decode()


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    octets = jwt.algorithms.HMACAlgorithm.to_jwk(SHARED, as_dict=True)
    server = KeyServer([jwk(RSA_KEY, "r", "RSA"), jwk(EC_KEY, "e", "EC"), octets | {"kid": "o"}])
    yield server
    server.stop()


async def test_tokens_of_an_issuer_are_verified_by_its_published_keys(key_server: KeyServer) -> None:
    tokens = Authenticator(settings_of(api_jwks_url=key_server.url)).tokens

    assert await tokens.email_of(signed({}, RSA_KEY, "RS256", kid="r")) == EMAIL
    assert await tokens.email_of(signed({}, EC_KEY, "ES256", kid="e")) == EMAIL
    assert await tokens.email_of(signed({})) == EMAIL, "by the secret, which is set as well"
    assert key_server.asked == 1, "the keys are kept for a while"


async def test_the_kind_of_key_fixes_the_algorithm(key_server: KeyServer) -> None:
    settings = settings_of(api_jwt_secret=None, api_session_secret=SECRET, api_jwks_url=key_server.url)
    tokens = Authenticator(settings).tokens

    for forged in (
        signed_with_public_key(RSA_KEY.public_key()),
        signed({}, SHARED, "HS256", kid="o"),
        signed({}, RSA_KEY, "RS256", kid="e"),
        signed({}, EC_KEY, "ES256", kid="r"),
        signed({}, RSA_KEY, "PS256", kid="r"),
        signed({}, RSA_KEY, "RS512", kid="r"),
        signed({}, RSA_KEY, "RS256"),
        signed({}, rsa.generate_private_key(65537, 2048), "RS256", kid="r"),
        signed({}, ec.generate_private_key(ec.SECP384R1()), "ES384", kid="e"),
        signed({}, SECRET, "HS256"),
        signed({}, None, None, kid="r"),
    ):
        with pytest.raises(NotSignedIn):
            await tokens.email_of(forged)


async def test_unknown_keys_do_not_make_us_ask_the_issuer_again_and_again(key_server: KeyServer) -> None:
    tokens = Authenticator(settings_of(api_jwks_url=key_server.url)).tokens

    for number in range(20):
        with pytest.raises(NotSignedIn):
            await tokens.email_of(signed({}, RSA_KEY, "RS256", kid=f"made up {number}"))

    assert key_server.asked <= 2


async def test_a_key_server_that_is_down_is_not_the_fault_of_the_token(key_server: KeyServer) -> None:
    tokens = Authenticator(settings_of(api_jwks_url=key_server.url)).tokens
    key_server.stop()

    with pytest.raises(KeysUnavailable):
        await tokens.email_of(signed({}, RSA_KEY, "RS256", kid="r"))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"api_jwt_secret": None}, "API_JWT_SECRET and API_JWKS_URL are not set"),
        (
            {"api_jwt_secret": None, "api_jwks_url": "https://id.example/keys"},
            "API_SESSION_SECRET is not set",
        ),
        ({"storage_bucket": None}, "STORAGE_BUCKET is not set"),
        ({"database_url": None}, "DATABASE_URL is not set"),
        ({"kafka_bootstrap_servers": ""}, "KAFKA_BOOTSTRAP_SERVERS is not set"),
    ],
)
def test_nothing_starts_without_what_it_needs(overrides: dict[str, Any], said: str) -> None:
    complete = {
        "storage_bucket": "exports",
        "database_url": "postgresql://u@localhost/x",
        "kafka_bootstrap_servers": "localhost:9092",
    }

    with pytest.raises(ConfigurationError, match=said):
        create_app(settings_of(**(complete | overrides)))


def application(settings: Settings) -> FastAPI:
    """An application with nothing but what asks who is there."""
    app = FastAPI()
    app.state.authenticator = Authenticator(settings)

    @app.api_route("/api", methods=["GET", "POST", "DELETE"])
    async def api(owner: Owner) -> str:
        return owner.email

    @app.api_route("/page", methods=["GET", "POST"])
    async def page(owner: PageOwner) -> str:
        return owner.email

    @app.get("/csrf")
    async def csrf(request: Request) -> str:
        return csrf_token(request)

    @app.post("/sign-in")
    async def begin(request: Request, response: Response, token: str) -> str:
        owner = await sign_in(request, token)
        response.set_cookie(**session_cookie_for(request, owner.email))
        return owner.email

    for kind, status in ((NotSignedIn, 401), (ForgedRequest, 403), (SignInNeeded, 303)):
        app.add_exception_handler(kind, _answer(status))
    return app


def _answer(status: int) -> Callable[[Request, Exception], Response]:
    def answer(_: Request, error: Exception) -> Response:
        return Response(getattr(error, "back_to", str(error)), status)

    return answer


def browser(settings: Settings, base_url: str = "http://localhost:8000") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application(settings)), base_url=base_url)


async def signed_in(client: httpx.AsyncClient) -> str:
    """Sign in; return the CSRF token of the session."""
    answer = await client.post("/sign-in", params={"token": signed({})})
    assert answer.status_code == 200
    token: str = (await client.get("/csrf")).json()
    return token


async def test_a_session_lets_its_owner_read_and_its_token_write() -> None:
    async with browser(settings_of()) as client:
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
async def test_a_write_with_a_session_must_come_from_a_page_of_it(path: str, headers: dict[str, str]) -> None:
    async with browser(settings_of()) as client:
        token = await signed_in(client)
        sent = {name.encode(): value.format(token=token).encode() for name, value in headers.items()}

        answer = await client.post(path, headers=httpx.Headers(sent))

    assert answer.status_code == 403


async def test_the_csrf_token_of_one_session_is_not_that_of_another() -> None:
    async with browser(settings_of()) as client:
        of_the_first = await signed_in(client)
        of_the_second = await signed_in(client)

        answer = await client.post("/api", headers={CSRF_HEADER: of_the_first})

    assert of_the_first != of_the_second
    assert answer.status_code == 403


async def test_a_write_from_our_own_pages_is_taken_whatever_they_are_reached_by() -> None:
    public = settings_of(api_public_url="https://chat.example:443")
    for settings, base_url, origin in (
        (settings_of(), "http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        (public, "https://chat.example", "https://chat.example"),
    ):
        async with browser(settings, base_url) as client:
            token = await signed_in(client)
            headers = {CSRF_HEADER: token, "Origin": origin, "Sec-Fetch-Site": "same-origin"}
            assert (await client.post("/api", headers=headers)).status_code == 200


async def test_a_bearer_token_needs_no_csrf_token_and_counts_before_a_session() -> None:
    async with browser(settings_of()) as client:
        await signed_in(client)
        program = {"Authorization": f"Bearer {signed({'email': 'ben@example.org'})}"}

        assert (await client.post("/api", headers=program)).json() == "ben@example.org"
        for wrong in ("Bearer nonsense", "Basic YTpi", "Bearer", "nonsense"):
            assert (await client.get("/api", headers={"Authorization": wrong})).status_code == 401


async def test_a_token_is_no_session_and_a_session_no_token() -> None:
    for settings in (settings_of(), settings_of(api_session_secret=SECRET)):
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


async def test_a_session_ends() -> None:
    less_than_a_second = 0.0001
    async with browser(settings_of(api_session_hours=less_than_a_second)) as client:
        answer = await client.post("/sign-in", params={"token": signed({})})
        session = answer.headers["set-cookie"].partition(";")[0]

        assert session.startswith(f"{SESSION_COOKIE}=ey")
        assert (await client.get("/api", headers={"Cookie": session})).status_code == 401


@pytest.mark.parametrize(("public_url", "is_secure"), [("https://chat.example", True), (None, False)])
async def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(
    public_url: str | None, is_secure: bool
) -> None:
    async with browser(settings_of(api_public_url=public_url)) as client:
        answer = await client.post("/sign-in", params={"token": signed({})})

    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "domain" not in cookie
    assert f"max-age={12 * 3600}" in cookie
    assert ("secure" in cookie) is is_secure


async def test_another_site_cannot_sign_a_visitor_in() -> None:
    async with browser(settings_of()) as client:
        answer = await client.post(
            "/sign-in", params={"token": signed({})}, headers={"Origin": "https://evil.example"}
        )

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_page_without_a_session_leads_back_to_itself_and_a_write_to_the_first_page() -> None:
    async with browser(settings_of()) as client:
        read = await client.get("/page?survey_name=a%20%2F%20b&x=1")
        write = await client.post("/page")

    assert (read.status_code, read.text) == (303, "/page?survey_name=a%20%2F%20b&x=1")
    assert (write.status_code, write.text) == (303, "/")


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        "",
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/ /evil.example\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "exports",
        "/é",
    ],
)
def test_nobody_is_sent_to_another_site_after_signing_in(wanted: str | None) -> None:
    assert own_path(wanted) == "/"


def test_one_comes_back_to_the_page_one_wanted() -> None:
    assert own_path("/surveys/export?survey_name=a%2Fb") == "/surveys/export?survey_name=a%2Fb"
