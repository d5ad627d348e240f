"""Exports while things break: each becomes one file that equals the table, or a reason for its owner."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientConnectionError
from pydantic import SecretStr

from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from tests.exporting import (
    Asked,
    ask,
    download,
    is_in,
    keys_in_file,
    keys_in_table,
    make_survey,
    row_of,
    send,
)
from tests.faults.cluster import everything_is_committed
from tests.faults.freezing import frozen
from tests.faults.messages import entries
from tests.faults.outage import is_ready_again, is_seen_to_wait, said
from tests.looking import get, metrics, ready
from tests.services import changed, eventually, migrate, settings_for_tests, storage_overrides
from tests.services.storage import settings_of
from tests.workers import STOPS_WITHIN_S, count, prepare, produce

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

    from app.local.embedded import EmbeddedPostgres, EmbeddedStorage
    from app.settings import Settings
    from tests.workers import WorkerProcess, Workers

#: 160 MB of messages: some seconds of work.
MANY, SIZE = 50_000, 100
FEW = 5_000
#: Written by persist meanwhile.
MESSAGES = 4_000
#: A dead worker's exports are taken over within this, by the lease of 45 s and two looks; the rest is for a
#: machine that does much else.
TAKEN_OVER_S = 90


@pytest.fixture
async def system(
    unique_env: str,
    kafka: str,
    kafka_prefix: str,  # removes the topics
    database_url: str,
    dedicated_storage: EmbeddedStorage,
    tmp_path: Path,
) -> Settings:
    """Settings of a system whose storage the test may break."""
    made = settings_for_tests(
        unique_env,
        kafka,
        database_url,
        tmp_path,
        **storage_overrides(settings_of(dedicated_storage)),
    )
    await prepare(made)
    return made


async def test_a_worker_makes_files_shows_how_far_it_is_and_stops_in_time(
    system: Settings, workers: Workers
) -> None:
    await make_survey(system, FEW, size=SIZE)
    worker = workers.start(Role.EXPORT, changed(system, web_token=SecretStr("token")))
    exports = [await ask(system), await ask(system, compression="gzip"), await ask(system, format="parquet")]
    await send(system, *exports, exports[0])
    for export in exports:
        await becomes(system, export, "Finished")
    await file_is_the_table(system, exports[0])
    # Then it has nothing in hand any more, as the record that came twice was the last.
    await eventually(
        lambda: everything_is_committed(
            system, groups_of(system.topology).export, topics_of(system.topology).exports.name
        )
    )

    token = {"Authorization": "Bearer token"}
    found = await metrics(worker, **token)
    assert found["chatlog_exports_finished_total"][()] == 3
    assert found["chatlog_export_rows_total"][()] == 3 * FEW
    page = (await get(worker, "/", **token)).text
    assert "None is made here now" in page
    told = (await get(worker, "/api/exports", **token)).text
    assert '"running": []' in told
    assert "example.org" not in page + told + worker.log.read_text()
    await eventually(lambda: has_no_lag(worker, token))
    assert worker.stop() == 0


async def test_a_stopped_worker_leaves_its_export_to_the_next_at_once(
    system: Settings, workers: Workers, dedicated_storage: EmbeddedStorage
) -> None:
    await make_survey(system, MANY, size=SIZE)
    export, first = await ask(system), workers.start(Role.EXPORT)
    await ready(first)
    with frozen(dedicated_storage.pid):
        await send(system, export)
        await becomes(system, export, "Writing")
        began_at = time.monotonic()
        assert first.stop() == 0
        assert time.monotonic() - began_at < STOPS_WITHIN_S
    row = await is_in(system, export, "Started")
    assert (row["lease_token"], row["attempt"]) == (None, 0)
    workers.start(Role.EXPORT)
    await becomes(system, export, "Finished")
    await file_is_the_table(system, export)


@pytest.mark.long
async def test_a_worker_is_killed_in_the_middle(
    system: Settings, workers: Workers, dedicated_storage: EmbeddedStorage
) -> None:
    await make_survey(system, MANY, size=SIZE)
    export, victim = await ask(system), workers.start(Role.EXPORT)
    await ready(victim)
    with frozen(dedicated_storage.pid):
        await send(system, export)
        await becomes(system, export, "Writing")
        victim.kill()
    workers.start(Role.EXPORT)
    await eventually(lambda: is_attempt(system, export, 2), TAKEN_OVER_S, "another worker takes it over")
    row = await becomes(system, export, "Finished")
    assert row["attempt"] == 2
    await file_is_the_table(system, export)


@pytest.mark.long
async def test_a_worker_that_is_frozen_comes_back_too_late_to_change_anything(
    system: Settings, workers: Workers, dedicated_storage: EmbeddedStorage
) -> None:
    await make_survey(system, MANY, size=SIZE)
    export, late = await ask(system), workers.start(Role.EXPORT)
    await ready(late)
    with frozen(dedicated_storage.pid):
        await send(system, export)
        await becomes(system, export, "Writing")
        late.freeze()
    workers.start(Role.EXPORT)
    await eventually(lambda: is_attempt(system, export, 2), TAKEN_OVER_S, "another worker takes it over")
    await becomes(system, export, "Finished")
    before = await row_of(system, export)
    late.thaw()
    await eventually(lambda: said(late, "is not ours any more"))
    assert await row_of(system, export) == before
    await file_is_the_table(system, export)


async def test_storage_that_is_down_is_a_reason_and_the_sink_is_untouched(
    system: Settings, workers: Workers, dedicated_storage: EmbeddedStorage
) -> None:
    # Few messages: a call to storage, which has to take them later, is given no more time than that either.
    await make_survey(system, FEW, size=SIZE)
    hasty = changed(system, export_retry_s=5.0)
    export, worker = await ask(system), workers.start(Role.EXPORT, hasty)
    await ready(worker)
    sink = workers.start(Role.PERSIST)
    await dedicated_storage.kill()
    await send(system, export)
    said_meanwhile = [(m.key, m.value) for m in entries(MESSAGES, "beside an export")]
    await produce(system, topics_of(system.topology).chat_log.name, said_meanwhile)
    row = await becomes(system, export, "Failed")
    await eventually(lambda: has_rows(system, FEW + MESSAGES))
    assert sink.running
    assert row["reason"].startswith("The storage did not take the file: object storage cannot be reached")
    assert row["reason"].endswith("; try again, or tell the operator")
    assert "127.0.0.1" not in row["reason"]
    assert (await get(worker, "/health/live")).status == 200
    await eventually(lambda: has_failed(worker, "storage"))

    await dedicated_storage.start()
    again = await ask(system)
    await send(system, again)
    await becomes(system, again, "Finished")
    await file_is_the_table(system, again)


@pytest.mark.long
async def test_storage_that_freezes_in_the_middle_is_waited_for(
    system: Settings, workers: Workers, dedicated_storage: EmbeddedStorage
) -> None:
    # An export that lives shows it every 10 s; a partition that stands still is told of, here, after 37 s.
    watched = changed(system, stalled_after_s=25.0)
    await make_survey(system, MANY, size=SIZE)
    export, worker = await ask(system), workers.start(Role.EXPORT, watched)
    await ready(worker)
    with frozen(dedicated_storage.pid):
        await send(system, export)
        await becomes(system, export, "Writing")
        frozen_at = time.monotonic()
        # Longer than a partition may stand still: but the export lives.
        await eventually(lambda: time.monotonic() > frozen_at + 40)
        assert (await get(worker, "/health/live")).status == 200
        running = (await get(worker, "/api/exports")).json["running"]
        assert [run["id"] for run in running] == [str(export.id)]
        assert str(export.id) in (await get(worker, "/")).text
    await becomes(system, export, "Finished")
    assert (await row_of(system, export))["attempt"] == 1
    await file_is_the_table(system, export)


async def test_postgres_crashes_in_the_middle_and_starts_again(
    system: Settings,
    workers: Workers,
    dedicated_postgres: EmbeddedPostgres,
    dedicated_storage: EmbeddedStorage,
) -> None:
    elsewhere = changed(system, database_url=SecretStr(dedicated_postgres.url))
    await migrate(dedicated_postgres.url)
    await make_survey(elsewhere, MANY, size=SIZE)
    export, worker = await ask(elsewhere), workers.start(Role.EXPORT, elsewhere)
    await ready(worker)
    with frozen(dedicated_storage.pid):
        await send(elsewhere, export)
        await becomes(elsewhere, export, "Writing")
        await dedicated_postgres.stop("immediate")
    await is_seen_to_wait(worker, "export")
    await dedicated_postgres.start()
    await becomes(elsewhere, export, "Finished")
    await file_is_the_table(elsewhere, export)
    await is_ready_again(worker)


async def test_a_rebalance_does_not_begin_an_export_anew(
    system: Settings, workers: Workers, dedicated_storage: EmbeddedStorage
) -> None:
    await make_survey(system, MANY, size=SIZE)
    exports = [await ask(system) for _ in range(2)]
    first = workers.start(Role.EXPORT)
    await ready(first)
    with frozen(dedicated_storage.pid):
        await send(system, *exports)
        for export in exports:
            await becomes(system, export, "Writing")
        others = [workers.start(Role.EXPORT) for _ in range(3)]
        for other in others:
            await eventually(partial(is_in_the_group, other))
    for export in exports:
        row = await becomes(system, export, "Finished")
        assert row["attempt"] == 1
        await file_is_the_table(system, export)
    await eventually(lambda: has_finished(first, 2))


async def test_a_worker_whose_storage_is_down_at_the_start_says_so_and_waits(
    system: Settings, workers: Workers, dedicated_storage: EmbeddedStorage
) -> None:
    await make_survey(system, 100)
    await dedicated_storage.kill()
    export, worker = await ask(system), workers.start(Role.EXPORT)
    await send(system, export)
    await is_seen_to_wait(worker, "storage")
    assert (await row_of(system, export))["status"] == "Started"
    await dedicated_storage.start()
    await becomes(system, export, "Finished")
    await is_ready_again(worker)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"storage_bucket": None}, "STORAGE_BUCKET is not set"),
        ({"storage_bucket": "no-such-bucket"}, "correct STORAGE_BUCKET"),
        ({"storage_secret_key": SecretStr("not-the-secret")}, "STORAGE_SECRET_KEY"),
    ],
    ids=["no bucket", "another bucket", "wrong key"],
)
async def test_a_worker_with_wrong_storage_settings_does_not_start(
    system: Settings, workers: Workers, wrong: dict[str, object], told: str
) -> None:
    worker = workers.start(Role.EXPORT, changed(system, **wrong))
    assert worker.wait() != 0
    assert told in worker.said
    assert "Traceback" not in worker.said


async def becomes(system: Settings, export: Asked, status: str) -> asyncpg.Record:
    """Return the row once it has that status."""
    return await eventually(lambda: is_in(system, export, status))


async def is_attempt(system: Settings, export: Asked, number: int) -> bool:
    return int((await row_of(system, export))["attempt"]) == number


async def is_in_the_group(worker: WorkerProcess) -> bool:
    """Tell whether a worker has been given its partitions, be it ready or waiting for storage."""
    with suppress(ClientConnectionError):
        said = (await get(worker, "/health/ready")).text
        return "no partitions yet" not in said and "rebalancing" not in said
    return False


async def has_finished(worker: WorkerProcess, exports: int) -> bool:
    """Tell whether a worker has counted so many; it does so after their rows say it."""
    return (await metrics(worker))["chatlog_exports_finished_total"][()] == exports


async def has_failed(worker: WorkerProcess, reason: str) -> bool:
    """Tell whether a worker has counted one; it does so after its row says it."""
    return (await metrics(worker))["chatlog_exports_failed_total"][("reason", reason),] == 1


async def has_no_lag(worker: WorkerProcess, token: dict[str, str]) -> bool:
    return sum((await metrics(worker, **token))["chatlog_lag_messages"].values()) == 0


async def file_is_the_table(system: Settings, export: Asked) -> None:
    row = await is_in(system, export, "Finished")
    assert keys_in_file(await download(row["export_link"])) == await keys_in_table(system)
    assert (row["reason"], row["lease_token"]) == (None, None)


async def has_rows(system: Settings, rows: int) -> bool:
    return await count(system) == rows
