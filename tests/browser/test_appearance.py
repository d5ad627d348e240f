"""Every page in light and dark, on a phone and on a desk: no sideways scrolling, nothing for axe to find."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pytest
from axe_playwright_python.async_playwright import Axe

from app.web import addresses
from tests.browser.reader import Reader

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser

    from tests.browser.site import Owner, Site

pytestmark = pytest.mark.timeout(600)

LONG_ADDRESS = f"{'x' * 60}@{'y' * 60}.example.org"
LONG_NAME = 'Endline / Kenya: "phase 2" استبيان 🩺 ' + "x" * 200


async def add_exports(owner: Owner) -> None:
    """Make one export of each kind, and then more than fit a page."""
    now = datetime.now(UTC)
    await owner.add_export(status="Started")
    await owner.add_export(status="Querying", reason="The storage did not answer for 120 s.")
    await owner.add_export(
        status="Writing", rows_done=112_000, rows_estimate=250_000, bytes_done=38_400_000, source="responses"
    )
    await owner.add_export(status="Failed", reason="The storage refused the file: " + "y" * 200)
    await owner.add_export(
        status="Finished",
        finished=now,
        rows_done=9_000_000,
        bytes_done=2_700_000_000,
        options='{"wide": true, "format": "jsonl", "compression": "gzip"}',
        source="responses",
    )
    await owner.add_export(status="Finished", finished=now, removed=now, bytes_done=1)
    await owner.fetch_value(
        "INSERT INTO export_status (user_id, survey_id, status, export_link, created) "
        "SELECT $1, $2, 'Failed', 'Not Found', now() - make_interval(days => n) "
        "FROM generate_series(1, 294) AS n",
        owner.email,
        owner.survey,
    )


async def add_surveys(owner: Owner) -> None:
    """Make more surveys than fit a page."""
    await owner.fetch_value(
        "INSERT INTO surveys (userid, shortcode, survey_name, created) "
        "SELECT id, 'code-' || n, 'Kenya / \"baseline\" ' || n, now() - make_interval(hours => n) "
        "FROM users, generate_series(1, 60) AS n WHERE email = $1",
        owner.email,
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_every_page_fits_and_can_be_used_by_everyone(
    browser: Browser, site: Site, tmp_path: Path, scheme: Literal["light", "dark"], width: int
) -> None:
    owner = await site.new_owner(LONG_NAME)
    nobody = await site.new_owner("Without exports")
    busy = await site.new_owner("One of many")
    await add_surveys(busy)
    await add_exports(owner)
    for address in (nobody.email, LONG_ADDRESS):
        await owner.share_with(address)
    pages = {
        "sign-in": (None, addresses.SIGN_IN),
        "surveys": (owner, f"{addresses.SURVEYS}?counted=yes"),
        "surveys-many": (busy, addresses.surveys(page=2, counted=True)),
        "surveys-found": (busy, addresses.surveys("kenya", counted=True)),
        "surveys-none-found": (busy, addresses.surveys(LONG_NAME)),
        "tab": (owner, addresses.tab(owner.survey)),
        "tab-last": (owner, addresses.tab(owner.survey, 6)),
        "tab-empty": (nobody, addresses.tab(nobody.survey)),
        "people": (owner, addresses.people(owner.survey)),
        "people-none": (nobody, addresses.people(nobody.survey)),
        "surveys-shared": (nobody, f"{addresses.SURVEYS}?counted=yes"),
        "tab-shared": (nobody, addresses.tab(owner.survey, owner=owner.email)),
        "form-shared": (nobody, addresses.new_export(owner.survey, owner=owner.email)),
        "new-export": (owner, addresses.new_export(owner.survey)),
        "new-export-messages": (owner, addresses.new_export(what="messages", format="csv")),
        "exports": (owner, addresses.EXPORTS),
        "exports-none": (nobody, addresses.EXPORTS),
        "exports-none-found": (owner, f"{addresses.EXPORTS}?name=nothing+like+that"),
        "not-found": (owner, addresses.tab("no such survey")),
        "overview": (owner, addresses.OVERVIEW),
        "overview-empty": (nobody, addresses.OVERVIEW),
        "appearance": (owner, addresses.APPEARANCE),
    }
    found: list[str] = []
    for who in (None, owner, nobody, busy):
        async with Reader.at(
            browser, who or owner, color_scheme=scheme, viewport={"width": width, "height": 900}
        ) as reader:
            if who:
                await reader.sign_in()
            for name, (visitor, address) in pages.items():
                if visitor is who:
                    await reader.page.goto(address)
                    found += [f"{name}: {problem}" for problem in await problems_of(reader)]
                    await reader.page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
            found += reader.complaints

    assert found == []


async def test_what_is_asked_and_what_is_wrong_can_be_used_by_everyone_too(
    reader: Reader, tmp_path: Path
) -> None:
    page = reader.page
    await reader.owner.add_export(status="Finished")
    await reader.sign_in()
    await reader.open_tab()
    await page.get_by_role("button", name="Remove …").click()
    found = await problems_of(reader)
    await page.screenshot(path=tmp_path / "question.png")

    await page.goto(addresses.new_export(reader.owner.survey))
    await page.get_by_label("First day").fill("2026-10-02")
    await page.get_by_label("Last day").fill("2026-10-01")
    await page.get_by_role("button", name="Export").click()
    await page.get_by_role("alert").wait_for()
    found += await problems_of(reader)
    await page.screenshot(path=tmp_path / "mistake.png", full_page=True)

    await page.goto(addresses.people(reader.owner.survey))
    await page.get_by_label("Email address").fill("nobody")
    await page.get_by_role("button", name="Share").click()
    await page.get_by_text("That is no email address.").wait_for()
    found += await problems_of(reader)
    await page.screenshot(path=tmp_path / "mistake-people.png", full_page=True)

    assert found == []


async def test_who_wants_no_motion_gets_none(browser: Browser, owner: Owner) -> None:
    await owner.add_export(status="Querying", created=datetime.now(UTC) - timedelta(minutes=1))
    async with Reader.at(browser, owner, reduced_motion="reduce") as reader:
        await reader.sign_in()
        await reader.open_tab()
        await reader.newest.locator("progress").wait_for()

        assert await reader.page.evaluate("document.getAnimations().length") == 0


async def problems_of(reader: Reader) -> list[str]:
    """Return what is wrong with a page for anyone."""
    overflow = await reader.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    problems = [f"{overflow} px too wide"] if overflow > 0 else []
    results = await Axe().run(reader.page)
    return problems + [
        f"{violation['id']}: {violation['nodes'][0]['html'][:200]}"
        for violation in results.response["violations"]
    ]
