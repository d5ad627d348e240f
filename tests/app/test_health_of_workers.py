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

from app.kafka import client_settings
from app.settings import Role, Settings
from app.topics import topics_of
from models.entries import ChatLogEntry, Direction, encode_entry
from models.states import EMPTY_HISTORY, StateRecord, encode_history, insert
from tests.app.looking import get, get_from, health, metrics, ready
from tests.services import as_environment, eventually, settings_for_tests
from tests.workers import Workers, count, prepare, produce, workers_of

if TYPE_CHECKING:
    from pathlib import Path

    from app.embedded import EmbeddedKafka, EmbeddedPostgres

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


async def test_a_partition_that_stands_still_makes_the_worker_fail(system: Settings) -> None:
    topic = topics_of(system).chat_log.name
    await produce(system, topic, [(b"u", entry(1))])
    environment = {**os.environ, **as_environment(system), "STALLED_AFTER_S": "3"}
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STUCK_WORKER, "worker", "persist", env=environment, stderr=subprocess.DEVNULL
    )
    try:
        failing = await eventually(lambda: liveness(system.web_port, 503), 40)
        page = (await get_from(system.web_port, "/")).text
    finally:
        worker.kill()
        await worker.wait()

    assert failing["status"] == "failing"
    assert len(failing["reasons"]) == 1
    assert f"{topic}[" in failing["reasons"][0]
    assert "has not moved from offset 0 for" in failing["reasons"][0]
    assert "Standing still" in page


async def test_a_worker_whose_database_is_down_lives_but_is_not_ready(
    system: Settings, workers: Workers, dedicated_postgres: EmbeddedPostgres
) -> None:
    impatient = system.model_copy(
        update={"database_url": SecretStr(dedicated_postgres.url), "stalled_after_s": 2.0}
    )
    await prepare(impatient)
    worker = workers.start(Role.PERSIST, impatient)
    await ready(worker)

    await dedicated_postgres.kill()
    await produce(system, topics_of(system).chat_log.name, [(b"u", entry(1))])
    await eventually(lambda: health(worker, "ready", 503), 20)
    # Longer than a partition may stand still: but a restart would not bring the database back.
    until = time.monotonic() + 6
    while time.monotonic() < until:
        assert await health(worker, "live", 200)
        await asyncio.sleep(0.2)

    reasons = (await get(worker, "/health/ready")).json["reasons"]
    assert any(reason.startswith("PostgreSQL cannot be used") for reason in reasons)
    assert any(reason.startswith("persist has waited") for reason in reasons)
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
    assert await health(worker, "live", 200)
    await eventually(lambda: has_rows(impatient, 1), 15)


async def test_a_worker_that_restores_its_table_says_how_far_it_is(
    system: Settings, workers: Workers
) -> None:
    await fill_changelog(system, 150_000)
    worker = workers.start(Role.CAPTURE)
    reasons: set[str] = set()
    longest_s = 0.0

    await eventually(lambda: health(worker, "ready", 503), 30)
    while True:
        began = time.monotonic()
        answer = await get(worker, "/health/ready")
        longest_s = max(longest_s, time.monotonic() - began)
        if answer.status == 200:
            break
        assert (await get(worker, "/health/live")).status == 200
        reasons.update(answer.json["reasons"])
        await asyncio.sleep(0.02)

    told = "the state table is being restored"
    counted = [reason for reason in reasons if reason.startswith(f"{told}: ")]
    assert counted
    assert [reason for reason in counted if not reason.endswith("of 150,000 records remain")] == []
    # An orchestrator gives up on a probe after a few seconds; it is always answered.
    assert longest_s < 5
    assert (await get(worker, "/api/state/user-1")).status == 200


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
        await eventually(lambda: tells_lag(worker, stale=False), 20)

        await dedicated_kafka.kill()
        await eventually(lambda: health(worker, "ready", 503), 40)
        assert await health(worker, "live", 200)
        assert "Kafka has not answered for" in (await get(worker, "/health/ready")).text
        assert (await get(worker, "/api/lag")).json["stale"]
        assert (await get(worker, "/api/lag")).json["topics"]
        assert "Kafka does not answer" in (await get(worker, "/")).text

        await dedicated_kafka.start()
        await eventually(lambda: health(worker, "ready", 200), 60)
        assert await health(worker, "live", 200)


def entry(number: int) -> bytes:
    return encode_entry(
        ChatLogEntry(
            "u", None, 1_760_000_000_000 + number, Direction.USER, "", None, None, None, "text", {}, {}
        )
    )


async def liveness(port: int, status: int) -> Any:
    try:
        answer = await get_from(port, "/health/live")
    except OSError:
        return None
    assert answer.status == status
    return answer.json


async def tells_lag(worker: object, *, stale: bool) -> bool:
    lag = (await get(worker, "/api/lag")).json  # type: ignore[arg-type] # a WorkerProcess
    return lag["stale"] is stale


async def has_rows(settings: Settings, rows: int) -> bool:
    return await count(settings) == rows


def secret_of(postgres: EmbeddedPostgres) -> str:
    return postgres.url.rpartition("@")[0].rpartition(":")[2]


async def fill_changelog(settings: Settings, records: int) -> None:
    """Make a changelog as a worker that has seen so many users leaves it."""
    topic = topics_of(settings).state_changelog.name
    states = (StateRecord("user", number, {"forms": ["x" * 100], "md": {}}) for number in range(4))
    history = encode_history(functools.reduce(insert, states, EMPTY_HISTORY))
    producer = AIOKafkaProducer(**client_settings(settings), acks="all", linger_ms=20, max_batch_size=2**19)
    await producer.start()
    try:
        for number in range(records):
            await producer.send(topic, history, key=f"user-{number}".encode())
        await producer.flush()
    finally:
        await producer.stop()
