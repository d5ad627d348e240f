"""Files that the storage's rule removed: the page and the download say so, and a click makes them again.

And files that are not gone, but in a storage that nobody lets us into: then that is told instead.
"""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from app.exports import files as export_files
from app.web import addresses
from sinks.storage.calls import CALL_S
from tests.services import changed, s3_client
from tests.site.fixtures import serve
from tests.site.owners import ANA, BEN, SHARED_NAME, add_export, bearer, fetch_value, row_of
from tests.site.visitor import Visitor, text_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    import httpx

    from app.settings import Settings
    from sinks.storage.bucket import BucketSettings

KEPT, GONE, YOUNG = "exports/a/kept.csv", "exports/a/gone.csv", "exports/a/young.csv"
SAID = "The file is gone: it was kept for as long as files are kept here."
OPTIONS = '{"format": "jsonl", "include_metadata": true}'


def finished(key: str | None, days: float, **columns: object) -> dict[str, object]:
    then = datetime.now(UTC) - timedelta(days=days)
    return {
        "status": "Finished",
        "source": "chat_log",
        "object_key": key,
        "created": then,
        "finished": then,
    } | columns


@pytest.fixture
async def ana(
    storing_system: Settings, storage: BucketSettings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Visitor]:
    """Ana, signed in, where the storage has one file, and may take its time to say so on a slow machine."""
    monkeypatch.setattr(export_files, "LOOK_WITHIN_S", 60.0)
    async with s3_client(storage) as s3:
        await s3.put_object(Bucket=storage.bucket, Key=KEPT, Body=b"userid")
    async with serve(storing_system) as client:
        visitor = Visitor(client, storing_system)
        await visitor.sign_in()
        yield visitor


async def add_gone(visitor: Visitor, owner: str = ANA) -> UUID:
    return await add_export(visitor.settings, owner, **finished(GONE, 4, options=OPTIONS))


async def test_the_page_says_of_an_old_file_whether_it_is_still_there(ana: Visitor) -> None:
    await add_export(ana.settings, ANA, **finished(KEPT, 4))
    assert SAID not in await ana.see_tab()

    await add_gone(ana)

    page = await ana.see_tab()
    assert (page.count(SAID), page.count("Download the")) == (1, 1)


async def test_of_a_young_file_the_storage_is_not_asked(ana: Visitor) -> None:
    # It is not there, which only its download tells: no rule can have removed it.
    await add_export(ana.settings, ANA, **finished(YOUNG, 2.9))

    assert "Download the" in await ana.see_tab()


async def test_while_the_storage_is_down_an_old_file_may_be_there(
    client: httpx.AsyncClient, system: Settings
) -> None:
    visitor = Visitor(client, system)
    await visitor.sign_in()
    await add_gone(visitor)

    page = await visitor.see_tab()

    assert "Download the" in page
    assert SAID not in page


