"""The page of figures at a browser: plots are drawn under the policy, and tables say the same."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from app.postgres.connections import create_pool
from models.access import CallerRole
from sinks.postgres.counting import count_people
from tests.browser.reader import Reader
from tests.sinks.postgres.message_records import settler_on

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.browser.site import Owner, Site

#: Three weeks of a room of which every fifth message is stored, and of an assistant that answers.
_SAID = """
    WITH hours AS (
        SELECT n, date_trunc('hour', now()) - n * interval '1 hour' AS at FROM generate_series(1, 500) AS n
    ), said AS (
        INSERT INTO messages (
            platform, id, timestamp, conversation_id, channel, role, author_id, content, weight
        )
        SELECT 'twitch', message_id_at(message_source('twitch', $1 || n), at), at,
               conversation_key('twitch', $1, $1), $1, 'user', $1 || n * n % 37, 'How do I join? ' || n % 3, 5
        FROM hours
        RETURNING platform, channel, timestamp, role, weight, response_ms
    ), answered AS (
        INSERT INTO messages (platform, id, timestamp, conversation_id, channel, role, content, response_ms)
        SELECT 'assistant', message_id_at(message_source('assistant', $1 || n), at), at,
               conversation_key('assistant', $1, $1), $1, 'assistant', 'An answer', 500 + n * 7 % 4000
        FROM hours
        WHERE n % 2 = 0
        RETURNING platform, channel, timestamp, role, weight, response_ms
    )
    INSERT INTO message_day_deltas (
        platform, channel, day, hour, role, bucket, messages, weight, squares, mirrors, response_ms, responses
    )
    SELECT platform, channel, (timestamp AT TIME ZONE 'UTC')::date,
           extract(hour FROM timestamp AT TIME ZONE 'UTC'), role, response_bucket(response_ms), 1, weight,
           weight * weight, 0, response_ms, num_nonnulls(response_ms)
    FROM (SELECT * FROM said UNION ALL SELECT * FROM answered) AS all_of_it
"""
_MONTHS = "SELECT make_message_partitions('{twitch, assistant}', 3, 1)"


async def sum_up(site: Site) -> None:
    """Do as a persist worker and `chatlog maintain` do."""
    pool = await create_pool(site.settings.database, min_size=0)
    try:
        await settler_on(pool).settle()
        async with pool.acquire() as connection:
            await count_people(connection)
    finally:
        pool.terminate()


async def shots(reader: Reader, name: str) -> None:
    """Keep pictures of the page, where somebody wants to look at them."""
    directory = os.environ.get("SCREENSHOTS")
    if directory:
        await reader.page.screenshot(path=f"{directory}/figures-{name}.png", full_page=True)


async def see_all_parts(reader: Reader) -> None:
    await expect(reader.page.get_by_text("Adding up")).to_have_count(0)
    await expect(reader.page.locator("#connection")).to_be_hidden()


#: Keeps what is written into pictures, where nobody else can read it.
_KEEP_WRITTEN = """
    window.written = [];
    const write = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
      window.written.push(text);
      return write.call(this, text, ...at);
    };
