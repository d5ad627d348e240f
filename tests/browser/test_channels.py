"""Channels at a browser: what holds and why, what a change does, its history, people who opted out."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from playwright.async_api import expect

from app.web import addresses
from models.access import CallerRole
from tests.browser.reader import Reader
from tests.browser.test_appearance import problems_of

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.browser.site import Owner


async def test_a_moderator_sees_what_a_change_does_makes_it_and_puts_it_back(
    browser: Browser, owner: Owner
) -> None:
    channel, name = secrets.token_hex(6), f"غرفة {secrets.token_hex(3)}"
    await owner.fetch_value(
        "INSERT INTO conversations (id, platform, channel, external_id, kind, title, started, last_at) "
        "VALUES (gen_random_uuid(), 'twitch', $1, $1, 'channel', $2, now(), now())",
        channel,
        name,
    )
    await owner.fetch_value(
        "INSERT INTO message_days (platform, channel, day, role, messages, weight) "
        "VALUES ('twitch', $1, current_date, 'user', 12345, 12345)",
        channel,
    )
    found: list[str] = []
    async with Reader.at(browser, owner) as reader:
        page = reader.page
        await reader.sign_in_as(CallerRole.MODERATOR)
        await page.goto(addresses.CHANNELS)
        await page.get_by_label("Find a channel").fill(name)
        await page.get_by_role("button", name="Find").click()
        await expect(page.locator("#channels ~ table").get_by_role("row").last).to_contain_text("12,345")
        found += await problems_of(reader)
        await page.get_by_role("link", name=name).click()

        await page.get_by_label("Of 100 messages, keep").fill("10")
        effect = page.locator("#effect")
        await expect(effect).to_contain_text("Every tenth message is kept; figures are estimates.")
        await page.get_by_label("Keep for days").fill("0")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("A whole number from 1 to")).to_be_visible()
        found += await problems_of(reader)
        await page.get_by_label("Keep for days").fill("7")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("main .notice").first).to_contain_text("Sample: every tenth message")
        await expect(page.get_by_role("cell", name=owner.email)).to_be_visible()

        await page.get_by_label("Recorded", exact=True).select_option("no")
        await expect(effect).to_contain_text("Nothing is recorded any more")
        await page.get_by_role("button", name="Save").click()
        await page.get_by_role("button", name="Put back").click()
        await expect(page.get_by_role("button", name="Put back")).to_have_count(2)
        await expect(page.get_by_label("Recorded", exact=True)).to_have_value("")
        found += await problems_of(reader)

        await page.get_by_role("button", name="Take this rule away").click()
        await expect(page.get_by_text("No rule of its own.")).to_be_visible()
        complaints = reader.complaints

    assert found + complaints == []


async def test_somebody_is_opted_out_and_in_again(reader: Reader) -> None:
    page, person = reader.page, secrets.token_hex(6)
    await reader.sign_in_as(CallerRole.COMPLIANCE)
    await page.goto(addresses.CHANNELS)
    await page.get_by_role("link", name="People who opted out").click()
    await page.get_by_label("Their id").fill(person)
    await page.get_by_role("button", name="Opt out").click()
    row = page.get_by_role("row").filter(has_text=person)
    await expect(row).to_contain_text("Not recorded")
    found = await problems_of(reader)

    await row.get_by_role("button", name="Opt in").click()

    await expect(row).not_to_contain_text("Not recorded")
    await expect(page.get_by_text("What was recorded of them before stays.")).to_be_visible()
    assert found == []
