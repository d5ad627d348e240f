"""Signing in by a link, in a real browser."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from app.web import addresses

if TYPE_CHECKING:
    from tests.browser.reader import Reader

pytestmark = pytest.mark.timeout(600)


async def test_a_link_signs_in_and_its_token_is_nowhere_to_be_seen_afterwards(reader: Reader) -> None:
    page = reader.page
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    link = reader.owner.sign_in_link()

    await page.goto(link)
    await page.wait_for_url(f"{reader.owner.site.address}{addresses.OVERVIEW}")

    token = link.split("=")[-1]
    assert not [url for url in sent if token in url]
    await page.go_back()
    assert token not in page.url
    assert token not in await page.content()


async def test_a_link_signs_in_where_the_sign_in_page_is_open_already(reader: Reader) -> None:
    await reader.page.goto(addresses.SIGN_IN)

    await reader.page.goto(reader.owner.sign_in_link())

    await reader.page.wait_for_url(f"{reader.owner.site.address}{addresses.OVERVIEW}")


async def test_a_link_that_has_expired_says_so(reader: Reader) -> None:
    await reader.page.goto(reader.owner.sign_in_link(timedelta(hours=-1)))

    await expect(reader.page.get_by_text("The token has expired: get a new one.")).to_be_visible()
    await expect(reader.page.get_by_label("Token")).to_have_attribute("aria-invalid", "true")


async def test_whoever_signs_in_is_where_they_wanted_to_be(reader: Reader) -> None:
    page = reader.page
    await reader.open_tab()
    await page.get_by_label("Token").fill(reader.owner.sign_in_link().split("=")[-1])
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("heading", name=reader.owner.survey)).to_be_visible()
    assert page.url.endswith(addresses.tab(reader.owner.survey))


async def test_a_session_that_ends_while_a_page_is_open_leads_back_to_it(reader: Reader) -> None:
    await reader.sign_in()
    await reader.owner.add_export(status="Writing")
    await reader.open_tab()

    await reader.page.context.clear_cookies()

    await expect(reader.page.get_by_role("heading", name="Sign in")).to_be_visible()
    leads_to = reader.page.locator("#sign-in-form input[name=next]")
    await expect(leads_to).to_have_value(addresses.tab(reader.owner.survey))
