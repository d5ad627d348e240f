"""What people answered, by page and by REST: for its owner and whom it is shared with, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.access import Caller
from tests.site.owners import ANA, BEN, OF_ANA, bearer, execute, fetch_value, share
from tests.site.visitor import text_of

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings
    from tests.site.visitor import Visitor

_ANSWERS = """
    INSERT INTO responses (surveyid, shortcode, userid, question_ref, question_text, response, timestamp)
    SELECT id, shortcode, 'p' || n % 2, 'q' || n, 'Question ' || n, 'secret ' || n,
           '2026-11-24Z'::timestamptz + n / 2 * interval '1 hour'
    FROM surveys, generate_series(1, 5) AS n
    WHERE survey_name = $1
"""
_ASKED_TWICE = """
    INSERT INTO chat_log (userid, pageid, timestamp, direction, content, question_ref, shortcode, surveyid)
    SELECT 'p1', 'page', '2026-11-24Z'::timestamptz + n * interval '1 minute',
           CASE n WHEN 3 THEN 'user' ELSE 'bot' END, 'said', 'q1', shortcode, id
    FROM surveys, generate_series(1, 3) AS n
    WHERE survey_name = $1
"""


@pytest.fixture
async def answered(system: Settings) -> Settings:
    """A system where people answered Ana's only survey; two of them at a time."""
    await execute(system, _ANSWERS, OF_ANA)
    await execute(system, _ASKED_TWICE, OF_ANA)
    return system


async def test_answers_come_in_parts_the_newest_first_each_once(
    client: httpx.AsyncClient, answered: Settings
) -> None:
    seen: list[str] = []
    address: str | None = f"/v1/responses?survey={OF_ANA}&limit=2"
    while address:
        answer = await client.get(address, headers=bearer(answered))
        seen += [item["response"] for item in answer.json()["items"]]
        address = answer.links.get("next", {}).get("url")
    of_one = await client.get(
        "/v1/responses",
        params={"survey": OF_ANA, "person": "p1", "since": "2026-11-24T01:00Z", "until": "2026-11-25"},
        headers=bearer(answered),
    )
    unnamed = await client.get("/v1/responses", headers=bearer(answered))
    broken = await client.get(f"/v1/responses?survey={OF_ANA}&cursor=e30", headers=bearer(answered))
    # A list in a list, and so on.
    nested = await client.get(
        f"/v1/responses?survey={OF_ANA}&cursor={'W1tb' * 900}", headers=bearer(answered)
    )

    assert seen == ["secret 5", "secret 4", "secret 3", "secret 2", "secret 1"]
    assert [item["response"] for item in of_one.json()["items"]] == ["secret 5", "secret 3"]
    assert [answer.status_code for answer in (unnamed, broken, nested)] == [422] * 3


async def test_who_it_is_shared_with_reads_them_is_noted_and_others_read_nothing(
    client: httpx.AsyncClient, answered: Settings
) -> None:
    asked = {"survey": OF_ANA, "survey_owner": ANA}

    before = await client.get("/v1/responses", params=asked, headers=bearer(answered, BEN))
    await share(answered, ANA, OF_ANA, BEN)
    shared = await client.get("/v1/responses", params=asked, headers=bearer(answered, BEN))
    narrowed = Caller(BEN, scope=frozenset({"survey:Other"}))
    elsewhere = await client.get("/v1/responses", params=asked, headers=bearer(answered, narrowed))

    assert [answer.status_code for answer in (before, shared, elsewhere)] == [404, 200, 404]
    assert "secret" not in before.text + elsewhere.text
    assert await fetch_value(answered, "SELECT count(*) FROM access_log WHERE who = $1", BEN) == 3


async def test_the_tabs_of_a_survey_are_of_that_survey(ana: Visitor, answered: Settings) -> None:
    named = {"survey_name": OF_ANA}
    summary = text_of(await ana.client.get("/surveys/summary", params=named))
    responses = text_of(await ana.client.get("/surveys/responses", params=named))
    figures = text_of(await ana.client.get("/surveys/figures", params={**named, "days": 0}))
    led = await ana.client.get("/surveys/conversations", params=named)

    assert "Messages 3 People 1 First 24 Nov 2026 Last 24 Nov 2026" in summary
    assert "Responses 5" in responses
    assert responses.index("secret 5") < responses.index("secret 1")
    assert "Question 1 q1 1 1 2 1 0" in figures
    assert led.headers["location"] == "/conversations?survey=Ana%27s+only&survey_owner=ana%40example.org"


async def test_how_the_list_was_looked_at_is_remembered(ana: Visitor) -> None:
    await ana.get("/surveys/list?search=ana&sort=-name")

    remembered = await ana.get("/surveys/list")
    forgotten = await ana.get("/surveys/list?search=&sort=newest")

    assert 'aria-sort="descending"' in remembered.text
    assert "1 found" in text_of(remembered)
    assert "Surveys 2 Find" in text_of(forgotten)
