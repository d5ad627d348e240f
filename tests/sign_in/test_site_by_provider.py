"""The whole application where people sign in by an identity provider, and by nothing else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from app.local.embedded import free_port
from tests.access.signing import signed
from tests.identity_provider.behaviour import CLIENT, SECRET
from tests.identity_provider.process import identity_provider
from tests.services import changed
from tests.sign_in.provider import SESSION_SECRET, Browser, let_in
from tests.site.fixtures import BASE_URL, serve
from tests.site.owners import ANA, SHARED_NAME
from tests.site.visitor import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.settings import Settings
    from tests.identity_provider.process import IdentityProviderProcess

LOOKS_INSIDE = "who may see figures"


@pytest.fixture
def provider() -> Iterator[IdentityProviderProcess]:
    with identity_provider() as started:
        yield started


def by_provider(settings: Settings, issuer: str) -> Settings:
    return changed(
        settings,
        api_jwt_secret=None,
        api_session_secret=SecretStr(SESSION_SECRET),
        api_public_url=BASE_URL,
        oidc_issuer=issuer,
        oidc_client_id=CLIENT,
        oidc_client_secret=SecretStr(SECRET),
        web_token=SecretStr(LOOKS_INSIDE),
    )


async def test_whoever_comes_back_sees_their_surveys_and_no_token_counts(
    system: Settings, provider: IdentityProviderProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "app")
    settings = by_provider(system, provider.issuer)
    async with serve(settings) as client:
        browser = Browser(client, settings)
        away = await browser.get("/")
        callback = await let_in(await browser.begin(away.headers["location"]), ANA)
        await browser.come_back(callback)

        assert SHARED_NAME in text_of(await browser.get("/surveys/list"))
        program = {"Authorization": f"Bearer {signed({})}"}
        assert (await client.get("/exports/status", headers=program)).status_code == 401

    requests = [record.__dict__ for record in caplog.records if record.message == "Request"]
    assert "/sign-in/callback" in {request["route"] for request in requests}
    code = parse_qs(urlsplit(callback).query)["code"][0]
    assert not [record for record in caplog.records if code in str(record.__dict__)]


async def test_the_api_starts_and_answers_while_the_provider_is_away(system: Settings) -> None:
    settings = by_provider(system, f"http://127.0.0.1:{free_port()}")
    async with serve(settings) as client:
        browser = Browser(client, settings)

        page = await browser.get("/sign-in")
        answer = await browser.get("/sign-in/provider")

        assert (page.status_code, answer.status_code) == (200, 503)
        assert "The identity provider does not answer as it should" in text_of(answer)
        assert (await client.get("/health/live")).status_code == 200
        figures = await client.get("/metrics", headers={"Authorization": f"Bearer {LOOKS_INSIDE}"})
        assert "chatlog_api_identity_provider_up 0.0" in figures.text
