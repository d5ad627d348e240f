"""Asking for exports and what becomes of them, by HTTP on the real application and services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from tests.services import s3_client
from tests.site.fixtures import serve
from tests.site.owners import (
    ANA,
    BEN,
    OF_ANA,
    OF_BEN,
    SHARED_NAME,
    add_export,
    bearer,
    execute,
    row_of,
    update_export,
)

if TYPE_CHECKING:
    from app.settings import Settings
    from sinks.storage.bucket import BucketSettings

CHAT_LOG = {"export_type": "chat_log"}
JSON = {"Content-Type": "application/json"}


async def ask(client: httpx.AsyncClient, settings: Settings, survey: str = SHARED_NAME, **body: Any) -> Any:
    return await client.post(
        "/exports", params={"survey": survey}, json=CHAT_LOG | body, headers=bearer(settings)
    )


async def test_an_export_that_is_asked_for_is_answered_with_its_row(
    client: httpx.AsyncClient, system: Settings
) -> None:
    answer = await ask(client, system, include_metadata=True)

    row = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/exports/{row['id']}"
    assert row["status"] == "Started"
    assert row["export_link"] == "Not Found"
    assert (row["user_id"], row["survey_id"], row["source"]) == (ANA, SHARED_NAME, "chat_log")
    assert row["options"]["include_metadata"] is True
    assert (row["rows_done"], row["bytes_done"], row["rows_estimate"]) == (0, 0, None)
    assert not {"lease_token", "lease_until", "published", "object_key"} & row.keys()


async def test_only_what_differs_from_the_defaults_is_kept_in_the_row(
    client: httpx.AsyncClient, system: Settings
) -> None:
    answer = await ask(client, system, format="jsonl", since="2026-01-01T00:00:00+02:00", compression="none")

    kept = await row_of(system, answer.json()["id"])
    assert kept["options"] == '{"since": "2026-01-01T00:00:00+02:00", "format": "jsonl"}'


async def test_a_survey_that_nobody_has_is_not_found(client: httpx.AsyncClient, system: Settings) -> None:
    for name in ("No such", "Baseline ", "baseline", "a\0b", "' OR true --"):
        answer = await ask(client, system, name)
        assert answer.status_code == 404, name
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "body.export_type: Field required"),
        (
            {"export_type": "everything"},
            "body.export_type: Input should be 'responses', 'chat_log' or 'codebook'",
        ),
        ({"export_type": "chat_log", "include_metdata": True}, "body.include_metdata: Extra inputs"),
        ({"export_type": "responses", "include_raw_payload": True}, "include_raw_payload: not for responses"),
        ({"export_type": "chat_log", "wide": True}, "wide: not for chat_log"),
        ({"export_type": "chat_log", "since": "2026-01-01T00:00:00"}, "body.since"),
        ({"export_type": "chat_log", "until": 1767225600}, "body.until: not a time; accepted: such as"),
        (
            {"export_type": "chat_log", "since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
            "since must be before until",
        ),
        ({"export_type": "chat_log", "format": "parquet", "compression": "gzip"}, "leave compression out"),
        ([], "body: not a JSON object"),
        ("chat_log", "body: not a JSON object"),
    ],
)
async def test_a_body_that_cannot_be_used_is_refused_with_the_reason(
    client: httpx.AsyncClient, system: Settings, body: object, said: str
) -> None:
    answer = await client.post("/exports?survey=Baseline", json=body, headers=bearer(system))

    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json"


async def test_what_is_not_json_or_names_no_survey_is_refused(
    client: httpx.AsyncClient, system: Settings
) -> None:
    broken = await client.post("/exports?survey=Baseline", content=b"{", headers=bearer(system) | JSON)
    no_text = await client.post("/exports?survey=Baseline", content=b"\xff", headers=bearer(system) | JSON)
    nameless = await client.post("/exports", json=CHAT_LOG, headers=bearer(system))

    assert (broken.status_code, broken.json()["errors"][0]["message"]) == (
        422,
        "not a JSON object, sent as Content-Type: application/json",
    )
    assert (no_text.status_code, no_text.json()["errors"]) == (422, broken.json()["errors"])
    assert (nameless.status_code, nameless.json()["errors"][0]["field"]) == (422, "query.survey")


async def test_exports_are_listed_the_latest_change_first(
    client: httpx.AsyncClient, system: Settings
) -> None:
    # Their jobs are sent already: to note that is a change as well.
    first, second, other = [
        str(await add_export(system, ANA, survey_id=survey, source="chat_log"))
        for survey in (SHARED_NAME, SHARED_NAME, OF_ANA)
    ]
    await update_export(system, first, status="Querying")

    all_of_them = (await client.get("/exports/status", headers=bearer(system))).json()
    of_one = await client.get(f"/exports/status/survey?survey={SHARED_NAME}", headers=bearer(system))

    assert [row["id"] for row in all_of_them] == [first, other, second]
    assert [(row["id"], row["source"]) for row in of_one.json()] == [
        (first, "chat_log"),
        (second, "chat_log"),
    ]


async def test_exports_of_a_survey_that_is_gone_are_still_listed(
    client: httpx.AsyncClient, system: Settings
) -> None:
    export = await add_export(system, ANA, survey_id="Gone since")

    answer = await client.get("/exports/status/survey?survey=Gone since", headers=bearer(system))

    assert [row["id"] for row in answer.json()] == [str(export)]


async def test_an_owner_sees_nothing_of_another(client: httpx.AsyncClient, system: Settings) -> None:
    theirs = await add_export(system, BEN, status="Failed", reason="Their reason")
    await add_export(system, BEN, survey_id=OF_BEN)
    before = await row_of(system, theirs)

    for method, path in (
        ("POST", f"/exports?survey={OF_BEN}"),
        ("GET", f"/exports/status/survey?survey={OF_BEN}"),
        ("GET", f"/exports/{theirs}"),
        ("GET", f"/exports/{theirs}/events"),
        ("GET", f"/exports/{theirs}/download"),
        ("DELETE", f"/exports/{theirs}"),
        ("POST", f"/exports/{theirs}/retry"),
    ):
        headers = bearer(system, ANA) | {"X-Request-ID": "1"}
        answer = await client.request(method, path, json=CHAT_LOG, headers=headers)
        nobodys = path.replace(str(theirs), str(uuid4())).replace(OF_BEN, "Nobody's")
        unknown = await client.request(method, nobodys, json=CHAT_LOG, headers=headers)
        assert answer.status_code == 404, path
        assert answer.json() == unknown.json(), "it must not be told from one that is not there"

    assert (await client.get("/exports/status", headers=bearer(system, ANA))).json() == []
    assert (
        await client.get(f"/exports/status/survey?survey={SHARED_NAME}", headers=bearer(system, ANA))
    ).json() == []
    assert await row_of(system, theirs) == before


async def test_a_running_export_is_cancelled_and_its_worker_loses_the_lease(
    client: httpx.AsyncClient, system: Settings
) -> None:
    export = await add_export(
        system, ANA, status="Writing", lease_token=uuid4(), lease_until=datetime.now(UTC)
    )

    answer = await client.delete(f"/exports/{export}", headers=bearer(system))

    kept = await row_of(system, export)
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["reason"]) == ("Failed", "Cancelled by its owner")
    assert (kept["lease_token"], kept["lease_until"]) == (None, None)


async def test_a_failed_export_begins_again_as_the_same_row(
    client: httpx.AsyncClient, system: Settings
) -> None:
    export = await add_export(system, ANA, status="Failed", reason="The storage refused", rows_done=7)

    answer = await client.post(f"/exports/{export}/retry", headers=bearer(system))

    row = answer.json()
    assert answer.status_code == 200
    assert (row["id"], row["status"], row["rows_done"]) == (str(export), "Started", 0)
    assert row["reason"] == "The storage refused", "it stays until it succeeds"


@pytest.mark.parametrize("status", ["Started", "Querying", "Writing", "Finished"])
async def test_only_a_failed_export_can_begin_again(
    client: httpx.AsyncClient, system: Settings, status: str
) -> None:
    export = await add_export(system, ANA, status=status)

    answer = await client.post(f"/exports/{export}/retry", headers=bearer(system))

    assert answer.status_code == 409
    assert status in answer.json()["detail"]


async def test_there_is_no_download_before_an_export_is_finished(
    client: httpx.AsyncClient, system: Settings
) -> None:
    for status in ("Started", "Writing", "Failed"):
        export = await add_export(system, ANA, status=status)
        answer = await client.get(f"/exports/{export}/download", headers=bearer(system))
        assert answer.status_code == 409, status


async def test_a_download_is_a_link_that_is_signed_each_time(
    storing_system: Settings, storage: BucketSettings
) -> None:
    key = "exports/someone/x/Baseline_chat_log.csv"
    async with s3_client(storage) as s3:
        await s3.put_object(Bucket=storage.bucket, Key=key, Body=b"userid\r\n1\r\n")
    export = await add_export(
        storing_system, ANA, status="Finished", source="chat_log", object_key=key, survey_id="Baseline / 2"
    )

    async with serve(storing_system) as client:
        answer = await client.get(f"/exports/{export}/download", headers=bearer(storing_system))
    async with httpx.AsyncClient(timeout=60) as anyone:
        file = await anyone.get(answer.headers["location"])

    assert answer.status_code == 307
    assert answer.headers["cache-control"] == "no-store"
    assert file.content == b"userid\r\n1\r\n"
    assert "Baseline _ 2_chat_log_until_" in file.headers["content-disposition"]


async def test_a_file_that_is_removed_is_gone_from_storage_and_for_its_owner(
    storing_system: Settings, storage: BucketSettings
) -> None:
    key = "exports/someone/y/Baseline.csv"
    async with s3_client(storage) as s3:
        await s3.put_object(Bucket=storage.bucket, Key=key, Body=b"userid")
        export = await add_export(
            storing_system, ANA, status="Finished", object_key=key, export_link="http://old.example/link"
        )

        async with serve(storing_system) as client:
            removed = await client.delete(f"/exports/{export}", headers=bearer(storing_system))
            again = await client.delete(f"/exports/{export}", headers=bearer(storing_system))
            download = await client.get(f"/exports/{export}/download", headers=bearer(storing_system))

        left = await s3.list_objects_v2(Bucket=storage.bucket)
    assert (removed.status_code, removed.json()["status"]) == (200, "Finished")
    assert removed.json()["removed"] is not None
    assert removed.json()["export_link"] == "Not Found"
    assert again.json() == removed.json()
    assert download.status_code == 410
    assert left.get("Contents", []) == []


async def test_a_file_that_the_storage_no_longer_has_is_said_to_be_gone(storing_system: Settings) -> None:
    export = await add_export(storing_system, ANA, status="Finished", object_key="exports/a/b/c.csv")

    async with serve(storing_system) as client:
        answer = await client.get(f"/exports/{export}/download", headers=bearer(storing_system))

    assert answer.status_code == 410


async def test_a_file_that_the_system_before_made_is_found_by_its_own_link(
    client: httpx.AsyncClient, system: Settings
) -> None:
    link = "https://storage.example/exports/Baseline.csv?signature=abc"
    export = await add_export(system, ANA, status="Finished", export_link=link)

    answer = await client.get(f"/exports/{export}/download", headers=bearer(system))

    assert (answer.status_code, answer.headers["location"]) == (307, link)


async def test_while_storage_is_down_nothing_is_said_to_be_gone(
    client: httpx.AsyncClient, system: Settings
) -> None:
    export = await add_export(system, ANA, status="Finished", object_key="exports/a/b/c.csv")

    download = await client.get(f"/exports/{export}/download", headers=bearer(system))
    removal = await client.delete(f"/exports/{export}", headers=bearer(system))

    assert (download.status_code, removal.status_code) == (503, 503)
    assert "127.0.0.1" not in download.text
    assert (await row_of(system, export))["removed"] is None


@pytest.mark.usefixtures("_counts_take_their_time")
async def test_own_surveys_are_listed_with_about_how_much_there_is(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await execute(
        system,
        """
        INSERT INTO chat_log (userid, timestamp, direction, content, shortcode, surveyid, pageid)
        SELECT 'u' || n, now(), 'bot', 'x', 'base', surveys.id, NULL
        FROM surveys JOIN users ON users.id = surveys.userid, generate_series(1, 3) AS n
        WHERE email = 'ana@example.org' AND shortcode = 'base'
        """,
    )
    await execute(
        system,
        """
        INSERT INTO chat_log (userid, timestamp, direction, content, shortcode, pageid)
        SELECT owner || n, now(), 'bot', 'x', 'base', 'page of ' || owner
        FROM generate_series(1, 1500) AS n, unnest(ARRAY ['ben@example.org']) AS owner
        """,
    )

    of_ana = (await client.get("/surveys", headers=bearer(system, ANA))).json()
    of_ben = (await client.get("/surveys", headers=bearer(system, BEN))).json()

    assert {survey["survey_name"] for survey in of_ana} == {SHARED_NAME, OF_ANA}
    by_name = {survey["survey_name"]: survey for survey in of_ana}
    assert by_name[SHARED_NAME]["shortcodes"] == ["base", "base-es"]
    assert by_name[SHARED_NAME]["versions"] == 2
    assert by_name[SHARED_NAME]["counts"] == {"chat_log": 3, "responses": 0}
    assert {s["survey_name"]: s["counts"]["chat_log"] for s in of_ben} == {SHARED_NAME: 1500, OF_BEN: 0}
