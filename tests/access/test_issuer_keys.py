"""Tokens of an issuer: verified by the keys that its server publishes, whatever that server does."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import time
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.utils import base64url_encode

from app.access import Authenticator, KeysUnavailable, NotSignedIn, foreign_servers, issuer_keys
from models.access import Caller
from tests.access.key_server import EC_KEY, KEYS, RSA_KEY, SHARED, KeyServer, Mood, jwk
from tests.access.signing import EMAIL, SECRET, settings_of, signed
from tests.services import eventually
from tests.site.fixtures import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.access.tokens import TokenReader
    from app.settings import Settings


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    server = KeyServer()
    yield server
    server.stop()


@pytest.fixture
def tokens(key_server: KeyServer) -> TokenReader:
    settings = settings_of(api_jwks_url=key_server.url)
    return Authenticator(settings.api, settings.oidc).tokens


@pytest.fixture
def _every_look_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let keys be asked for again at once."""
    for name in ("GOOD_FOR_S", "ASK_AGAIN_AFTER_S", "TRY_AGAIN_AFTER_S"):
        monkeypatch.setattr(issuer_keys, name, 0)


@pytest.fixture
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign_servers, "ANSWER_WITHIN_S", 0.3)


def of_rsa(kid: str = "r") -> str:
    return signed({}, RSA_KEY, "RS256", kid=kid)


def signed_with_public_key(key: rsa.RSAPublicKey) -> str:
    """Return what fools a verifier that takes the algorithm from the token; PyJWT would not make one."""
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    said = [{"alg": "HS256", "kid": "r"}, {"email": EMAIL, "exp": time.time() + 3600}]
    signed_part = b".".join(base64url_encode(json.dumps(part).encode()) for part in said)
    signature = base64url_encode(hmac.digest(pem, signed_part, "sha256"))
    return (signed_part + b"." + signature).decode()


async def test_tokens_of_an_issuer_are_verified_by_its_published_keys(
    key_server: KeyServer, tokens: TokenReader
) -> None:
    assert await tokens.caller_of(of_rsa()) == Caller(EMAIL)
    assert await tokens.caller_of(signed({}, EC_KEY, "ES256", kid="e")) == Caller(EMAIL)
    assert await tokens.caller_of(signed({})) == Caller(EMAIL), "by the secret, which is set as well"
    assert key_server.asked == 1, "the keys are kept for a while"


async def test_the_kind_of_key_fixes_the_algorithm(key_server: KeyServer) -> None:
    settings = settings_of(api_jwt_secret=None, api_session_secret=SECRET, api_jwks_url=key_server.url)
    tokens = Authenticator(settings.api, settings.oidc).tokens

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
            await tokens.caller_of(forged)


async def test_unknown_keys_do_not_make_us_ask_the_issuer_again_and_again(
    key_server: KeyServer, tokens: TokenReader
) -> None:
    for number in range(20):
        with pytest.raises(NotSignedIn):
            await tokens.caller_of(of_rsa(f"made up {number}"))

    assert key_server.asked == 1


async def test_an_unknown_key_is_asked_for_once_the_server_may_be_asked_again(
    key_server: KeyServer, tokens: TokenReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "ASK_AGAIN_AFTER_S", 0)
    await tokens.caller_of(of_rsa())
    key_server.body = json.dumps({"keys": [jwk(RSA_KEY, "new", "RSA")]}).encode()

    assert await tokens.caller_of(of_rsa("new")) == Caller(EMAIL)
    with pytest.raises(NotSignedIn):
        await tokens.caller_of(of_rsa("r"))


def _no_sets() -> dict[str, bytes]:
    """Return what is no key set, or one without a key that tokens may be verified with."""
    deep = b"[" * 100_000
    of_no_use = [KEYS[0] | {"use": "enc"}, KEYS[1] | {"kid": None}, {"kty": "RSA", "kid": "r"}, 5, None]
    return {
        "nothing": b"",
        "a page": b"<html>Sign in to the network</html>",
        "not text": b"\xff\xfe",
        "too deep": deep,
        "a list": json.dumps(KEYS).encode(),
        "no keys": b'{"keys": []}',
        "keys of no use": json.dumps({"keys": of_no_use}).encode(),
        "another's": b'{"error": "down for maintenance"}',
        "too long": json.dumps({"keys": KEYS}).encode() + b" " * foreign_servers.ANSWER_MAX_BYTES,
    }


NO_SETS = _no_sets()


@pytest.mark.parametrize("name", sorted(NO_SETS))
async def test_an_answer_without_keys_is_not_the_fault_of_the_token(
    key_server: KeyServer, tokens: TokenReader, name: str
) -> None:
    key_server.body = NO_SETS[name]

    with pytest.raises(KeysUnavailable):
        await tokens.caller_of(of_rsa())


@pytest.mark.parametrize("status", [204, 404, 429, 500, 503])
async def test_neither_is_another_status(key_server: KeyServer, tokens: TokenReader, status: int) -> None:
    key_server.status = status

    with pytest.raises(KeysUnavailable):
        await tokens.caller_of(of_rsa())


