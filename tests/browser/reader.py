"""Someone at a browser: opens pages, sees the table of exports, and hears what the browser complains of."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.async_api import expect

from app.web import addresses

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, ConsoleMessage, Locator, Page

    from models.access import CallerRole
    from tests.browser.site import Owner

#: Whatever a page does, on a machine that is slow, or busy with other tests.
WITHIN_MS = 60_000
expect.set_options(timeout=WITHIN_MS)
#: What browsers say of an answer such as 404: the page itself tells it, so it is nothing to complain of.
_ANSWERED = "Failed to load resource"


@dataclass(slots=True)
class Reader:
    """An owner at a browser.

    Attributes:
        page: what is open.
        owner: who.
        complaints: errors and warnings of the browser, such as what the policy of the page forbids.
    """

    page: Page
    owner: Owner
    complaints: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def at(cls, browser: Browser, owner: Owner, **options: Any) -> AsyncIterator[Reader]:
        """Open a window. `options` are those of Playwright's contexts, such as `color_scheme`."""
        context = await browser.new_context(base_url=owner.site.address, **options)
        context.set_default_timeout(WITHIN_MS)
        reader = cls(await context.new_page(), owner)
        complaints = reader.complaints
        reader.page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said) else None)
        reader.page.on("pageerror", lambda error: complaints.append(str(error)))
        try:
            yield reader
        finally:
            await context.close()

    async def sign_in(self) -> None:
        """Sign in by a link, which leads to the overview, and go on to the surveys."""
        await self.page.goto(self.owner.sign_in_link())
        await self.page.wait_for_url(f"{self.owner.site.address}{addresses.OVERVIEW}")
        await self.page.goto(addresses.SURVEYS)

    async def sign_in_as(self, *roles: CallerRole) -> None:
        """Sign in with other roles than an owner's."""
        await self.page.goto(self.owner.sign_in_link(timedelta(hours=1), *roles))
        await self.page.wait_for_url(f"{self.owner.site.address}{addresses.OVERVIEW}")

    async def open_tab(self, page: int = 1) -> None:
        await self.page.goto(addresses.tab(self.owner.survey, page))

    @property
    def newest(self) -> Locator:
        """The first row of the table."""
        return self.page.locator("#exports tbody tr").first

    async def see_finished(self) -> None:
        """Wait until the newest export is finished, without touching the page."""
        await expect(self.newest).to_contain_text("Finished")

    async def download(self) -> Path:
        """Download the file of the newest export, by its link."""
        async with self.page.expect_download() as downloading:
            await self.newest.get_by_role("link", name="Download").click()
        return Path(await (await downloading.value).path())

    async def download_name(self) -> str:
        async with self.page.expect_download() as downloading:
            await self.newest.get_by_role("link", name="Download").click()
        return (await downloading.value).suggested_filename


def _is_complaint(message: ConsoleMessage) -> bool:
    return message.type in {"error", "warning"} and not message.text.startswith(_ANSWERED)
