"""Thousands of exports, and of surveys: no answer and no page is longer than its reader can use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import pytest

from app.web import addresses
from tests.site.owners import (
    ANA,
    BEN,
    OF_ANA,
    OF_BEN,
    SHARED_NAME,
    add_export,
    bearer,
    execute,
    fetch_value,
    update_export,
)
from tests.site.visitor import Visitor, text_of

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

MANY = 5000
ALL, OF_SURVEY = "/exports/status", f"/exports/status/survey?survey={SHARED_NAME}"
#: Some have the same time of their last change, some none at all.
_ADD_MANY = """
INSERT INTO export_status (user_id, survey_id, status, export_link, created, updated)
SELECT $1, $2, 'Failed', 'Not Found', now() - make_interval(hours => n),
       nullif(now() - make_interval(hours => n / 3), now() - make_interval(hours => 7))
FROM generate_series(1, $3::integer) AS n
"""


#: Many were made in one moment, as by an import; each has two versions, a message with each, and an export.
_ADD_MANY_SURVEYS = """
WITH made AS (
    INSERT INTO surveys (userid, shortcode, title, survey_name, created)
    SELECT users.id, 'code-' || n || suffix, 'Title', name_of_survey(n),
           now() - make_interval(hours => n / 100)
    FROM users, generate_series(1, $2::integer) AS n, unnest(ARRAY ['', '-es']) AS suffix
    WHERE email = $1
    RETURNING id, survey_name, shortcode
), said AS (
    INSERT INTO chat_log (userid, timestamp, direction, content, shortcode, surveyid)
    SELECT 'u', now() - random() * interval '1 day', 'user', 'x', shortcode, id FROM made
)
INSERT INTO export_status (user_id, survey_id, status, export_link)
SELECT DISTINCT $1, survey_name, 'Failed', 'Not Found' FROM made
"""
_NAMES = """
CREATE FUNCTION name_of_survey(n integer) RETURNS varchar LANGUAGE sql AS
$$ SELECT CASE n % 4 WHEN 0 THEN 'Wave ~' || n || E'\\n/ "é" 🩺 & 100 %' ELSE 'Kenya ' || n END $$
"""


@pytest.fixture
async def many_surveys(system: Settings) -> Settings:
    """A system where Ana has very many surveys."""
    await execute(system, _NAMES)
    await execute(system, _ADD_MANY_SURVEYS, ANA, MANY)
    return system


@pytest.fixture
async def many(system: Settings) -> Settings:
    """A system where Ana has very many exports of one survey, and Ben one."""
    await execute(system, _ADD_MANY, ANA, SHARED_NAME, MANY)
    await add_export(system, BEN)
    return system


def next_of(answer: httpx.Response) -> str | None:
    return answer.links.get("next", {}).get("url")


@pytest.mark.parametrize("address", [ALL, OF_SURVEY])
async def test_a_client_that_knows_of_no_parts_gets_a_list_that_ends(
    client: httpx.AsyncClient, many: Settings, address: str
) -> None:
    answer = await client.get(address, headers=bearer(many))

    assert [len(answer.json()), {row["user_id"] for row in answer.json()}] == [1000, {ANA}]


@pytest.mark.parametrize("address", [ALL, f"{OF_SURVEY}&limit=900"])
async def test_the_links_lead_through_all_of_them_once_the_latest_change_first(
    client: httpx.AsyncClient, many: Settings, address: str
) -> None:
    seen, following = [], address
    while following:
        answer = await client.get(following, headers=bearer(many))
        assert answer.status_code == 200
        seen += [(row["updated"], row["id"]) for row in answer.json()]
        following = next_of(answer) or ""
        assert not following or urlsplit(following).path == urlsplit(address).path

    assert len({export for _, export in seen}) == len(seen) == MANY
    assert [updated for updated, _ in seen] == sorted((updated for updated, _ in seen), reverse=True)


async def test_what_is_added_meanwhile_moves_nothing(client: httpx.AsyncClient, many: Settings) -> None:
    first = await client.get(f"{OF_SURVEY}&limit=2", headers=bearer(many))
    second = await client.get(next_of(first) or "", headers=bearer(many))

    await add_export(many, ANA)
    await update_export(many, first.json()[1]["id"], rows_done=1)

    assert (await client.get(next_of(first) or "", headers=bearer(many))).json() == second.json()


async def test_a_short_list_is_whole_and_says_so(client: httpx.AsyncClient, system: Settings) -> None:
    export = await add_export(system, ANA)

    answer = await client.get(f"{OF_SURVEY}&limit=1", headers=bearer(system))

    assert [row["id"] for row in answer.json()] == [str(export)]
    assert next_of(answer) is None


async def test_after_the_last_one_there_is_nothing_and_that_is_no_mistake(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await add_export(system, ANA, survey_id="Gone since")
    after = "after=0~00000000-0000-0000-0000-000000000000"

    answer = await client.get(f"/exports/status/survey?survey=Gone since&{after}", headers=bearer(system))

    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(
    "wrong", ["limit=0", "limit=1001", "limit=x", "after=x", "after=1~2", "after=", "after=1' OR 1=1~"]
)
async def test_a_part_that_cannot_be_is_refused(
    client: httpx.AsyncClient, system: Settings, wrong: str
) -> None:
    answer = await client.get(f"{OF_SURVEY}&{wrong}", headers=bearer(system))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"query.{wrong.partition('=')[0]}"


async def test_a_page_shows_one_part_and_how_many_there_are(
    client: httpx.AsyncClient, many: Settings
) -> None:
    visitor = Visitor(client, many)
    await visitor.sign_in()

    first, last = await visitor.see_tab(), await visitor.see_tab(page=10**30)

    assert "Exports 5,000" in text_of(await visitor.get(addresses.EXPORTS))
    assert "Page 1 of 100 Next page" in first
    assert "Previous page Page 100 of 100" in last
    assert [page.count("It failed for an unknown reason.") for page in (first, last)] == [50, 50]
    assert "Failed 1 hour ago" in text_of(await visitor.get(f"{addresses.SURVEYS}?counted=yes"))


# Surveys


async def test_the_links_lead_through_all_surveys_once_the_newest_first(
    client: httpx.AsyncClient, many_surveys: Settings
) -> None:
    names = await fetch_value(
        many_surveys,
        "SELECT array_agg(survey_name ORDER BY made DESC, survey_name) "
        "FROM (SELECT survey_name, min(created) AS made FROM surveys JOIN users ON users.id = userid "
        "WHERE email = $1 GROUP BY survey_name) AS mine",
        ANA,
    )
    seen, following = [], "/surveys?limit=750"
    while following:
        answer = await client.get(following, headers=bearer(many_surveys))
        assert answer.status_code == 200
        seen += [survey["survey_name"] for survey in answer.json()]
        following = next_of(answer) or ""
    whole = await client.get("/surveys", headers=bearer(many_surveys))

    assert len(names) == MANY + 2
    assert seen == names
    assert [survey["survey_name"] for survey in whole.json()] == names[:1000]


@pytest.mark.usefixtures("_counts_take_their_time")
async def test_a_part_of_the_surveys_is_counted_rightly(
    client: httpx.AsyncClient, many_surveys: Settings
) -> None:
    first = await client.get("/surveys?limit=50", headers=bearer(many_surveys))
    second = await client.get(next_of(first) or "", headers=bearer(many_surveys))

    counts = {row["survey_name"]: row["counts"]["chat_log"] for row in first.json() + second.json()}
    assert len(counts) == 100
    assert {count for name, count in counts.items() if name not in {SHARED_NAME, OF_ANA}} == {2}


@pytest.mark.parametrize("wrong", ["limit=0", "limit=1001", "after=x", "after=~x", "after=1~", "after=1~%00"])
async def test_a_part_of_the_surveys_that_cannot_be_is_refused(
    client: httpx.AsyncClient, system: Settings, wrong: str
) -> None:
    answer = await client.get(f"/surveys?{wrong}", headers=bearer(system))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"query.{wrong.partition('=')[0]}"


async def test_a_few_surveys_are_one_part_without_a_search_and_those_of_another_are_in_none(
    client: httpx.AsyncClient, system: Settings
) -> None:
    visitor = Visitor(client, system)
    await visitor.sign_in()
    place_of_another = urlencode({"after": f"9999999999999999~{OF_BEN}\n{BEN}"})

    answers = [
        await client.get(address, headers=bearer(system))
        for address in ("/surveys", f"/surveys?{place_of_another}")
    ]

    assert [next_of(answer) for answer in answers] == [None, None]
    assert [{survey["survey_name"] for survey in answer.json()} for answer in answers] == [
        {SHARED_NAME, OF_ANA}
    ] * 2
    assert "Find a survey" in text_of(await visitor.get(addresses.SURVEYS))


@pytest.mark.usefixtures("_counts_take_their_time")
async def test_the_page_of_surveys_shows_one_part_with_its_counts(
    client: httpx.AsyncClient, many_surveys: Settings
) -> None:
    visitor = Visitor(client, many_surveys)
    await visitor.sign_in()

    page = await visitor.get(f"{addresses.SURVEYS}?counted=yes")
    first, last = text_of(page), text_of(await visitor.get(f"{addresses.SURVEYS}?counted=yes&page={10**30}"))

    assert "Surveys 5,002 Find a survey" in first
    assert "Page 1 of 201 Next page" in first
    assert "Previous page Page 201 of 201" in last
    assert [len(re.findall("UTC 2 0 Failed", said)) for said in (first, last)] == [25, 2]
    assert len(page.content) < 50_000


async def test_a_survey_is_found_by_its_name_or_a_shortcode(
    client: httpx.AsyncClient, many_surveys: Settings
) -> None:
    visitor = Visitor(client, many_surveys)
    await visitor.sign_in()
    cases = {
        "KENYA 4999": "Surveys 1 found",
        "code-4998-es": "Surveys 1 found",
        "  🩺 & 100 % ": "Surveys 1,250 found",
        "%": "Surveys 1,250 found",
        "": "Surveys 5,002 Find",
        "Ben's": "No survey found None of yours has Ben's in its name or shortcodes.",
        "a\0b": "No survey found",
        # What is not shown would be a riddle.
        "Title": "No survey found",
    }

    said = {
        search: text_of(await visitor.get(f"{addresses.SURVEYS}?{urlencode({'search': search})}"))
        for search in cases
    }

    assert [search for search, found in cases.items() if found not in said[search]] == []


async def test_the_pages_of_a_search_stay_with_it(client: httpx.AsyncClient, many_surveys: Settings) -> None:
    visitor = Visitor(client, many_surveys)
    await visitor.sign_in()

    page = await visitor.get(f"{addresses.SURVEYS}?search=%22%C3%A9%22&page=2")

    assert "Previous page Page 2 of 50 Next page" in text_of(page)
    assert 'rel="next" href="/surveys/list?search=%22%C3%A9%22&amp;sort=newest&amp;page=3">' in page.text
    assert 'value="&#34;é&#34;"' in page.text
    assert "Kenya" not in text_of(page)