async def test_a_page_does_not_wait_for_a_storage_that_does_not_answer(system: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with serve(changed(system, storage_endpoint=endpoint)) as client:
            visitor = Visitor(client, system)
            await visitor.sign_in()
            await add_gone(visitor)

            began = time.monotonic()
            page = await visitor.see_tab()
            took_s = time.monotonic() - began

    assert "Download the" in page
    # As it would, if it asked as those do who wait for an answer.
    assert took_s < CALL_S


async def test_a_person_who_comes_for_a_file_that_is_gone_can_export_it_again(ana: Visitor) -> None:
    export = await add_gone(ana)

    page = await ana.get(f"/exports/{export}/download")
    answer = await ana.submit(f"{addresses.TAB}/{export}/again")

    assert page.status_code == 410
    assert "The file is gone The storage no longer has the file" in text_of(page)
    assert "Chat log: JSON Lines · metadata Export again" in text_of(page)
    assert f'action="{addresses.TAB}/{export}/again"' in page.text
    assert (answer.status_code, answer.headers["location"]) == (303, addresses.tab(SHARED_NAME))
    again = await row_of(
        ana.settings,
        await fetch_value(ana.settings, "SELECT id FROM export_status WHERE status = 'Started'"),
    )
    assert (again["source"], again["options"]) == (
        "chat_log",
        (await row_of(ana.settings, export))["options"],
    )
    assert again["id"] != export


async def test_a_program_is_told_by_a_problem(ana: Visitor) -> None:
    export = await add_gone(ana)

    answer = await ana.client.get(f"/exports/{export}/download", headers=bearer(ana.settings))

    assert (answer.status_code, answer.headers["content-type"]) == (410, "application/problem+json")
    assert answer.json()["detail"] == "The storage no longer has the file: export again."


async def test_what_was_removed_can_be_exported_again_unless_its_survey_is_gone(ana: Visitor) -> None:
    removed = finished(KEPT, 1, removed=datetime.now(UTC))
    await add_export(ana.settings, ANA, **removed)
    await add_export(ana.settings, ANA, **removed, survey_id="Gone since")

    assert "Removed just now" in (page := await ana.see_tab())
    assert "Export again" in page
    assert "Removed just now" in (of_no_survey := await ana.see_tab("Gone since"))
    assert "Export again" not in of_no_survey


async def test_nobody_exports_again_what_is_anothers(ana: Visitor) -> None:
    theirs = await add_gone(ana, BEN)

    answer = await ana.submit(f"{addresses.TAB}/{theirs}/again")

    assert answer.status_code == 404
    assert await fetch_value(ana.settings, "SELECT count(*) FROM export_status") == 1


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ({"storage_bucket": "not-there"}, "the bucket is not there: make it, or correct STORAGE_BUCKET"),
        ({"storage_access_key": SecretStr("unknown")}, "correct STORAGE_ACCESS_KEY"),
    ],
    ids=["no bucket", "no access"],
)
async def test_a_storage_that_is_not_set_up_is_its_operators_trouble_and_no_file_is_called_gone(
    ana: Visitor, wrong: dict[str, object], remedy: str, caplog: pytest.LogCaptureFixture
) -> None:
    export = await add_export(ana.settings, ANA, **finished(KEPT, 4))
    before = await row_of(ana.settings, export)
    download, here = f"/exports/{export}/download", bearer(ana.settings)
    async with serve(changed(ana.settings, **wrong)) as client:
        visitor = Visitor(client, ana.settings)
        await visitor.sign_in()
        caplog.clear()

        page, removed = await visitor.get(download), await visitor.submit(f"{addresses.TAB}/{export}/remove")
        told = [
            await client.get(download, headers=here),
            await client.delete(f"/exports/{export}", headers=here),
        ]

        assert "Download the" in (tab := await visitor.see_tab())
        assert SAID not in tab
    said = (
        "The storage of exports is missing, or lets this system no longer in. Whoever runs the system has to"
    )
    assert [(answer.status_code, said in text_of(answer)) for answer in (page, removed, *told)] == [
        (503, True)
    ] * 4
    assert [answer.headers["content-type"] for answer in told] == ["application/problem+json"] * 2
    logged = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [(record.name, remedy in record.error) for record in logged] == [("app.exports.files", True)] * 4  # type: ignore[attr-defined] # a field of ours
    assert await row_of(ana.settings, export) == before


@pytest.mark.parametrize(
    ("query", "is_over"),
    [
        ("X-Amz-Date=20260101T000000Z&X-Amz-Expires=25200&X-Amz-Signature=x", True),
        ("X-Goog-Date=20260101T000000Z&X-Goog-Expires=25200", True),
        ("Expires=1767225600&Signature=x", True),
        ("X-Amz-Date=20260101T000000Z&X-Amz-Expires=9999999999", False),
        ("X-Amz-Date=yesterday&X-Amz-Expires=25200", False),
        ("X-Amz-Expires=25200", False),
        ("Expires=soon", False),
        ("", False),
    ],
)
async def test_a_link_of_the_system_before_that_has_expired_leads_nowhere(
    client: httpx.AsyncClient, system: Settings, query: str, is_over: bool
) -> None:
    visitor = Visitor(client, system)
    await visitor.sign_in()
    link = f"https://storage.example/Baseline.csv?{query}"
    export = await add_export(system, ANA, **finished(None, 300, export_link=link))

    answer = await client.get(f"/exports/{export}/download", headers=bearer(system))

    assert answer.status_code == (410 if is_over else 307)
    assert (SAID in await visitor.see_tab()) is is_over
