"""From a click to a file, in a real browser, on the whole system."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from openpyxl import load_workbook
from playwright.async_api import expect

from app.web import addresses
from tests.browser.reader import WITHIN_MS, Reader
from tests.browser.site import read_csv
from tests.services import eventually

if TYPE_CHECKING:
    from playwright.async_api import Browser, Request, Route

    from tests.browser.site import Owner

pytestmark = pytest.mark.timeout(600)

WRITING = {"status": "Writing", "rows_done": 10, "rows_estimate": 100, "bytes_done": 1000}


async def test_a_chat_log_is_asked_for_watched_and_downloaded(reader: Reader) -> None:
    page = reader.page
    await reader.sign_in()
    await page.get_by_role("link", name=reader.owner.survey).click()
    await page.get_by_role("link", name="New export").click()
    await expect(page).to_have_url(f"{reader.owner.site.address}{addresses.new_export(reader.owner.survey)}")
    await page.get_by_role("radio", name="Chat log").check()
    await page.get_by_role("radio", name="R, pandas, Stata").check()
    await expect(page.locator("#estimate")).to_contain_text("40 rows")
    await page.get_by_role("button", name="Export").click()

    await reader.see_finished()

    await expect(reader.newest.get_by_role("cell").nth(2)).to_have_text("40")
    assert read_csv(await reader.download()) == await reader.owner.messages()
    name = await reader.download_name()
    assert name.startswith("Baseline 2026_chat_log_until_20")
    assert name.endswith(".csv")


async def test_what_is_switched_on_is_in_the_file(reader: Reader) -> None:
    await reader.owner.fetch_value(
        'UPDATE chat_log SET metadata = \'{"seed": 7}\', raw_payload = \'{"mid": "m"}\' WHERE shortcode IN '
        "(SELECT shortcode FROM surveys JOIN users ON users.id = surveys.userid WHERE email = $1)",
        reader.owner.email,
    )
    await reader.sign_in()
    await reader.page.goto(_form(reader.owner))
    await reader.page.get_by_role("radio", name="R, pandas, Stata").check()
    await reader.page.get_by_text("More", exact=True).click()
    await reader.page.get_by_label("Metadata", exact=True).select_option("Yes")
    await reader.page.get_by_label("Raw events", exact=True).select_option("Yes")
    await reader.page.get_by_role("button", name="Export").click()

    await reader.see_finished()

    rows = read_csv(await reader.download())
    assert {(row["metadata"], row["raw_payload"]) for row in rows} == {('{"seed": 7}', '{"mid": "m"}')}


async def test_responses_for_excel_are_a_workbook_whose_text_stays_text(reader: Reader) -> None:
    await reader.owner.fetch_value(
        "INSERT INTO responses (surveyid, shortcode, userid, question_ref, response, timestamp) "
        "SELECT surveys.id, shortcode, 'someone', 'q1', '=1+1', now() FROM surveys "
        "JOIN users ON users.id = surveys.userid WHERE email = $1",
        reader.owner.email,
    )
    await reader.sign_in()
    await reader.open_tab()
    await reader.page.get_by_role("link", name="New export").click()
    await expect(reader.page.locator("#estimate")).to_contain_text("1 row,")
    await reader.page.get_by_role("button", name="Export").dblclick()

    await reader.see_finished()

    await expect(reader.page.locator("#exports tbody tr")).to_have_count(1)
    # Browsers download to a name without an ending, by which openpyxl would go.
    workbook = load_workbook(BytesIO((await reader.download()).read_bytes()))
    header, row = workbook.worksheets[0].iter_rows(values_only=True)
    found = dict(zip(header, row, strict=True))
    assert (found["userid"], found["response"]) == ("someone", "=1+1")


async def test_a_failed_export_says_why_and_is_tried_again(reader: Reader) -> None:
    await reader.owner.add_export(status="Failed", reason="The storage was away.")
    await reader.sign_in()
    await reader.open_tab()
    await expect(reader.newest).to_contain_text("The storage was away.")

    await reader.newest.get_by_role("button", name="Retry").click()

    await reader.see_finished()
    await expect(reader.newest).not_to_contain_text("The storage was away.")
    assert len(read_csv(await reader.download())) == 40


async def test_progress_is_shown_without_touching_focus_scrolling_or_an_open_question(reader: Reader) -> None:
    for days in range(1, 20):
        await reader.owner.add_export(status="Finished", created=datetime.now(UTC) - timedelta(days=days))
    export = await reader.owner.add_export(**WRITING)
    page = reader.page
    await reader.sign_in()
    await reader.open_tab()
    opener = page.get_by_role("button", name="Remove …").last
    await opener.scroll_into_view_if_needed()
    await opener.click()
    scrolled = await page.evaluate("scrollY")
    assert scrolled > 0

    await reader.owner.update_export(export, rows_done=60)

    await expect(reader.newest).to_contain_text("60 of about 100 rows")
    assert await reader.newest.locator("progress").get_attribute("value") == "60"
    await expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    assert await page.evaluate("scrollY") == scrolled


async def test_nothing_is_asked_once_all_is_done(reader: Reader) -> None:
    export = await reader.owner.add_export(**WRITING)
    asked: list[str] = []
    reader.page.on("request", lambda request: asked.append(request.url) if _is_poll(request) else None)
    await reader.sign_in()
    await reader.open_tab()
    await eventually(lambda: len(asked) >= 2)

    await reader.owner.update_export(export, status="Finished", rows_done=100)
    await expect(reader.newest).to_contain_text("Finished")

    await expect(reader.page.locator("[hx-trigger^=every]")).to_have_count(0)
    seen = len(asked)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2.5):
            await reader.page.wait_for_event("request", timeout=0)
    assert len(asked) == seen


async def test_an_export_is_cancelled_by_keyboard_and_the_next_key_goes_on_from_there(reader: Reader) -> None:
    await reader.owner.add_export(**WRITING)
    await reader.sign_in()
    await reader.open_tab()

    await reader.newest.get_by_role("button", name="Cancel").press("Enter")

    await expect(reader.newest).to_contain_text("Cancelled")
    await expect(reader.newest).to_be_focused()
    await reader.page.keyboard.press("Tab")
    await expect(reader.newest.get_by_role("button", name="Retry")).to_be_focused()


async def test_an_answer_from_before_a_click_does_not_undo_what_the_click_did(reader: Reader) -> None:
    page, asked, may_answer = reader.page, asyncio.Event(), asyncio.Event()

    async def answer_late(route: Route) -> None:
        answer = await route.fetch()
        asked.set()
        async with asyncio.timeout(WITHIN_MS / 1000):
            await may_answer.wait()
        await route.fulfill(response=answer)

    await reader.owner.add_export(**WRITING)
    await reader.sign_in()
    await reader.open_tab()
    await page.route("**/surveys/export?**", answer_late)
    await eventually(asked.is_set)
    await reader.newest.get_by_role("button", name="Cancel").click()
    await expect(reader.newest).to_contain_text("Cancelled")

    async with page.expect_event("requestfinished"):
        may_answer.set()

    # What it said would be asked for again, a second later.
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2.5):
            await page.wait_for_event("request", timeout=0)
    await expect(reader.newest).to_contain_text("Cancelled")


async def test_a_file_is_removed_after_a_question_that_can_be_declined(reader: Reader) -> None:
    await reader.sign_in()
    await reader.open_tab()
    await reader.page.get_by_role("link", name="New export").click()
    await reader.page.get_by_role("radio", name="Chat log").check()
    await reader.page.get_by_role("button", name="Export").click()
    await reader.see_finished()
    link = await reader.newest.get_by_role("link", name="Download").get_attribute("href")

    await reader.newest.get_by_role("button", name="Remove …").click()
    await reader.page.keyboard.press("Escape")
    await expect(reader.page.get_by_role("dialog")).to_have_count(0)
    await reader.newest.get_by_role("button", name="Remove …").click()
    await reader.page.get_by_role("dialog").get_by_role("button", name="Remove file").click()

    await expect(reader.newest).to_contain_text("Removed just now")
    assert link
    assert (await reader.page.request.get(link)).status == 410


async def test_without_scripts_it_works_by_loading_again(browser: Browser, owner: Owner) -> None:
    async with Reader.at(browser, owner, java_script_enabled=False) as reader:
        page = reader.page
        await page.goto(_form(owner))
        await page.get_by_label("Token").fill(owner.sign_in_link().split("=")[-1])
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("radio", name="R, pandas, Stata").check()
        await page.get_by_role("button", name="Export").click()
        # To load another page before would take the click back.
        await expect(reader.newest).to_be_visible()

        async def is_finished() -> bool:
            await page.reload()
            return "Finished" in await reader.newest.inner_text()

        await eventually(is_finished)
        assert read_csv(await reader.download()) == await owner.messages()
        await reader.newest.get_by_role("button", name="Remove …").click()
        await page.get_by_role("dialog").get_by_role("button", name="Remove file").click()
        await expect(reader.newest).to_contain_text("Removed")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_a_mistake_in_the_form_is_read_first_and_leads_to_its_field(reader: Reader) -> None:
    page = reader.page
    await reader.sign_in()
    await page.goto(_form(reader.owner))
    await page.get_by_label("First day").fill("2026-10-02")
    await page.get_by_label("Last day").fill("2026-10-01")
    await page.get_by_role("button", name="Export").click()

    await expect(page.get_by_role("alert")).to_be_focused()
    await page.get_by_role("link", name="The last day is before the first day.").click()

    await expect(page.get_by_label("Last day")).to_be_focused()
    await expect(page.get_by_label("First day")).to_have_value("2026-10-02")


async def test_what_means_nothing_for_what_is_asked_for_is_out_of_sight(reader: Reader) -> None:
    page = reader.page
    await reader.sign_in()
    await page.goto(_form(reader.owner))
    await expect(page.get_by_label("Platform", exact=True)).to_be_hidden()

    await page.get_by_role("radio", name="Messages").check()
    await expect(page.get_by_label("Platform", exact=True)).to_be_visible()
    await page.get_by_role("radio", name="Codebook").check()
    await expect(page.get_by_label("First day")).to_be_hidden()


async def test_an_export_of_which_nothing_comes_says_so_before_it_is_asked_for(reader: Reader) -> None:
    page = reader.page
    await reader.sign_in()
    await page.goto(_form(reader.owner))

    await page.get_by_label("Last day").fill("1999-12-31")

    await expect(page.locator("#estimate")).to_contain_text("Nothing matches.")


async def test_several_exports_are_chosen_filtered_sorted_and_ended_at_once(reader: Reader) -> None:
    page = reader.page
    for days in (1, 2):
        await reader.owner.add_export(**WRITING, created=datetime.now(UTC) - timedelta(days=days))
    await reader.owner.add_export(status="Failed", reason="The disk is full.")
    await reader.sign_in()
    await page.goto(addresses.EXPORTS)
    await expect(page.locator("#exports tbody tr")).to_have_count(3)

    await page.get_by_role("checkbox", name="All on this page").check()
    await expect(page.locator("#how-many")).to_have_text("2 chosen")
    # What is chosen stays chosen while the list is fetched again.
    await page.evaluate(
        "new Promise((done) => document.addEventListener('htmx:afterSettle', () => done(), {once: true}))"
    )
    await expect(page.locator("#how-many")).to_have_text("2 chosen")
    await page.get_by_role("button", name="Cancel the chosen").click()

    await expect(page.locator("#exports tbody tr", has_text="Cancelled")).to_have_count(2)
    await page.get_by_label("State").select_option("Failed")
    await page.get_by_role("button", name="Find").click()
    await expect(page.locator("#exports tbody tr")).to_have_count(1)
    await expect(reader.newest).to_contain_text("The disk is full.")
    await page.get_by_role("link", name="Show all").first.click()
    await page.get_by_role("link", name="Asked").click()
    await expect(reader.newest).to_contain_text("Cancelled")


async def test_a_server_that_does_not_answer_is_told_and_forgotten_when_it_does(reader: Reader) -> None:
    export = await reader.owner.add_export(**WRITING)
    await reader.sign_in()
    await reader.open_tab()
    notice = reader.page.locator("#connection")

    await reader.page.route("**/surveys/export?**", lambda route: route.abort())
    await expect(notice).to_contain_text("the server does not answer")
    await reader.page.unroute("**/surveys/export?**")
    await reader.owner.update_export(export, status="Finished")

    await expect(reader.newest).to_contain_text("Finished")
    await expect(notice).to_be_hidden()
    # htmx tells the console, too.
    reader.complaints.clear()


async def test_what_takes_longer_than_a_moment_says_so(reader: Reader) -> None:
    page, said = reader.page, asyncio.Event()

    async def hold(route: Route) -> None:
        async with asyncio.timeout(WITHIN_MS / 1000):
            await said.wait()
        await route.continue_()

    await reader.sign_in()
    await page.expose_function("noteLoading", said.set)
    await page.evaluate(
        "new MutationObserver(() => noteLoading())"
        ".observe(document.getElementById('loading'), {attributes: true})"
    )
    await page.route("**/surveys/export?**", hold)

    await page.get_by_role("link", name=reader.owner.survey).click()

    await expect(page.get_by_role("heading", name=reader.owner.survey)).to_be_visible()
    assert said.is_set()
    await expect(page.get_by_text("Loading …")).to_be_hidden()


def _form(owner: Owner) -> str:
    return addresses.new_export(owner.survey, what="chat_log")


def _is_poll(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"
