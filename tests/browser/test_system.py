"""Is anything stuck? From the overview to the system, to a worker's own page; and to /docs, in the dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from playwright.async_api import expect

from app.web import addresses
from models.access import CallerRole
from tests.browser.reader import Reader
from tests.browser.test_appearance import problems_of
from tests.services import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser

    from tests.browser.site import Owner, Site

pytestmark = pytest.mark.timeout(600)

OPERATOR = (CallerRole.OPERATOR, CallerRole.OWNER)


async def seen_workers(owner: Owner) -> bool:
    statement = "SELECT count(DISTINCT kind) = 2 FROM processes WHERE seen > now() - interval '20 s'"
    return bool(await owner.fetch_value(statement))


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
async def test_what_is_stuck_is_found_by_clicks_alone(
    browser: Browser, site: Site, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    owner = await site.new_owner("Followed by its operator")
    await eventually(lambda: seen_workers(owner), what="the worker and the API say that they run")
    async with Reader.at(
        browser, owner, color_scheme=scheme, viewport={"width": width, "height": 900}
    ) as reader:
        page = reader.page
        await reader.sign_in_as(*OPERATOR)
        await expect(page.get_by_role("heading", name="What is wrong")).to_be_visible()
        found = [f"overview: {problem}" for problem in await problems_of(reader)]
        await page.screenshot(path=tmp_path / "overview.png", full_page=True)

        if width < 1100:
            await page.get_by_role("button", name="Menu").click()
        await page.get_by_role("navigation", name="Main").get_by_role("link", name="System").click()
        await expect(page.get_by_text("No capture worker is in the group")).to_be_visible()
        found += [f"system: {problem}" for problem in await problems_of(reader)]
        await page.screenshot(path=tmp_path / "system.png", full_page=True)

        await page.get_by_role("link", name="Worker · export").first.click()
        await expect(page).to_have_title("Ready · export worker · chatlog")
        await page.get_by_text("What the words mean").click()
        found += [f"worker: {problem}" for problem in await problems_of(reader)]
        await page.screenshot(path=tmp_path / "worker.png", full_page=True)
        if width < 1100:
            await page.get_by_role("button", name="Menu").click()
        await page.get_by_role("link", name="Lag").click()
        await expect(page.get_by_role("heading", name="Lag")).to_be_visible()
        found += [f"told: {problem}" for problem in await problems_of(reader)]
        found += reader.complaints

    assert found == []


async def test_the_theme_and_the_zone_stay_chosen_also_where_programs_are_told(reader: Reader) -> None:
    page = reader.page
    await reader.sign_in()

    await page.get_by_role("button", name="Dark").click()
    await expect(page).to_have_url(f"{reader.owner.site.address}{addresses.SURVEYS}")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.get_by_role("link", name="Times").click()
    await page.get_by_label("Times and days are those of").select_option("Asia/Kolkata")
    await page.get_by_role("button", name="Keep").click()
    await expect(page.get_by_role("link", name="Times")).to_contain_text("Asia/Kolkata")

    await page.get_by_role("link", name="API", exact=True).click()
    await expect(page.locator("#operations-system-system_v1_system_get")).to_contain_text("/v1/system")
    await expect(page.locator("html")).to_have_class("js dark-mode")
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Overview").click()
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
