"""What is printed: all that was said, by whom and when, and nothing that paper cannot do."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from app.postgres.connections import connect
from app.web import addresses
from models.access import CallerRole
from tests.browser.test_conversations import LAST_TIME, MINUTE, messages_of, reading
from tests.site.talks import Writer, room

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser, Page

    from tests.browser.site import Owner, Site

pytestmark = pytest.mark.timeout(600)

#: Some pages of paper.
MANY = 150
NAMES = ("Mara", "نور", "Milo <b>")
#: Whatever a reader could press, type into or follow, and the ways to other pages.
_CONTROLS = "nav, button, input, select, textarea, summary, a.button, .crumb, .skip, #loading"
_A4 = {"width": 794, "height": 1123}


@pytest.fixture
async def channel(site: Site) -> str:
    """A room in which three people said something for two days."""
    channel = secrets.token_hex(6)
    database = await connect(site.settings.database)
    write = Writer(database)
    for number, name in enumerate(NAMES):
        await write.name("twitch", f"{channel}-{number}", name)
    for number in range(MANY):
        await write.say(
            f"number {number}, {'and so on ' * (number % 20)}",
            LAST_TIME + number * 10 * MINUTE,
            channel=channel,
            author=f"{channel}-{number % len(NAMES)}",
        )
    await database.close()
    return channel


async def controls_on(page: Page) -> list[str]:
    """Return what of the page's controls would be printed."""
    shown = page.locator(_CONTROLS).locator("visible=true")
    return [(await one.evaluate("(node) => node.outerHTML"))[:100] for one in await shown.all()]


async def test_a_transcript_on_paper_has_all_that_was_said_by_whom_and_when(
    browser: Browser, owner: Owner, channel: str, tmp_path: Path
) -> None:
    async with reading(browser, owner, CallerRole.OPERATOR, viewport=_A4) as reader:
        page = reader.page
        await page.goto(f"{addresses.CONVERSATIONS}/{room(channel)}/print")
        await expect(page.get_by_role("button", name="Print")).to_be_visible()
        await page.emulate_media(media="print")

        assert await controls_on(page) == []
        lines = page.locator(".transcript .line")
        printed = [
            (await line.locator(part).inner_text()).strip()
            for line in await lines.locator("visible=true").all()
            for part in (".clock", "b", ".text")
        ]
        assert printed == [
            part
            for number in range(MANY)
            for part in (
                # In Lagos.
                f"{LAST_TIME + timedelta(hours=1) + number * 10 * MINUTE:%H:%M}",
                NAMES[number % len(NAMES)],
                f"number {number}, {'and so on ' * (number % 20)}".strip(),
            )
        ]
        assert await page.get_by_role("heading", level=2).count() >= 2
        await page.screenshot(path=tmp_path / "print.png", full_page=True)
        paper = await page.pdf(path=tmp_path / "print.pdf", format="A4")
        # Nothing is cut off at the end of a sheet.
        assert len(re.findall(rb"/Type\s*/Page\b", paper)) > 3


async def test_a_thread_that_is_printed_as_it_is_has_what_is_loaded_and_no_controls(
    browser: Browser, owner: Owner, channel: str, tmp_path: Path
) -> None:
    async with reading(browser, owner, CallerRole.OPERATOR, viewport=_A4) as reader:
        page = reader.page
        await page.goto(f"{addresses.CONVERSATIONS}/{room(channel)}")
        await expect(messages_of(page).last).to_be_in_viewport()
        await page.emulate_media(media="print")

        assert await controls_on(page) == []
        await expect(page.locator("a.talk").first).to_be_hidden()
        for said in await messages_of(page).all():
            await expect(said.locator(".by")).to_be_visible()
            await expect(said.locator("time")).to_be_visible()
            await expect(said.locator(".text")).to_be_visible()
        await page.screenshot(path=tmp_path / "thread.png", full_page=True)
        paper = await page.pdf(path=tmp_path / "thread.pdf", format="A4")
        assert len(re.findall(rb"/Type\s*/Page\b", paper)) > 1
