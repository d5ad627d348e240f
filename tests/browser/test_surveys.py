"""Surveys at a browser: found, sorted, remembered, summed up, and what people answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import expect

from app.web import addresses
from tests.browser.test_appearance import problems_of

if TYPE_CHECKING:
    from tests.browser.reader import Reader

_ANSWERS = """
    INSERT INTO responses (surveyid, shortcode, userid, question_ref, question_idx, question_text, response,
                           translated_response, timestamp)
    SELECT surveys.id, shortcode, 'person-' || n % 30, 'q' || n % 2, n % 2,
           CASE n % 2 WHEN 0 THEN 'How many children?' ELSE 'كيف حالك؟' END, 'answer ' || n,
           CASE n % 2 WHEN 1 THEN 'fine' END, '2026-11-20Z'::timestamptz + n * interval '1 minute'
    FROM surveys JOIN users ON users.id = surveys.userid, generate_series(1, 120) AS n
    WHERE email = $1 AND survey_name = $2
"""
_ANOTHER = """
    INSERT INTO surveys (userid, shortcode, survey_name)
    SELECT id, 'a', 'Aardvark' FROM users WHERE email = $1
"""


async def test_an_owner_finds_a_survey_and_reads_what_was_answered(reader: Reader) -> None:
    page, owner = reader.page, reader.owner
    await owner.fetch_value(_ANSWERS, owner.email, owner.survey)
    await owner.fetch_value(_ANOTHER, owner.email)
    await reader.sign_in()
    rows = page.get_by_role("row")
    await expect(rows.nth(1)).to_contain_text("Aardvark")

    await page.get_by_role("link", name="Responses").click()
    await expect(rows.nth(1)).to_contain_text(owner.survey)
    await expect(rows.nth(1)).to_contain_text("120")
    await page.goto(addresses.SURVEYS)
    await expect(page.get_by_role("columnheader", name="Responses")).to_have_attribute(
        "aria-sort", "descending"
    )
    await page.get_by_label("Find a survey").fill(owner.survey)
    await page.get_by_role("button", name="Find").click()
    await expect(rows).to_have_count(2)
    found = await problems_of(reader)

    await page.get_by_role("link", name=owner.survey).click()
    await expect(page.locator("#summary")).to_contain_text("Messages 40 ")
    await page.get_by_role("link", name="Responses", exact=True).click()
    await expect(rows.nth(1)).to_contain_text("answer 120")
    found += await problems_of(reader)
    await page.get_by_role("link", name="Next page").click()
    await expect(rows.nth(1)).to_contain_text("answer 70")
    await page.get_by_label("Question").select_option(label="كيف حالك؟")
    await page.get_by_label("Person").fill("person-29")
    await page.get_by_role("button", name="Find").click()
    await expect(rows).to_have_count(5)
    await expect(page.get_by_role("link", name="person-29", exact=True).first).to_have_attribute(
        "href", "/conversations?platform=messenger&person=person-29"
    )
    await page.get_by_label("This survey").get_by_role("link", name="Figures").click()
    await page.get_by_role("link", name="All", exact=True).click()
    await expect(rows.nth(1)).to_contain_text("q1")
    found += await problems_of(reader)

    assert found == []