@pytest.mark.usefixtures("_short_patience")
@pytest.mark.parametrize("mood", [Mood.HANGING, Mood.DRIPPING, Mood.REDIRECTING])
async def test_a_server_that_does_not_answer_costs_one_wait_that_all_share(
    key_server: KeyServer, tokens: TokenReader, mood: Mood
) -> None:
    key_server.mood = mood

    for _ in range(2):
        waited = await asyncio.gather(
            *(tokens.caller_of(of_rsa(f"key {number}")) for number in range(20)), return_exceptions=True
        )
        assert {type(error) for error in waited} == {KeysUnavailable}

    assert key_server.asked == 1, "those of the second round were told at once"
    assert all(0 < error.retry_after_s <= 10 for error in waited if isinstance(error, KeysUnavailable))


@pytest.mark.usefixtures("_every_look_is_due")
async def test_known_keys_count_at_once_while_the_server_hangs(
    key_server: KeyServer, tokens: TokenReader
) -> None:
    await tokens.caller_of(of_rsa())
    key_server.mood = Mood.HANGING

    for _ in range(20):
        assert await tokens.caller_of(of_rsa()) == Caller(EMAIL)
    await eventually(lambda: key_server.asked == 2)
    for _ in range(20):
        assert await tokens.caller_of(of_rsa()) == Caller(EMAIL)

    assert key_server.asked == 2, "it is asked by one at a time"
    assert tokens.keys
    await tokens.keys.stop()


@pytest.mark.usefixtures("_every_look_is_due")
async def test_known_keys_count_while_the_server_is_down_but_not_for_ever(
    key_server: KeyServer, tokens: TokenReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tokens.caller_of(of_rsa())
    key_server.status = 500

    for asked in (2, 3):
        assert await tokens.caller_of(of_rsa()) == Caller(EMAIL)
        await eventually(lambda asked=asked: key_server.asked == asked)  # type: ignore[misc]
        await eventually(lambda: tokens.keys and tokens.keys.is_well is False)
        with pytest.raises(KeysUnavailable):
            await tokens.caller_of(of_rsa("new"))

    monkeypatch.setattr(issuer_keys, "KEPT_FOR_S", 0)
    with pytest.raises(KeysUnavailable):
        await tokens.caller_of(of_rsa())


@pytest.mark.usefixtures("_every_look_is_due")
async def test_after_a_long_time_unasked_a_key_that_was_withdrawn_does_not_count(
    key_server: KeyServer, tokens: TokenReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tokens.caller_of(of_rsa())
    key_server.body = json.dumps({"keys": KEYS[1:]}).encode()
    monkeypatch.setattr(issuer_keys, "UNASKED_S", 0)

    with pytest.raises(NotSignedIn):
        await tokens.caller_of(of_rsa())


async def test_who_goes_away_takes_the_answer_from_nobody(key_server: KeyServer, tokens: TokenReader) -> None:
    key_server.mood = Mood.HANGING
    first, second = (asyncio.create_task(tokens.caller_of(of_rsa())) for _ in range(2))
    await eventually(lambda: key_server.asked)

    first.cancel()
    await asyncio.wait([first])
    key_server.release()

    assert await second == Caller(EMAIL)
    assert key_server.asked == 1


async def test_what_waits_for_the_server_can_be_stopped(key_server: KeyServer, tokens: TokenReader) -> None:
    key_server.mood = Mood.HANGING
    waiting = asyncio.create_task(tokens.caller_of(of_rsa()))
    await eventually(lambda: key_server.asked)
    assert tokens.keys

    for _ in range(2):
        await tokens.keys.stop()

    await asyncio.wait([waiting])
    assert waiting.cancelled()


async def test_the_log_tells_once_that_keys_cannot_be_had_and_once_that_they_can(
    key_server: KeyServer,
    tokens: TokenReader,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="app")
    monkeypatch.setattr(issuer_keys, "TRY_AGAIN_AFTER_S", 0)
    key_server.status = 500
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await tokens.caller_of(of_rsa())
    key_server.status = 200
    for _ in range(3):
        assert await tokens.caller_of(of_rsa()) == Caller(EMAIL)

    told = [(record.levelname, getattr(record, "error", None)) for record in caplog.records]
    assert told == [("WARNING", "it answers with status 500"), ("INFO", None)]


async def test_the_api_says_when_to_try_again_and_the_page_beside_the_field(
    key_server: KeyServer, api_settings: Callable[..., Settings], system: Settings
) -> None:
    key_server.status = 500
    settings = api_settings(api_jwks_url=key_server.url)
    async with serve(settings) as client:
        assert "issuer_keys_up" not in (await client.get("/metrics")).text
        program = await client.get("/exports/status", headers={"Authorization": f"Bearer {of_rsa()}"})
        person = await client.post(
            "/sign-in",
            data={"token": of_rsa(), "next": "/surveys/export?survey_name=Baseline"},
            headers={"Accept": "text/html"},
        )
        down = (await client.get("/metrics")).text

    for answer in (program, person):
        assert answer.status_code == 503
        assert 0 < int(answer.headers["retry-after"]) <= 10
    assert program.headers["content-type"] == "application/problem+json"
    assert program.json()["title"] == "Service Unavailable"
    assert "key server does not answer: try again in" in program.json()["detail"]
    assert "key server does not answer: try again in" in person.text
    assert 'aria-describedby="token-error"' in person.text
    assert 'name="next" value="/surveys/export?survey_name=Baseline"' in person.text
    assert "set-cookie" not in person.headers
    assert "chatlog_api_issuer_keys_up 0.0" in down
