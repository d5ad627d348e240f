"""Sharing a survey at a browser: the colleague sees it, exports it, and has nothing of it when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import expect

from app.web import addresses
from tests.browser.reader import Reader
from tests.browser.site import read_csv

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.browser.site import Site


async def test_a_survey_is_shared_exported_by_a_colleague_and_taken_back(
    browser: Browser, site: Site
) -> None:
    owner, colleague = await site.new_owner("Shared baseline"), await site.new_owner("Their own")
    async with Reader.at(browser, owner) as sharing, Reader.at(browser, colleague) as other:
        await sharing.sign_in()
        await sharing.open_tab()
        await sharing.page.get_by_role("link", name="People").click()
        await sharing.page.get_by_label("Email address").fill(colleague.email.upper())
        await sharing.page.get_by_role("button", name="Share").click()
        await expect(sharing.page.get_by_role("rowheader")).to_have_text(colleague.email)

        await other.sign_in()
        await expect(other.page.locator("main")).to_contain_text(f"shared by {owner.email}")
        await other.page.get_by_role("link", name="Shared baseline").click()
        await other.page.get_by_role("link", name="New export").click()
        await other.page.get_by_role("radio", name="Chat log").check()
        await other.page.get_by_role("radio", name="R, pandas, Stata").check()
        await other.page.get_by_role("button", name="Export").click()
        await other.see_finished()
        rows = read_csv(await other.download())

        await sharing.page.get_by_role("button", name=f"Remove {colleague.email}").click()
        await expect(sharing.page.get_by_text("Only you can see and export this survey")).to_be_visible()
        await other.page.goto(addresses.tab(owner.survey, owner=owner.email))
        await expect(other.page.locator("main")).to_contain_text("no longer shared with you")
        await expect(other.page.get_by_role("link", name="Download")).to_have_count(0)
        complaints = sharing.complaints + other.complaints

    assert len(rows) == len(await owner.messages())
    assert complaints == []
