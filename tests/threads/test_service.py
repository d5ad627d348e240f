"""The service as others know it: what it is, other sites' pages, ids of requests, settings by other names."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import jwt
import pytest

from app.access.tokens import mint
from app.settings import ConfigurationError, load_settings
from models.access import Caller
from tests.site.fixtures import SECRET
from tests.threads.asking import THREADS_AT

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings
    from tests.threads.asking import Asking

OTHER_SITE = "https://app.school.example"


async def test_a_program_is_told_which_service_this_is_and_a_person_gets_a_page(
    client: httpx.AsyncClient,
) -> None:
    told = (await client.get("/")).json()
    assert (told["service"], told["docs"], told["features"]["threads"]) == ("chatlog", "/docs", True)
    person = await client.get("/", headers={"Accept": "text/html"})
    assert person.status_code == 303
    assert (await client.get("/health")).json()["status"] == "ready"


async def test_other_sites_pages_may_ask_with_a_token_and_not_with_a_cookie(
    client: httpx.AsyncClient, acme: Asking
) -> None:
    asked = {
        "Origin": OTHER_SITE,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,if-match",
    }
    allowed = await client.options(THREADS_AT, headers=asked)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "*")
    assert "access-control-allow-credentials" not in allowed.headers
    answer = await acme.ask("GET", THREADS_AT, headers={"Origin": OTHER_SITE})
    assert "ETag" in answer.headers["access-control-expose-headers"]
    elsewhere = await client.options("/v1/conversations", headers=asked)
    assert "access-control-allow-origin" not in elsewhere.headers


async def test_a_request_has_an_id_in_its_answer_and_in_its_problem(acme: Asking) -> None:
    named = await acme.ask("GET", f"{THREADS_AT}/nothing", headers={"X-Request-ID": "req-12345"})
    assert named.headers["x-request-id"] == named.json()["request_id"] == "req-12345"
    unusable = await acme.ask("GET", THREADS_AT, headers={"X-Request-ID": "two words\t!"})
    assert len(unusable.headers["x-request-id"]) == 32


def test_settings_have_the_names_of_the_service_whose_place_this_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "DATABASE_URL": "postgresql+asyncpg://user:pass@localhost:5432/chat_db",
        "JWT_SECRET_KEY": SECRET,
        "JWT_ALGORITHM": "HS384",
        "CORS_ORIGINS": '["http://localhost:3000", "https://app.aivo.com/"]',
        "ENABLE_RATE_LIMITING": "false",
        "ENVIRONMENT": "staging",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.database.require_url() == "postgresql://user:pass@localhost:5432/chat_db"
    assert settings.threads.cors_origins == ("http://localhost:3000", "https://app.aivo.com")
    assert settings.threads.environment == "staging"
    assert settings.limits.of_threads == settings.limits.of_turns == (None, None)
    assert settings.api.jwt_secret is not None
    assert settings.api.jwt_secret.get_secret_value() == SECRET
    monkeypatch.setenv("API_JWT_SECRET", SECRET[::-1])
    own = load_settings().api
    assert own.jwt_secret is not None
    assert own.jwt_secret.get_secret_value() == SECRET[::-1], "our own name counts first"


@pytest.mark.parametrize(
    ("name", "value"),
    [("CORS_ORIGINS", "app.school.example"), ("CORS_ORIGINS", "[1"), ("JWT_ALGORITHM", "none")],
)
def test_what_such_a_setting_cannot_be_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=rf"^(API_)?{name}: "):
        load_settings()


async def test_a_secret_signs_by_the_algorithm_that_is_set_and_no_other(
    client: httpx.AsyncClient, system: Settings
) -> None:
    other = system.api.model_copy(update={"jwt_algorithm": "HS512"})
    token = mint(other, Caller("a@b.example"), timedelta(hours=1))
    assert jwt.get_unverified_header(token)["alg"] == "HS512"
    refused = await client.get(THREADS_AT, headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 401
