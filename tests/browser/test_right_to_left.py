"""Pages for who reads from right to left: the same from the other side, and nothing beyond the edge."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from app.postgres.connections import connect
from app.web import addresses
from models.access import CallerRole
from tests.browser.test_conversations import LAST_TIME, MINUTE, messages_of, reading
from tests.browser.test_figures import see_all_parts, sum_up
from tests.site.talks import Writer, room

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser

    from tests.browser.site import Owner, Site

pytestmark = pytest.mark.timeout(600)

SURVEY = "استبيان الأسر 2026"
#: From what people say, Arabic with digits and Latin words, and the other way round.
SAID = (
    "السلام عليكم، كم عدد الأطفال دون سن الخامسة؟",
    "طفلان، و 300,000 ليرة في الشهر (WhatsApp)",
    "He said: شكرا جزيلا!",
    "لا أعرف " * 40,
)
_TURN = "document.documentElement.dir = 'rtl'"
#: What of the page one would have to scroll to, sideways.
_BEYOND = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
#: Where a text begins, seen from the middle of its line.
_BEGINS = """(node) => {
    const range = document.createRange();
    range.setStart(node.firstChild, 0);
    range.setEnd(node.firstChild, 1);
    const first = range.getBoundingClientRect(), all = node.getBoundingClientRect();
    return first.left + first.right > all.left + all.right ? "right" : "left";
}"""


@pytest.fixture
async def channel(site: Site) -> str:
    """A session in which somebody and an assistant speak Arabic."""
    channel = f"session_{secrets.token_hex(6)}"
    database = await connect(site.settings.database)
    write = Writer(database)
    await write.name("assistant", channel, "نور الهدى")
    for number, text in enumerate(SAID * 3):
        of_it: dict[str, Any] = {"platform": "assistant", "channel": channel, "kind": "session"}
        said = await write.say(
            text,
            LAST_TIME + number * MINUTE,
            role="assistant" if number % 2 else "user",
            author=None if number % 2 else channel,
            **of_it,
        )
    await write.opine(said, -1, LAST_TIME + 60 * MINUTE, comment="غير صحيح (wrong)", author_id=channel)
    await database.close()
    return channel


@pytest.mark.parametrize("width", [390, 1280])
async def test_pages_that_are_turned_have_nothing_beyond_their_edge(
    browser: Browser, site: Site, channel: str, tmp_path: Path, width: int
) -> None:
    owner = await site.new_owner(SURVEY)
    await owner.add_export(status="Failed", reason="The storage refused the file")
    await sum_up(site)
    pages = {
        "conversations": addresses.CONVERSATIONS,
        "thread": f"{addresses.CONVERSATIONS}/{room(channel, 'assistant')}",
        "print": f"{addresses.CONVERSATIONS}/{room(channel, 'assistant')}/print",
        "search": f"{addresses.SEARCH}?q=الأطفال",
        # When the surveys of tests were answered.
        "figures": f"{addresses.FIGURES}?since=2026-10-20&until=2026-11-20&by=survey",
        "overview": addresses.OVERVIEW,
        "surveys": addresses.SURVEYS,
        "system": addresses.SYSTEM,
        "new export": addresses.new_export(SURVEY),
    }
    beyond = {}
    size = {"width": width, "height": 900}
    async with reading(browser, owner, CallerRole.OPERATOR, viewport=size) as reader:
        page = reader.page
        for name, address in pages.items():
            await page.goto(address)
            await page.evaluate(_TURN)
            if name == "figures":
                await see_all_parts(reader)
                await expect(page.locator("#part-messages canvas").first).to_be_visible()
            beyond[name] = await page.evaluate(_BEYOND)
            await page.screenshot(path=tmp_path / f"{name}.png")
        # What moves in from a side comes from the other one, and is all there.
        await page.goto(addresses.OVERVIEW)
        await page.evaluate(_TURN)
        if width == 390:
            await page.get_by_role("button", name="Menu").click()
            menu = page.get_by_role("navigation", name="Main")
            await expect(menu).to_be_in_viewport()
            box = await menu.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] / 2 < width / 2
            await page.screenshot(path=tmp_path / "menu.png")

    assert beyond == dict.fromkeys(pages, 0)


async def test_what_is_said_begins_at_its_own_side_whichever_way_the_page_goes(
    browser: Browser, owner: Owner, channel: str
) -> None:
    async with reading(browser, owner, CallerRole.OPERATOR) as reader:
        page = reader.page
        for turn in ("0", _TURN):
            for address in ("", "/print"):
                await page.goto(f"{addresses.CONVERSATIONS}/{room(channel, 'assistant')}{address}")
                await page.evaluate(turn)
                texts = page.locator(".transcript .text") if address else messages_of(page).locator(".text")
                sides = [await text.evaluate(_BEGINS) for text in (await texts.all())[:4]]
                assert sides == ["right", "right", "left", "right"], (turn, address)
