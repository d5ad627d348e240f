"""Whether running workers live and are ready: while they restore, wait for services, and stand still."""

from __future__ import annotations

import asyncio
import functools
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

from app.kafka.clients import client_settings
from app.kafka.topics import topics_of
from app.settings import Role, Settings
from app.worker.capture.homes import PARTITION, ROW
from models.entries import ChatLogEntry, Direction, encode_entry
from models.states import EMPTY_HISTORY, StateRecord, encode_history, insert
from tests.looking import Answer, get, get_from, health, metrics, ready
from tests.services import as_environment, changed, eventually, migrate, settings_for_tests
from tests.workers import Workers, count, prepare, produce, workers_of

if TYPE_CHECKING:
    from pathlib import Path

    from app.local.embedded import EmbeddedKafka, EmbeddedPostgres
    from tests.workers import WorkerProcess

#: A worker whose agent takes a chunk and never finishes it.
STUCK_WORKER = """
import asyncio
from agents.persist import Persist

async def hang(self, chunk):
    await asyncio.Event().wait()

Persist.__call__ = hang

from app.commands import main
main()
"""


#: A worker that reads no faster than the test can look, however fast the machine is.
SLOW_READER = """
from app.stream import transport

transport.GATHER_S, transport.FEW_RECORDS = 0.2, 1_000_000

from app.commands import main
main()
"""


async def test_a_partition_that_stands_still_makes_the_worker_fail(system: Settings) -> None:
    topic = topics_of(system.topology).chat_log.name
    await produce(system, topic, [(b"u", entry(1))])
    environment = {**os.environ, **as_environment(system), "STALLED_AFTER_S": "3"}
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STUCK_WORKER, "worker", "persist", env=environment, stderr=subprocess.DEVNULL
    )
    try:
        failing = await eventually(lambda: stands_still(system.web.port, topic))
        page = (await get_from(system.web.port, "/")).text
    finally:
        worker.kill()
        await worker.wait()

    assert failing["status"] == "failing"
    assert len(failing["reasons"]) == 1
    assert "has not moved from offset 0 for" in failing["reasons"][0]
    assert "Standing still" in page


async def test_a_worker_whose_database_is_down_lives_but_is_not_ready(
    system: Settings, workers: Workers, dedicated_postgres: EmbeddedPostgres
) -> None:
    impatient = changed(system, database_url=SecretStr(dedicated_postgres.url), stalled_after_s=5.0)
    await migrate(dedicated_postgres.url)
    worker = workers.start(Role.PERSIST, impatient)
    await ready(worker)

    await dedicated_postgres.kill()
    await produce(system, topics_of(system.topology).chat_log.name, [(b"u", entry(1))])
    await eventually(lambda: is_not_ready(worker, "PostgreSQL cannot be used", "persist has waited"))
    # Longer than a partition may stand still: but a restart would not bring the database back.
    until = time.monotonic() + 7
    while time.monotonic() < until:
        assert await health(worker, "live", 200)
        await asyncio.sleep(0.2)

    assert await is_not_ready(worker, "PostgreSQL cannot be used", "persist has waited")
    overview = (await get(worker, "/api/overview")).json
    assert overview["waiting"][0]["part"] == "persist"
    assert "PostgreSQL" in overview["waiting"][0]["error"]
    sink = (await get(worker, "/api/sink")).json
    assert sink["waiting_since"] is not None
    assert sink["retries"] > 0
    assert (await metrics(worker))["chatlog_waiting_seconds"][("part", "persist"),] > 0
    assert "Not ready" in (await get(worker, "/")).text
    for path in ("/", "/api/overview", "/api/sink", "/health/ready"):
        assert secret_of(dedicated_postgres) not in (await get(worker, path)).text

    await dedicated_postgres.start()
    await ready(worker)
    await eventually(lambda: has_rows(impatient, 1))
    await eventually(lambda: health(worker, "live", 200))


