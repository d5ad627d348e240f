"""What an identity provider publishes about itself: what counts, and what is not worked with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.access.foreign_servers import Answer, UnusableAnswer
from app.access.openid.metadata import Metadata, metadata_url, read_metadata

ISSUER = "https://id.example/realm"
TOLD: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://id.example/realm/auth?policy=1",
    "token_endpoint": "https://tokens.example/token",
    "jwks_uri": "https://id.example/realm/keys",
}


def read(told: object, issuer: str = ISSUER) -> Metadata:
    return read_metadata(Answer(200, json.dumps(told).encode()), issuer)


def test_the_least_that_a_provider_tells_is_enough() -> None:
    assert read(TOLD) == Metadata(
        authorization_endpoint="https://id.example/realm/auth?policy=1",
        token_endpoint="https://tokens.example/token",
        jwks_uri="https://id.example/realm/keys",
        userinfo_endpoint=None,
        says_who_answers=False,
        takes_basic=True,
    )


def test_what_else_it_tells_is_gone_by() -> None:
    told = read(
        TOLD
        | {
            "userinfo_endpoint": "https://id.example/me",
            "authorization_response_iss_parameter_supported": True,
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }
    )

    assert (told.userinfo_endpoint, told.says_who_answers, told.takes_basic) == (
        "https://id.example/me",
        True,
        False,
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"issuer": None}, "another issuer"),
        ({"issuer": "https://evil.example"}, "another issuer"),
        ({"issuer": f"{ISSUER}/"}, "another issuer"),
        ({"token_endpoint": None}, "no token_endpoint"),
        ({"jwks_uri": ["https://id.example/keys"]}, "no jwks_uri"),
        ({"token_endpoint": "http://id.example/token"}, "no token_endpoint"),
        ({"token_endpoint": "http://127.0.0.1/token"}, "without https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no authorization_endpoint"),
        ({"authorization_endpoint": "//evil.example"}, "no authorization_endpoint"),
        ({"authorization_endpoint": "https://user:word@id.example/"}, "no authorization_endpoint"),
        ({"authorization_endpoint": "https://id.example/\r\nSet-Cookie: a"}, "no authorization_endpoint"),
        ({"userinfo_endpoint": "ftp://id.example/"}, "no userinfo_endpoint"),
        ({"jwks_uri": "https://[::1"}, "no jwks_uri"),
    ],
)
def test_what_is_of_another_or_not_safe_is_not_worked_with(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnusableAnswer, match=reason):
        read(TOLD | change)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_not_worked_with(body: bytes) -> None:
    with pytest.raises(UnusableAnswer, match="no JSON object"):
        read_metadata(Answer(200, body), ISSUER)


def test_a_provider_on_this_machine_needs_no_https() -> None:
    issuer = "http://127.0.0.1:9000"
    told = {name: value.replace("https://", "http://127.0.0.1/") for name, value in TOLD.items()}

    assert read(told | {"issuer": issuer}, issuer).token_endpoint == "http://127.0.0.1/tokens.example/token"


@pytest.mark.parametrize("issuer", ["https://id.example/realm", "https://id.example/realm/"])
def test_it_is_published_below_the_issuer(issuer: str) -> None:
    assert metadata_url(issuer) == "https://id.example/realm/.well-known/openid-configuration"
