"""Search at a browser: who said "refund" last March, by clicks; on every screen, in every script."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.async_api import expect

from app.postgres.connections import connect
from models.access import CallerRole
from tests.browser.reader import Reader
from tests.browser.site import read_csv
from tests.browser.test_appearance import problems_of
from tests.site.talks import Writer

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser

    from tests.browser.site import Site

pytestmark = pytest.mark.timeout(600)

MARCH = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
#: More than a page.
MANY = 120
HOSTILE = "<script>document.body.dataset.hacked = 1</script> refund <b>now</b>"
SCRIPTS = (
    "أريد استرداد refund المال؟",
    "मुझे refund चाहिए।",
    "我要 refund 疫苗吗",
    "ขอ refund วัคซีน",
    "w" * 500 + " refund",
)
#: With all that a page can say beside its hits.
FILTERED = "/search?q=refund+%21%21&platform=twitch&channel=shop+talk&since=2026-03-01&order=rank"


async def fill(site: Site) -> None:
    """Say refund: in March, in many messages since, in every script, and in markup."""
    database = await connect(site.settings.database)
    try:
        if await database.fetchval("SELECT EXISTS (SELECT FROM messages WHERE channel = 'shop talk')"):
            return
        write = Writer(database)
        await write.say(
            "Where is my refund? I waited a month.", MARCH, author="733100221", channel="shop talk"
        )
        await database.execute(
            "INSERT INTO people (platform, person_id, name) VALUES ('twitch', '733100221', 'amina_k') "
            "ON CONFLICT DO NOTHING"
        )
        for number in range(MANY):
            await write.say(
                f"the refund number {number}", MARCH + timedelta(days=60, minutes=number), channel="shop talk"
            )
        for number, text in enumerate((HOSTILE, *SCRIPTS)):
            await write.say(text, MARCH + timedelta(days=90, minutes=number), channel="shop talk")
    finally:
        await database.close()


async def test_who_said_refund_last_march(browser: Browser, site: Site) -> None:
    await fill(site)
    async with Reader.at(browser, await site.new_owner()) as reader:
        page = reader.page
        await reader.sign_in_as(CallerRole.OPERATOR)
        await page.get_by_role("link", name="Search").first.click()
        await page.get_by_label("What to look for").fill("refund")
        await page.get_by_role("button", name="Search", exact=True).click()

        hits = page.locator("li.hit")
        await expect(hits).to_have_count(50)
        await expect(page.get_by_role("status").filter(has_text="so far")).to_contain_text(
            "50 messages so far, the newest first; there are more"
        )
        assert await page.evaluate("document.body.dataset.hacked") is None
        await expect(hits.filter(has_text="<script>").locator("mark")).to_have_text("refund")
        await page.get_by_role("link", name="Load more").click()
        await expect(hits).to_have_count(100)
        await page.get_by_role("link", name="Load more").click()
        await expect(hits).to_have_count(MANY + len(SCRIPTS) + 2)
        await expect(page.get_by_role("link", name="Load more")).to_have_count(0)

        await page.get_by_text("Filter and order").click()
        await page.get_by_label("From").fill("2026-03-01")
        await page.get_by_label("Before").fill("2026-04-01")
        await page.get_by_role("button", name="Search", exact=True).click()
        await expect(hits).to_have_count(1)
        await expect(hits).to_contain_text("amina_k")
        await expect(hits.locator("time")).to_contain_text("10 March 2026")
        await hits.get_by_role("link").click()
        await expect(page.get_by_text("Where is my refund? I waited a month.").first).to_be_visible()
        assert "/conversations/" in page.url or "/messages/" in page.url

        await page.go_back()
        await page.get_by_label("What to look for").fill("-malaria")
        await page.get_by_role("button", name="Search", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("say what has to be there, too")
        assert reader.complaints == []


async def test_a_file_of_what_was_found_is_had_by_clicks(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    await fill(site)
    async with Reader.at(browser, await site.new_owner(), timezone_id="Africa/Nairobi") as reader:
        page = reader.page
        await reader.sign_in_as(CallerRole.OPERATOR)
        await page.goto("/search?q=refund&channel=shop+talk&since=2026-03-01&until=2026-08-01")
        await page.get_by_role("link", name="Load more").click()
        await expect(page.locator("li.hit")).to_have_count(100)
        await page.get_by_role("link", name="Load more").click()
        await expect(page.locator("li.hit")).to_have_count(MANY + len(SCRIPTS) + 2)
        shown = await page.locator("li.hit .hit-text").all_inner_texts()

        await page.get_by_role("link", name="Export these").click()
        await expect(page.get_by_label("Words that are said")).to_have_value("refund")
        await expect(page.locator("#estimate")).to_contain_text(f"{len(shown)} rows")
        await page.get_by_label("Words that are said").fill("refund 疫苗")
        await expect(page.locator("#estimate")).to_contain_text("1 row,")
        await page.get_by_label("Words that are said").fill("-malaria")
        await expect(page.locator("#estimate")).to_contain_text("something to mend")
        problems = []
        for width in (390, 1280):
            await page.set_viewport_size({"width": width, "height": 900})
            await page.get_by_role("button", name="Export").click()
            await expect(page.get_by_text("say what has to be there, too").first).to_be_visible()
            problems += await problems_of(reader)
            await page.screenshot(path=tmp_path / f"export-refused-{width}.png", full_page=True)
        await page.get_by_label("Words that are said").fill("refund")
        await page.get_by_role("radio", name="R, pandas, Stata").check()
        await page.get_by_role("button", name="Export").click()
        await reader.see_finished()

        # Of long messages the page shows a part.
        said = [row["content"] for row in read_csv(await reader.download())]
        assert len(said) == len(shown)
        assert {text for text in said if len(text) < 100} == {text for text in shown if len(text) < 100}
        assert problems + reader.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_search_fits_and_can_be_used_by_everyone(
    browser: Browser, site: Site, tmp_path: Path, scheme: Literal["light", "dark"], width: int
) -> None:
    await fill(site)
    looks = {
        "search": "/search",
        "search-found": "/search?q=refund",
        "search-filtered": FILTERED,
        "search-nothing": "/search?q=nobodysaidthis&platform=discord",
        "search-refused": "/search?q=-malaria",
    }
    problems: list[str] = []
    viewport = {"width": width, "height": 900}
    async with Reader.at(
        browser, await site.new_owner(), color_scheme=scheme, viewport=viewport, timezone_id="Africa/Nairobi"
    ) as reader:
        await reader.sign_in_as(CallerRole.OPERATOR)
        for name, address in looks.items():
            await reader.page.goto(address)
            problems += [f"{name}: {problem}" for problem in await problems_of(reader)]
            await reader.page.screenshot(path=tmp_path / f"{name}-{width}-{scheme}.png", full_page=True)
        problems += reader.complaints
    assert problems == []
