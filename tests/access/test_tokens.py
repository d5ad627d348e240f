"""Whose a token is, what starts without the means to tell, and where one is sent on to."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from app.access import Authenticator, NotSignedIn, mint, own_path
from app.access.tokens import CLOCKS_DIFFER_S
from app.settings import ConfigurationError, Settings
from app.site import create_app
from models.access import Caller
from tests.access.signing import EMAIL, SECRET, settings_of, signed

if TYPE_CHECKING:
    from collections.abc import Callable


def with_signature_of(other: str) -> str:
    return signed({}).rpartition(".")[0] + "." + other.rpartition(".")[2]


async def email_of(token: str, settings: Settings | None = None) -> str:
    made = settings or settings_of()
    return (await Authenticator(made.api, made.oidc).tokens.caller_of(token)).email


async def test_a_good_token_says_whose_it_is() -> None:
    assert await email_of(signed({})) == EMAIL


async def test_the_claim_of_the_email_address_can_have_another_name() -> None:
    settings = settings_of(api_jwt_email_claim="https://example.org/email")

    assert await email_of(signed({"https://example.org/email": "ben@example.org"}), settings) == (
        "ben@example.org"
    )


@pytest.mark.parametrize("claim", ["nbf", "iat"])
async def test_a_token_of_an_issuer_whose_clock_is_ahead_counts(claim: str) -> None:
    assert await email_of(signed({claim: time.time() + CLOCKS_DIFFER_S - 10})) == EMAIL


async def test_a_token_of_an_issuer_whose_clock_is_behind_counts() -> None:
    assert await email_of(signed({"exp": time.time() - CLOCKS_DIFFER_S + 10})) == EMAIL


async def test_a_token_that_begins_later_is_told_apart_from_one_that_is_over() -> None:
    with pytest.raises(NotSignedIn, match="does not count yet"):
        await email_of(signed({"nbf": time.time() + CLOCKS_DIFFER_S + 60}))


# Made when they are tried: made before, all of them would have expired by then.
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: signed({"exp": time.time() - CLOCKS_DIFFER_S - 1}), id="expired"),
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

    assert await email_of(mint(settings.api, Caller(EMAIL), timedelta(hours=1)), settings) == EMAIL


_BY_PROVIDER = {"oidc_issuer": "https://id.example", "oidc_client_id": "chatlog"}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"api_jwt_secret": None}, "API_JWT_SECRET, API_JWKS_URL and OIDC_ISSUER are not set"),
        (
            {"api_jwt_secret": None, "api_jwks_url": "https://id.example/keys"},
            "API_SESSION_SECRET is not set",
        ),
        ({"api_jwt_secret": None} | _BY_PROVIDER, "API_SESSION_SECRET is not set"),
        (_BY_PROVIDER, "OIDC_ISSUER needs API_PUBLIC_URL: .*, followed by /sign-in/callback"),
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
