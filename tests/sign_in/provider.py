"""Signing in by the identity provider, step by step: what a person's browser does, and a bystander could."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import httpx
from fastapi import FastAPI

from app.access import SESSION_COOKIE, Authenticator, EndedSessions
from app.postgres.connections import create_pool
from app.sign_in import pages
from app.web.error_handlers import answer_errors
from app.web.service import ServiceInformation
from tests.access.signing import settings_of
from tests.identity_provider.behaviour import CLIENT, SECRET
from tests.site.fixtures import BASE_URL
from tests.site.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.settings import Settings
    from models.access import Caller
    from tests.identity_provider.process import IdentityProviderProcess

SESSION_SECRET = "a session's secret of thirty-two characters"


def settings_for(provider: IdentityProviderProcess, **overrides: object) -> Settings:
    """Return settings with which people sign in by the provider alone."""
    values: dict[str, object] = {
        "api_jwt_secret": None,
        "api_session_secret": SESSION_SECRET,
        "api_public_url": BASE_URL,
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
    }
    return settings_of(**(values | overrides))


@asynccontextmanager
async def replica(settings: Settings) -> AsyncIterator[Browser]:
    """Run the pages for signing in; give a browser that is at them."""
    app = FastAPI()
    app.state.authenticator = Authenticator(settings.api, settings.oidc)
    app.state.information = ServiceInformation(version="0", environment=None, features={"privacy": True})
    answer_errors(app)
    app.include_router(pages.router)
    async with (
        await create_pool(settings.database, min_size=0) as pool,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as client,
    ):
        app.state.ended_sessions = EndedSessions(pool)
        try:
            yield Browser(client, settings)
        finally:
            await app.state.authenticator.stop()


class Browser(Visitor):
    """Somebody's browser, at our pages and at the provider's."""

    def another(self) -> Browser:
        """Return somebody else's, at the same replica."""
        # Its transport is the application itself, and needs no closing.
        transport = self.client._transport
        return Browser(httpx.AsyncClient(transport=transport, base_url=BASE_URL), self.settings)

    async def begin(self, back_to: str = "/") -> str:
        """Press the button; return where it leads."""
        answer = await self.client.get("/sign-in/provider", params={"next": back_to})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def come_back(self, address: str) -> httpx.Response:
        """Open the address that the provider sent the browser to."""
        parts = urlsplit(address)
        # As browsers tell of where a link of another site leads.
        return await self.get(f"{parts.path}?{parts.query}", **{"Sec-Fetch-Site": "cross-site"})

    async def sign_in_by_provider(self, email: str, back_to: str = "/") -> httpx.Response:
        return await self.come_back(await let_in(await self.begin(back_to), email))

    @property
    def caller(self) -> Caller | None:
        """Who the browser's session says it is; None without one."""
        cookie = self.client.cookies.get(SESSION_COOKIE)
        session = (
            Authenticator(self.settings.api, self.settings.oidc).sessions.read(cookie) if cookie else None
        )
        return session.caller if session else None


async def let_in(address: str, email: str) -> str:
    """Say who it is at the provider; return where it sends the browser."""
    async with httpx.AsyncClient() as client:
        form = await client.get(address)
        assert form.status_code == 200, form.text
        fields = dict(parse_qsl(urlsplit(address).query)) | {"email": email}
        answer = await client.post(address.partition("?")[0], data=fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]
