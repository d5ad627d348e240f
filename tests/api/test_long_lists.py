"""Thousands of exports: no answer and no page is longer than its reader can use."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.api.owners import ANA, BEN, SHARED_NAME, add_export, bearer, execute, update_export
from tests.ui.visitor import Visitor, text_of

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

    assert "Exports 5,000" in first
    assert "Page 1 of 200 Older" in first
    assert "Newer Page 200 of 200" in last
    assert [page.count("It failed for an unknown reason.") for page in (first, last)] == [25, 25]
    assert "Failed 1 hour ago" in text_of(await visitor.get("/?counted=yes"))
