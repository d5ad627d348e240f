"""What happens in threads is told: to Kafka, in order, also after it was away; and to those who watch."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from jsonschema import Draft202012Validator, FormatChecker
from prometheus_client import Gauge

from app.kafka.topics import topics_of
from app.postgres.connections import connect
from app.threads.watching import thread_events
from app.web import streams
from models.access import Action
from sinks.sql import statements
from tests.services import changed, eventually
from tests.sinks.kafka.topics import all_records_in
from tests.site.fixtures import client_of, running
from tests.site.owners import ANA, add_export, row_of
from tests.threads.asking import THREADS_AT, Asking

if TYPE_CHECKING:
    import asyncpg
    import pytest
    from fastapi import FastAPI

    from app.settings import Settings

SCHEMA = json.loads(Path("docs/thread-event.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
SQL = statements("thread_events")
TOLD_WITHIN_S = 60.0


async def events_in_kafka(settings: Settings, at_least: int) -> dict[str, list[dict[str, Any]]]:
    """Return the events that Kafka has, once it has so many, by thread, in order; each is as docs say."""
    (server,) = settings.kafka.require_servers()
    topic = topics_of(settings.topology).thread_events.name
    found: list[dict[str, Any]] = []

    async def are_there() -> bool:
        found[:] = [json.loads(record.value or b"") for record in await all_records_in(server, topic)]
        return len({event["event_id"] for event in found}) >= at_least

    await eventually(are_there)
    by_thread: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in found:
        VALIDATOR.validate(event)
        by_thread[event["data"]["thread_id"]].append(event)
    return by_thread


def told(events: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [
        (event["event_type"].removeprefix("CHAT_"), event["data"].get("content", None)) for event in events
    ]


async def test_all_that_happens_in_a_thread_is_told_in_order(acme: Asking, system: Settings) -> None:
    threads = [await acme.thread(f"l{number}") for number in range(3)]
    for number in range(4):
        for thread in threads:
            await acme.say(thread, f"{number}", sender_id="user-456")
    first = threads[0]
    messages = (await acme.ask("GET", f"{THREADS_AT}/{first}/messages")).json()["items"]
    where = f"{THREADS_AT}/{first}/messages/{messages[0]['id']}"
    await events_in_kafka(system, 15)
    await acme.ask("PUT", where, json={"content": "0!"})
    await events_in_kafka(system, 16)
    await acme.ask("DELETE", where)
    await acme.ask("PUT", f"{THREADS_AT}/{first}", json={"title": "New"})
    await acme.ask("DELETE", f"{THREADS_AT}/{threads[1]}")

    by_thread = await events_in_kafka(system, 19)
    assert told(by_thread[first]) == [
        ("THREAD_CREATED", None),
        *(("MESSAGE_CREATED", str(number)) for number in range(4)),
        ("MESSAGE_UPDATED", "0!"),
        ("MESSAGE_DELETED", None),
        ("THREAD_UPDATED", None),
    ]
    assert told(by_thread[threads[1]])[-1] == ("THREAD_DELETED", None)
    event = by_thread[first][1]
    assert (event["tenant_id"], event["learner_id"]) == ("acme", "l0")
    assert event["data"] == {
        "message_id": messages[0]["id"],
        "thread_id": first,
        "sender_id": "user-456",
        "message_type": "text",
        "content": "0",
    }


async def test_without_kafka_threads_are_kept_and_told_of_when_it_is_back(system: Settings) -> None:
    away = changed(system, kafka_bootstrap_servers=("127.0.0.1:9",))
    async with running(away) as app, client_of(app) as client:
        acme = Asking(client, away, "acme")
        thread = await acme.thread()
        for number in range(3):
            await acme.say(thread, str(number))
        message = (await acme.ask("GET", f"{THREADS_AT}/{thread}/messages")).json()["items"][1]
        await acme.ask("DELETE", f"{THREADS_AT}/{thread}/messages/{message['id']}")
        assert await acme.said(thread) == ["0", "2"]
    # Two of them send at once, and none overtakes another.
    async with running(system), running(system):
        by_thread = await events_in_kafka(system, 5)
    assert told(by_thread[thread]) == [
        ("THREAD_CREATED", None),
        ("MESSAGE_CREATED", "0"),
        # Of what was deleted meanwhile, it is told that it was there.
        ("MESSAGE_CREATED", None),
        ("MESSAGE_CREATED", "2"),
        ("MESSAGE_DELETED", None),
    ]


async def test_exports_that_cannot_be_sent_keep_back_no_event(system: Settings) -> None:
    lacking = changed(system, vlab_exports_topic=f"{system.topology.vlab_env}-is-not-there")
    export = await add_export(lacking, ANA, published=None)
    async with running(lacking) as app, client_of(app) as client:
        acme = Asking(client, lacking, "acme")
        thread = await acme.thread()
        await acme.say(thread, "told")
        by_thread = await events_in_kafka(lacking, 2)
        assert told(by_thread[thread])[-1] == ("MESSAGE_CREATED", "told")
        await eventually(lambda: app.state.outbox.is_well is False)
    assert (await row_of(lacking, export))["published"] is None


async def test_events_with_much_to_tell_go_in_parts_that_are_not_too_large(
    acme: Asking, system: Settings
) -> None:
    thread = await acme.thread()
    text = "a" * 90_000
    for number in range(50):
        await acme.say(thread, f"{number:03}{text}")
    await events_in_kafka(system, 51)
    connection = await connect(system.database)
    try:
        # Never committed, so that the API sends none of them meanwhile.
        async with connection.transaction():
            await connection.execute("UPDATE thread_events SET published = NULL")
            rows = await connection.fetch(SQL.take_unpublished)
            watched = await connection.fetch(SQL.find_events, "acme", UUID(thread), 0)
    finally:
        await connection.close()
    assert 4e6 <= size_of(rows) < 4e6 + 2 * len(text)
    assert 1e6 <= size_of(watched) < 1e6 + 2 * len(text)


async def test_that_there_is_something_new_is_seen_without_reading_all_that_was(system: Settings) -> None:
    threads = [uuid4() for _ in range(3)]
    connection = await connect(system.database)
    try:
        async with connection.transaction():
            await connection.execute(
                "INSERT INTO thread_events (tenant_id, learner_id, conversation_id, event_type, occurred) "
                "SELECT 'acme', 'l', thread, 'CHAT_THREAD_UPDATED', now() "
                "FROM unnest($1::uuid[]) AS thread, generate_series(1, 2000)",
                threads,
            )
            await connection.execute("ANALYZE thread_events")
            await connection.execute("SET LOCAL ROLE chatlog_api")
            await connection.execute("SET LOCAL chatlog.tenant = 'acme'")
            rows = await connection.fetch(SQL.find_last_events, "acme", [*threads, uuid4()])
            told = await connection.fetchval(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {SQL.find_last_events}", "acme", threads
            )
    finally:
        await connection.close()
    assert {row["conversation_id"] for row in rows} == set(threads)
    assert {row["number"] % 2000 for row in rows} == {0}
    assert rows_read_in(json.loads(told)[0]["Plan"]) < 20


def rows_read_in(plan: dict[str, Any]) -> int:
    """Return how many rows the part of a plan that reads most does."""
    own = plan["Actual Loops"] * (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))
    return int(max([own, *map(rows_read_in, plan.get("Plans", []))]))


def size_of(rows: list[asyncpg.Record]) -> int:
    return sum(len(row["content"] or "") for row in rows)


class Watching:
    """Somebody who watches a thread by a replica."""

    def __init__(self, app: FastAPI, last_event_id: str | None = None) -> None:
        self._app = app
        self._last = last_event_id
        self.ids: list[str] = []

    async def begin(self, acme: Asking, thread: str) -> Watching:
        """Begin; what happens from now on is told."""
        services = self._app.state.threads
        head = await services.threads.head(acme.caller, Action.READ_THREADS, UUID(thread))
        gauge = Gauge("w", "w", registry=None)
        stream: Any = thread_events(services.watched, acme.caller, head, self._last, gauge)
        self._events = stream.body_iterator
        async with asyncio.timeout(TOLD_WITHIN_S):
            assert (await anext(self._events)).comment == "following"
        return self

    async def next(self) -> tuple[str, str | None]:
        """Return the next event."""
        async with asyncio.timeout(TOLD_WITHIN_S):
            event = await anext(self._events)
        data = json.loads(event.data)
        VALIDATOR.validate(data)
        assert (event.event, str(event.id)) == (data["event_type"], data["event_id"])
        self.ids.append(str(event.id))
        return told([data])[0]

    async def is_over(self) -> bool:
        """Tell whether the stream has ended."""
        async with asyncio.timeout(TOLD_WITHIN_S):
            return await anext(self._events, None) is None

    async def leave(self) -> None:
        """Watch no more."""
        await self._events.aclose()


async def test_whoever_watches_is_told_by_any_replica_and_from_where_they_were(
    system: Settings,
) -> None:
    async with running(system) as one, running(system) as two, client_of(one) as client:
        acme = Asking(client, system, "acme")
        thread, other = await acme.thread(), await acme.thread()
        await acme.say(thread, "before")
        here, there = Watching(one), Watching(two)
        for watching in (here, there):
            await watching.begin(acme, thread)
        await acme.say(other, "not for them")
        await acme.say(thread, "first")
        for watching in (here, there):
            assert await watching.next() == ("MESSAGE_CREATED", "first")
        assert here.ids == there.ids
        await there.leave()
        await acme.say(thread, "second")
        await acme.say(thread, "third")
        back = await Watching(two, there.ids[-1]).begin(acme, thread)
        for watching in (here, back):
            assert [await watching.next() for _ in range(2)] == [
                ("MESSAGE_CREATED", "second"),
                ("MESSAGE_CREATED", "third"),
            ]
        all_of_it = await Watching(two, "nothing that we know").begin(acme, thread)
        assert (await all_of_it.next())[0] == "THREAD_CREATED"
        await all_of_it.leave()
        await acme.ask("DELETE", f"{THREADS_AT}/{thread}")
        for watching in (here, back):
            assert (await watching.next())[0] == "THREAD_DELETED"
            assert await watching.is_over()


async def test_who_finds_no_place_to_watch_is_told_before_the_stream_begins(
    acme: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = f"{THREADS_AT}/{await acme.thread()}/events"
    for limit, status in (("WATCHERS_MAX", 503), ("WATCHERS_OF_ONE_MAX", 429)):
        monkeypatch.setattr(streams, limit, 0)
        answer = await acme.ask("GET", where)
        assert (answer.status_code, answer.headers["Retry-After"]) == (status, "5")
        assert answer.headers["content-type"] == "application/problem+json"
