"""Someone who visits the pages: follows links, fills in forms, and keeps cookies, as a browser does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING

from app.access import CSRF_FIELD, mint
from app.exports.forms import survey_value
from app.surveys.rows import SurveyKey
from app.web import addresses
from models.access import Caller
from tests.site.owners import ANA, SHARED_NAME

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

_TAGS = re.compile(r"<[^>]*>")
_CSRF = re.compile(rf'name="{CSRF_FIELD}" value="([0-9a-f]+)"')
#: What browsers send, so that a page is answered with.
HEADERS = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}


@dataclass
class Visitor:
    """A browser without scripts.

    Attributes:
        client: keeps the cookies.
        settings: of the system that is visited.
    """

    client: httpx.AsyncClient
    settings: Settings

    async def sign_in(
        self, email: str = ANA, back_to: str = "/", caller: Caller | None = None
    ) -> httpx.Response:
        token = mint(self.settings.api, caller or Caller(email), timedelta(hours=1))
        return await self.post("/sign-in", token=token, next=back_to)

    async def get(self, address: str, **headers: str) -> httpx.Response:
        return await self.client.get(address, headers=HEADERS | headers)

    async def post(self, address: str, /, **fields: str) -> httpx.Response:
        """Send a form as it is, without what its page would have added."""
        return await self.client.post(address, data=fields, headers=HEADERS)

    async def submit(self, address: str, /, **fields: str) -> httpx.Response:
        """Send a form of a page, which carries its CSRF token."""
        return await self.post(address, csrf_token=await self.csrf_token(), **fields)

    async def ask(self, survey: str = SHARED_NAME, owner: str = ANA, **fields: str) -> httpx.Response:
        """Ask for an export of a survey by the form: its chat log as CSV, but for what `fields` say."""
        return await self.submit(addresses.NEW_EXPORT, **export_form(survey, owner, **fields))

    async def csrf_token(self) -> str:
        found = _CSRF.search((await self.get("/")).text)
        assert found
        return found[1]

    async def see_tab(self, survey: str = SHARED_NAME, page: int = 1) -> str:
        return text_of(await self.get(addresses.tab(survey, page)))


def export_form(survey: str = SHARED_NAME, owner: str = ANA, **fields: str) -> dict[str, str]:
    """Return the fields of the form by which a survey's chat log is asked for as CSV."""
    chosen = {"survey": survey_value(SurveyKey.of(owner, survey)), "what": "chat_log", "preset": "r"}
    return chosen | fields


def text_of(answer: httpx.Response) -> str:
    """Return what a page says, in one line."""
    return " ".join(unescape(_TAGS.sub(" ", answer.text)).split())