"""


async def times_at(reader: Reader, address: str) -> tuple[str, set[str]]:
    """Return which time a plot tells of where the mouse is, and the times along all plots of a page."""
    await reader.page.goto(address)
    await see_all_parts(reader)
    await reader.page.locator("#part-messages .u-over").first.hover()
    when = reader.page.locator("#part-messages .u-legend .u-series").first
    await expect(when).to_contain_text("202")
    written: list[str] = await reader.page.evaluate("window.written")
    told = {text for text in written if re.search(r"\d{4}|[:/a-z]", text)}
    return (await when.inner_text()).removeprefix("When").strip(": \n\t"), told


async def violations(reader: Reader) -> list[Any]:
    found = await Axe().run(reader.page)
    return [(each["id"], each["nodes"][0]["html"][:200]) for each in found.response["violations"]]


async def test_figures_of_everything_are_drawn_and_told(browser: Browser, site: Site) -> None:
    owner = await site.new_owner("Figures of a survey", 200)
    await owner.fetch_value(_MONTHS)
    await owner.fetch_value(_SAID, owner.email)
    await sum_up(site)
    complaints = []
    looks: list[tuple[str, dict[str, Any]]] = [
        ("1280-light", {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"}),
        ("390-dark", {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}),
    ]
    for name, options in looks:
        async with Reader.at(browser, owner, **options) as reader:
            await reader.sign_in_as(CallerRole.OPERATOR)
            await reader.page.goto("/figures?by=platform")
            await see_all_parts(reader)
            page = reader.page
            for part in ("messages", "responses", "retention"):
                await expect(page.locator(f"#part-{part} canvas").first).to_be_visible()
            await expect(page.locator("#part-messages")).to_contain_text("±")
            await expect(page.locator("#part-messages .u-legend").first).to_contain_text("twitch")
            await expect(page.locator("#part-texts")).to_contain_text("How do I join?")
            await expect(page.locator("#part-sessions tbody")).to_contain_text("Messenger")
            await shots(reader, name)
            # Behind each plot is its table, and nothing is wider than the window.
            for summary in await page.locator(".figures-part summary").all():
                await summary.click()
            await expect(page.locator("#part-messages details tbody tr").first).to_contain_text("≈")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert await violations(reader) == []
            complaints += reader.complaints
    assert complaints == []


async def test_plots_have_days_and_times_as_the_tables_do(browser: Browser, site: Site) -> None:
    owner = await site.new_owner()
    await owner.fetch_value(_MONTHS)
    await owner.fetch_value(_SAID, owner.email)
    await sum_up(site)
    # Where the 11th month and the 30th day are written otherwise, and it is still the day before.
    async with Reader.at(browser, owner, locale="en-US", timezone_id="America/New_York") as reader:
        await reader.page.add_init_script(_KEEP_WRITTEN)
        await reader.sign_in_as(CallerRole.OPERATOR)
        day, days = await times_at(reader, "/figures?days=7")
        hour, hours = await times_at(reader, "/figures?days=1")
        _, months = await times_at(reader, "/figures?days=365&every=month")

    assert re.fullmatch(r"\d{4}-\d\d-\d\d", day)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:00 UTC", hour)
    assert {text for text in days if not re.fullmatch(r"\d{4}-\d\d-\d\d", text)} == set()
    # Response times are of days there, too.
    of_hours = r"\d\d:00|\d{4}-\d\d-\d\d"
    assert {text for text in hours if not re.fullmatch(of_hours, text)} == set()
    assert any(":" in text for text in hours)
    assert {text for text in months if not re.fullmatch(r"\d{4}(-\d\d){0,2}", text)} == set()
    assert day in days


async def test_an_owner_sees_figures_of_their_survey_and_chooses_a_time(
    browser: Browser, owner: Owner
) -> None:
    await sum_up(owner.site)
    async with Reader.at(browser, owner) as reader:
        await reader.sign_in()
        await reader.page.goto(f"/surveys/figures?survey_name={owner.survey}")
        await see_all_parts(reader)
        await reader.page.get_by_role("link", name="All figures of this survey").click()
        await reader.page.get_by_label("Time").get_by_role("link", name="All").click()
        await see_all_parts(reader)
        page = reader.page
        await expect(page.locator("#part-messages .total")).to_have_text("40")
        await expect(page.locator("#part-questions")).to_contain_text("q1")
        await expect(page.locator("#part-activity tbody tr")).to_have_count(5)
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name="CSV of Messages and people").click()
        assert (await downloading.value).suggested_filename == "messages.csv"
        await shots(reader, "survey")
        # In a time in which nothing was said, that is said.
        await page.get_by_label("From").fill("2020-01-01")
        await page.get_by_label("Until before").fill("2020-02-01")
        await page.get_by_role("button", name="Show").click()
        await see_all_parts(reader)
        await expect(page.locator("#part-messages")).to_contain_text("Nothing was said in this time.")
        await shots(reader, "empty")
        assert await violations(reader) == []
        assert reader.complaints == []
