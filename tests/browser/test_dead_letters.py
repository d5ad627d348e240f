"""Dead letters at a browser: why they are there, what they hold, putting them back, dropping them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from playwright.async_api import expect

from app.kafka.topics import topics_of
from app.web import addresses
from models.access import CallerRole
from tests.browser.reader import Reader
from tests.browser.test_appearance import problems_of
from tests.dead_letters.keeping import keep, letter, records_of

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.browser.site import Owner, Site


async def test_an_admin_looks_puts_back_what_was_mended_and_drops_the_rest(
    browser: Browser, site: Site, owner: Owner
) -> None:
    person, topic = secrets.token_hex(8), topics_of(site.settings.topology).events.name
    value = '{"content": "سلام <b>not bold</b>"'.encode()
    made = [letter(n, topic=topic, key=person.encode(), value=value) for n in range(3)]
    made.append(letter(9, topic=topic, partition=99, key=person.encode(), reason="key_conflict"))
    await keep(site.settings, made)
    found: list[str] = []
    async with Reader.at(browser, owner, viewport={"width": 390, "height": 900}) as reader:
        page = reader.page
        await reader.sign_in_as(CallerRole.ADMIN)
        await page.goto(addresses.DEAD_LETTERS)
        await expect(page.get_by_role("cell", name="Have whoever produces it mend it")).to_be_visible()
        await page.get_by_label("Key").fill(person)
        await page.get_by_role("button", name="Find").click()
        await expect(page.get_by_role("heading", name="Found 4")).to_be_visible()
        found += await problems_of(reader)

        await page.get_by_role("link", name="Not JSON").last.click()
        await expect(page.get_by_text("my secret")).to_have_count(0)
        await page.get_by_role("link", name="Show what it holds").click()
        await expect(page.locator("pre.held").last).to_contain_text("<b>not bold</b>")
        found += await problems_of(reader)

        await page.get_by_role("link", name="other dead letters of this key").click()
        for box in (await page.get_by_role("checkbox").all())[:2]:
            await box.check()
        await page.get_by_role("button", name="Replay chosen").click()
        await expect(page.get_by_role("heading", name="Replay 2 dead letters?")).to_be_visible()
        found += await problems_of(reader)
        await page.get_by_role("button", name="Replay 2").click()
        await expect(page.locator("#replay .notice")).to_contain_text("1 could not be")
        found += await problems_of(reader)

        await page.goto(f"{addresses.DEAD_LETTERS}?person={person}")
        await page.get_by_role("link", name="Drop all").click()
        await page.get_by_label("Yes, delete these 4 for ever").check()
        await page.get_by_role("button", name="Drop 4").click()
        await expect(page.locator("main .notice").first).to_contain_text("4 were dropped.")
        complaints = reader.complaints

    back = (await records_of(site.settings, topic, 2))[0]
    assert [record.value for record in back if record.key == person.encode()] == [value]
    assert found + complaints == []


async def test_whoever_may_not_is_told_so_on_a_page(reader: Reader) -> None:
    await reader.sign_in()
    await reader.page.goto(addresses.DEAD_LETTERS)

    await expect(reader.page.get_by_role("heading", name="Not allowed")).to_be_visible()
    await expect(reader.page.get_by_role("link", name="Dead letters")).to_have_count(0)
