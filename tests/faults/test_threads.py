"""Threads while the API or PostgreSQL is killed: what was answered is there once, and told in order."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest

from app.access.tokens import mint
from app.kafka.topics import topics_of
from models.access import Caller, CallerRole
from tests.services import changed, eventually, migrate, settings_for_tests
from tests.sinks.kafka.topics import all_records_in
from tests.site.fixtures import SECRET
from tests.site.served import ApiProcess, served
from tests.survey_tables import session
from tests.threads.asking import THREADS_AT
from tests.workers import prepare

if TYPE_CHECKING:
    from pathlib import Path

    from app.local.embedded import EmbeddedPostgres
    from app.settings import Settings

THREADS, CLIENTS, EACH = 5, 20, 60
SERVICE = Caller("tutor@acme.example", "acme", frozenset({CallerRole.SERVICE}))


@pytest.fixture
async def system(
    unique_env: str,
    kafka: str,
    kafka_prefix: str,  # removes the topics
    dedicated_postgres: EmbeddedPostgres,
    tmp_path: Path,
) -> Settings:
    """Settings of an API on a PostgreSQL server of its own, which limits nobody."""
    made = settings_for_tests(
        unique_env,
        kafka,
        dedicated_postgres.url,
        tmp_path,
        api_jwt_secret=SECRET,
        storage_bucket="none",
        storage_endpoint="http://127.0.0.1:9",
        storage_access_key="someone",
        storage_secret_key="something",
    )
    made = changed(made, rate_limit_threads_caller=None, rate_limit_threads_address=None)
    await migrate(dedicated_postgres.url)
    await prepare(made)
    return made


class Writing:
    """Programs that write, each one message after another, and send again whatever is not answered.

    Attributes:
        acknowledged: the ids of messages that were answered for, by their keys.
    """

    def __init__(self, settings: Settings) -> None:
        token = mint(settings.api, SERVICE, timedelta(hours=1))
        self._headers = {"Authorization": f"Bearer {token}"}
        self.url = ""
        self.threads: list[str] = []
        self.acknowledged: dict[str, str] = {}

    async def begin(self, url: str) -> None:
        """Make the threads, of an API at this address."""
        self.url = url
        async with httpx.AsyncClient(headers=self._headers) as client:
            for number in range(THREADS):
                answer = await client.post(f"{url}{THREADS_AT}", json={"learner_id": f"l{number}"})
                self.threads.append(answer.json()["id"])

    async def write(self) -> None:
        """Write all that there is."""
        await asyncio.gather(*(self._write(number) for number in range(CLIENTS)))

    async def _write(self, number: int) -> None:
        thread = self.threads[number % THREADS]
        async with httpx.AsyncClient(headers=self._headers, timeout=20) as client:
            for which in range(EACH):
                key = f"{number}-{which}"
                while key not in self.acknowledged:
                    await self._send(client, thread, key)

    async def _send(self, client: httpx.AsyncClient, thread: str, key: str) -> None:
        address = f"{self.url}{THREADS_AT}/{thread}/messages"
        try:
            answer = await client.post(
                address, json={"content": key, "sender_id": key}, headers={"Idempotency-Key": key}
            )
        except httpx.TransportError:
            await asyncio.sleep(0)
            return
        if answer.status_code == 201:
            self.acknowledged[key] = answer.json()["id"]
        else:
            assert answer.status_code == 503, answer.text

    async def has_written(self, share: float) -> None:
        """Wait until so much of it is answered for."""

        async def is_so_far() -> bool:
            return len(self.acknowledged) >= share * CLIENTS * EACH

        await eventually(is_so_far, what=f"{share:.0%} is answered for")


async def check(settings: Settings, writing: Writing) -> None:
    """Make sure that each message is there once, counted once, and told, in order."""
    expected = {UUID(message): key for key, message in writing.acknowledged.items()}
    assert len(expected) == CLIENTS * EACH
    async with session(settings) as connection:
        rows = await connection.fetch("SELECT id, content FROM messages")
        counted = await connection.fetchrow(
            "SELECT (SELECT sum(captured) FROM conversations)::int, "
            "(SELECT sum(messages) FROM message_day_deltas)::int"
        )
        noted = await connection.fetch("SELECT message_id FROM thread_events ORDER BY number")
    assert {row["id"]: row["content"] for row in rows} == expected
    assert len(rows) == CLIENTS * EACH
    assert tuple(counted or ()) == (CLIENTS * EACH, CLIENTS * EACH)
    events = [row["message_id"] for row in noted if row["message_id"] is not None]
    assert len(events) == len(expected)

    told = await events_once(settings, len(events) + THREADS)
    assert {UUID(each) for thread in told.values() for each in thread} == set(expected)
    for thread in writing.threads:
        of_thread = set(told[thread])
        assert told[thread] == [str(each) for each in events if str(each) in of_thread]


async def events_once(settings: Settings, at_least: int) -> dict[str, list[str]]:
    """Return which messages Kafka tells of, by thread, in order, each once: as who dedupes reads it."""
    (server,) = settings.kafka.require_servers()
    topic = topics_of(settings.topology).thread_events.name
    found: dict[str, dict[str, Any]] = {}

    async def are_there() -> bool:
        found.clear()
        for record in await all_records_in(server, topic):
            event = json.loads(record.value or b"")
            found.setdefault(event["event_id"], event)
        return len(found) >= at_least

    await eventually(are_there, what="all is told")
    by_thread: defaultdict[str, list[str]] = defaultdict(list)
    for event in found.values():
        if event["event_type"] == "CHAT_MESSAGE_CREATED":
            by_thread[event["data"]["thread_id"]].append(event["data"]["message_id"])
    return by_thread


async def test_the_api_is_killed_while_it_writes_and_sends(system: Settings, tmp_path: Path) -> None:
    writing = Writing(system)
    first = ApiProcess(system, tmp_path)
    try:
        await eventually(first.is_live)
        await writing.begin(first.url)
        programs = asyncio.create_task(writing.write())
        await writing.has_written(0.3)
    finally:
        # With what it writes, and what it sends to Kafka.
        first.make_sure_it_is_gone()
    async with served(system, tmp_path) as second:
        writing.url = second.url
        await programs
        await check(system, writing)


async def test_postgres_is_stopped_at_once_and_starts_again(
    system: Settings, dedicated_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    writing = Writing(system)
    async with served(system, tmp_path) as api:
        await writing.begin(api.url)
        programs = asyncio.create_task(writing.write())
        await writing.has_written(0.3)
        await dedicated_postgres.stop("immediate")
        await dedicated_postgres.start()
        await programs
        await check(system, writing)
