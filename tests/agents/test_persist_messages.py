"""Every record of a chunk is stored or a dead letter, and no platform waits for another's tables."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from aiokafka import ConsumerRecord

from agents.chunks import Chunk
from agents.persist_messages import PersistMessages
from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from app.worker.watch.figures import by_label
from models.dead_letters import from_record
from models.records import encode_record
from sinks.dead_letters import DeadLetterTopic
from tests.faults.cluster import everything_is_committed
from tests.looking import get, metrics, ready
from tests.services import changed, eventually
from tests.sinks.kafka.topics import make_topic, producing, records_in
from tests.sinks.postgres.message_records import (
    NOW_MS,
    clear,
    deletion_of,
    edit_of,
    fetch,
    message,
    presence,
    sink_on,
)
from tests.workers import count, prepare, produce, workers_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import asyncpg

    from app.settings import Settings
    from models.records import Record

TOPIC = "messages-twitch"


def chunk(*values: bytes | None) -> Chunk:
    records: list[ConsumerRecord[Any, Any]] = [
        ConsumerRecord(TOPIC, 1, offset, NOW_MS, 0, b"k", value, None, 1, len(value or b""), ())
        for offset, value in enumerate(values)
    ]
    return Chunk(TOPIC, 1, records, 100)


async def test_every_record_is_stored_or_a_dead_letter_with_its_own_place(
    database: Settings, pool: asyncpg.Pool, kafka: str, kafka_prefix: str
) -> None:
    topic = await make_topic(kafka, f"{kafka_prefix}-dead-letters", partitions=2)
    sink = sink_on(pool)
    said = message(1)
    values = [
        encode_record(said),
        b"{",
        encode_record(edit_of(said, NOW_MS + 10)),
        None,
        encode_record(message(2, content="a\x00b")),
        encode_record(message(3, platform="discord")),
        b'{"op":"unheard of","platform":"twitch"}',
        encode_record(message(4)),
    ]
    async with producing(kafka) as producer:
        dead_letters = DeadLetterTopic(producer, topic, partitions=2)
        await PersistMessages(sink, dead_letters)(chunk(*values))

    rows = await fetch(database, "SELECT content FROM messages ORDER BY id")
    assert [row["content"] for row in rows] == [f"edited at {NOW_MS + 10}", "message 4"]
    letters = [from_record(r.key, r.value, tuple(r.headers)) for r in await records_in(kafka, topic, 1)]
    assert {letter.offset: str(letter.reason) for letter in letters} == {
        1: "not_json",
        3: "empty",
        4: "rejected_by_database",
        5: "unknown_value",
        6: "wrong_type",
    }
    assert [letter.value for letter in letters if letter.offset == 4] == [values[4]]
    assert by_label(sink.figures.records_read) == {"twitch": 8}


async def test_a_platform_whose_tables_are_locked_holds_up_neither_another_nor_chat_log(
    settings: Callable[..., Settings], tmp_path: Path, pool: asyncpg.Pool
) -> None:
    system = settings(platforms=("twitch", "discord"))
    topics, group = topics_of(system.topology), groups_of(system.topology).persist
    await prepare(system)
    with workers_of(system, tmp_path / "workers") as workers:
        worker = workers.start(Role.PERSIST)
        await ready(worker)
        async with pool.acquire() as other, other.transaction():
            await other.execute("LOCK TABLE messages_twitch IN ACCESS EXCLUSIVE MODE")
            for platform in ("twitch", "discord"):
                said = [message(number, platform=platform) for number in range(500)]
                changes: list[Record] = [
                    edit_of(said[0], NOW_MS + 5_000),
                    deletion_of(said[1], NOW_MS + 5_000),
                    clear(NOW_MS + 6_000, "person-2", platform=platform),
                    presence(1, "join", NOW_MS, "guest", platform=platform),
                ]
                await send(system, topics.messages[platform].name, [*said, *changes])
            entry = b'{"userid":"u%d","timestamp":1760000000000,"direction":"user","content":"hello"}'
            await produce(system, topics.chat_log.name, [(b"u", entry % number) for number in range(500)])

            await eventually(lambda: everything_is_committed(system, group, topics.chat_log.name))
            await eventually(lambda: everything_is_committed(system, group, topics.messages["discord"].name))
            assert await count(system) == 500
            assert (
                await pool.fetchval("SELECT count(*) FROM messages_discord WHERE deleted IS NOT NULL") == 101
            )
            # Also what is settled, while the other waits.
            await eventually(lambda: stays_are_settled(pool))

        await eventually(lambda: everything_is_committed(system, group, topics.messages["twitch"].name))
        assert await pool.fetchval("SELECT count(*) FROM messages_twitch WHERE edited IS NOT NULL") == 1
        figures = await metrics(worker)
        rows = figures["chatlog_message_rows_total"]
        assert {dict(labels)["platform"]: value for labels, value in rows.items()} == {
            "twitch": 500,
            "discord": 500,
        }
        overview = (await get(worker, "/api/overview")).json
        assert overview["counters"]["message_rows"] == 1000
        shown = {each["platform"]: (each["rows"], each["refused"]) for each in overview["messages"]}
        assert shown == {"twitch": (500, 0), "discord": (500, 0)}
        assert (await get(worker, "/api/sink")).json["distributions"]["message_batch_records"]["count"] > 1
        assert "Messages by platform" in (await get(worker, "/")).text
        assert worker.stop() == 0


async def stays_are_settled(pool: asyncpg.Pool) -> bool:
    settled = await pool.fetchval("SELECT sum(messages) FROM stays WHERE platform = 'discord'")
    return bool(settled == 500)


async def test_records_read_again_from_the_start_by_two_workers_change_nothing(
    settings: Callable[..., Settings], tmp_path: Path, pool: asyncpg.Pool
) -> None:
    system = settings(platforms=("twitch",))
    topics = topics_of(system.topology)
    topic = topics.messages["twitch"].name
    await prepare(system)
    said = [message(number) for number in range(2_000)]
    changes: list[Record] = [edit_of(each, NOW_MS + 9_000) for each in said[::7]]
    changes += [deletion_of(each, NOW_MS + 9_500, deletion="blank") for each in said[::11]]
    # An edit may come before its message, on another partition.
    await send(system, topic, [*changes, *said])
    tables = []
    for attempt in range(2):
        again = changed(system, persist_group=f"{groups_of(system.topology).persist}-{attempt}")
        with workers_of(again, tmp_path / f"workers-{attempt}") as workers:
            crew = [workers.start(Role.PERSIST) for _ in range(2)]
            await asyncio.gather(*(ready(worker) for worker in crew))
            group = groups_of(again.topology).persist
            await eventually(partial(everything_is_committed, system, group, topic))
        rows = await pool.fetch("SELECT * FROM messages ORDER BY id")
        versions = await pool.fetch(
            "SELECT source, kind, changed, content FROM message_versions ORDER BY 1, 2, 3"
        )
        tables.append(([tuple(row) for row in rows], [tuple(row) for row in versions]))
        days = await pool.fetchval(
            "SELECT sum(messages) FROM (SELECT messages FROM message_days "
            "UNION ALL SELECT messages FROM message_day_deltas) AS counted"
        )
        assert days == 2_000
    assert tables[0] == tables[1]
    assert len(tables[0][0]) == 2_000


async def send(system: Settings, topic: str, records: list[Record]) -> None:
    await produce(
        system, topic, [(str(n % 7).encode(), encode_record(each)) for n, each in enumerate(records)]
    )