async def test_a_worker_that_restores_its_table_says_how_far_it_is(system: Settings) -> None:
    await fill_changelog(system, 50_000)
    environment = {**os.environ, **as_environment(system)}
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SLOW_READER, "worker", "capture", env=environment, stderr=subprocess.DEVNULL
    )
    told = "the state table is being restored"
    reasons: set[str] = set()
    try:
        await eventually(lambda: readiness(system.web.port, 503))
        # An orchestrator gives up on a probe that is not answered.
        while (answer := await get_from(system.web.port, "/health/ready")).status == 503:
            assert (await get_from(system.web.port, "/health/live")).status == 200
            reasons.update(answer.json["reasons"])
            await asyncio.sleep(0.02)
        known = await eventually(lambda: knows(system.web.port, "user-1"))
    finally:
        worker.kill()
        await worker.wait()

    counted = [reason for reason in reasons if reason.startswith(f"{told}: ")]
    # Not only before it and at its end.
    assert len(counted) > 3
    assert [reason for reason in counted if not reason.endswith("of 50,000 records remain")] == []
    assert known.status == 200


async def test_a_worker_whose_broker_is_down_lives_but_is_not_ready(
    unique_env: str,
    database_url: str,
    tmp_path: Path,
    dedicated_kafka: EmbeddedKafka,
) -> None:
    system = settings_for_tests(
        unique_env, dedicated_kafka.bootstrap_servers, database_url, tmp_path, stalled_after_s=5.0
    )
    await prepare(system)
    with workers_of(system, tmp_path) as workers:
        worker = workers.start(Role.PERSIST)
        await ready(worker)
        await eventually(lambda: tells_lag(worker, stale=False))
        assert (await metrics(worker))["chatlog_lag_messages"]

        await dedicated_kafka.kill()
        await eventually(lambda: is_not_ready(worker, "Kafka has not answered for"))
        assert await health(worker, "live", 200)
        assert (await get(worker, "/api/lag")).json["stale"]
        assert (await get(worker, "/api/lag")).json["topics"]
        assert "Kafka does not tell the lag" in (await get(worker, "/")).text
        # What it told last would stay the group's maximum, if other workers reach Kafka.
        assert "chatlog_lag_messages" not in await metrics(worker)

        await dedicated_kafka.start()
        await eventually(lambda: health(worker, "ready", 200))
        assert (await metrics(worker))["chatlog_lag_messages"]
        assert await health(worker, "live", 200)


def entry(number: int) -> bytes:
    return encode_entry(
        ChatLogEntry(
            "u", None, 1_760_000_000_000 + number, Direction.USER, "", None, None, None, "text", {}, {}
        )
    )


async def stands_still(port: int, topic: str) -> Any:
    """Return what is said of liveness once a partition is the reason; before, it may be a slow start."""
    try:
        answer = await get_from(port, "/health/live")
    except OSError:
        return None
    assert answer.status == 503
    assert f"{topic}[" in answer.json["reasons"][0]
    return answer.json


async def readiness(port: int, status: int) -> bool:
    try:
        answer = await get_from(port, "/health/ready")
    except OSError:
        return False
    return answer.status == status


async def is_not_ready(worker: WorkerProcess, *because: str) -> bool:
    """Tell whether the worker gives a reason that begins so, for each."""
    answer = await get(worker, "/health/ready")
    told = answer.json["reasons"]
    assert answer.status == 503, told
    assert all(any(reason.startswith(why) for reason in told) for why in because), told
    return True


async def tells_lag(worker: object, *, stale: bool) -> bool:
    lag = (await get(worker, "/api/lag")).json  # type: ignore[arg-type] # a WorkerProcess
    return lag["stale"] is stale


async def has_rows(settings: Settings, rows: int) -> bool:
    return await count(settings) == rows


def secret_of(postgres: EmbeddedPostgres) -> str:
    return postgres.url.rpartition("@")[0].rpartition(":")[2]


async def knows(port: int, userid: str) -> Answer:
    answer = await get_from(port, f"/api/state/{userid}")
    assert answer.status == 200, answer.text
    return answer


async def fill_changelog(settings: Settings, records: int) -> None:
    """Make a changelog as a worker that has seen so many users leaves it."""
    topic = topics_of(settings.topology).state_changelog.name
    states = (StateRecord("user", number, {"forms": ["x" * 100], "md": {}}) for number in range(4))
    history = encode_history(functools.reduce(insert, states, EMPTY_HISTORY))
    producer = AIOKafkaProducer(
        **client_settings(settings.kafka), acks="all", linger_ms=20, max_batch_size=2**19
    )
    await producer.start()
    try:
        for number in range(records - 1):
            await producer.send(topic, history, key=f"user-{number}".encode())
        laid_out_by = encode_history(insert((), StateRecord("", 0, {"partitioner": "murmur2"})))
        await producer.send(topic, laid_out_by, key=ROW, partition=PARTITION)
        await producer.flush()
    finally:
        await producer.stop()
