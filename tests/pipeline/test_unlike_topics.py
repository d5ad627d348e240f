"""Capture is right whatever the topics look like: partitioned by others, each in its own way and number."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import orjson
import pytest

from app.kafka.topic_samples import RECORDS
from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from models.dead_letters import from_record
from models.errors import Reason
from tests.conversations import START_MS, conversations
from tests.faults.cluster import ends
from tests.librdkafka import Produced
from tests.looking import get, ready
from tests.services import changed, eventually
from tests.sinks.kafka.topics import all_records_in
from tests.unlike_topics import (
    IN_TURN,
    WITHOUT_KEY,
    Unlike,
    Written,
    assert_as_expected,
    assert_in_order,
    entries_of,
    make_topics,
    produce_all,
    produce_as,
    produce_as_it_happened,
    produce_events,
)
from tests.workers import WorkerProcess, Workers, prepare, workers_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from app.settings import Settings
    from models.dead_letters import DeadLetter
    from tests.librdkafka import Place

JAVA, LIBRDKAFKA, SARAMA = "murmur2_random", "consistent_random", "fnv1a_random"


@pytest.fixture
def system(settings: Callable[..., Settings]) -> Settings:
    """Settings of a system that the test makes the topics of."""
    return settings()


@pytest.fixture
async def workers(system: Settings, tmp_path: Path) -> AsyncIterator[Workers]:
    with workers_of(system, tmp_path) as started:
        yield started


@pytest.mark.parametrize(
    "unlike",
    [
        # Production and staging, as they are.
        Unlike(Written(48, (JAVA,)), Written(12, (LIBRDKAFKA,)), 12),
        Unlike(Written(8, (LIBRDKAFKA,)), Written(2, (LIBRDKAFKA,)), 12),
        # As many, and not alike.
        Unlike(Written(12, (JAVA,)), Written(12, (LIBRDKAFKA,)), 12),
        Unlike(Written(12, ("consistent",)), Written(12, ("murmur2",)), 4),
        Unlike(Written(6, (SARAMA,)), Written(6, (JAVA,)), 1),
        # Not partitioned by user at all.
        Unlike(Written(6, (IN_TURN,)), Written(6, (IN_TURN,)), 6),
        Unlike(Written(6, (WITHOUT_KEY,)), Written(6, (JAVA,)), 6),
        Unlike(Written(3, (JAVA,)), Written(5, (WITHOUT_KEY,)), 7),
        # Partitioned in another way from the middle on.
        Unlike(Written(12, (JAVA, LIBRDKAFKA)), Written(12, (JAVA,)), 12),
        Unlike(Written(12, (LIBRDKAFKA,)), Written(12, (LIBRDKAFKA, JAVA)), 12),
        # Alike.
        Unlike(Written(6, (LIBRDKAFKA,)), Written(6, (LIBRDKAFKA,)), 6),
    ],
    ids=str,
)
async def test_entries_are_right_live_and_the_same_when_the_topics_are_read_again(
    system: Settings, workers: Workers, tmp_path: Path, unlike: Unlike
) -> None:
    said = conversations(users=100, turns=10)
    await make_topics(system, unlike)
    both = [workers.start(Role.CAPTURE) for _ in range(2)]
    await eventually(lambda: share_the_work(both, system, unlike))
    await produce_as_it_happened(system, unlike, said)
    live = await entries_of(system, said)
    assert_as_expected(live, said)
    if unlike.events.keeps_order:
        await assert_in_order(system)
    workers.kill_all()

    again = of_another_group(system)
    await prepare(again)
    with workers_of(again, tmp_path / "again") as second:
        second.start(Role.CAPTURE)
        reread = await entries_of(again, said)

    assert reread == live


@pytest.mark.parametrize(
    "unlike",
    [
        Unlike(Written(12, (JAVA, LIBRDKAFKA)), Written(12, (LIBRDKAFKA,)), 12),
        Unlike(Written(6, (LIBRDKAFKA,)), Written(6, (JAVA,)), 6),
    ],
    ids=str,
)
async def test_after_a_lag_entries_are_right(system: Settings, workers: Workers, unlike: Unlike) -> None:
    # More states of a user than are read ahead of the events.
    said = conversations(users=40, turns=60)
    await make_topics(system, unlike)
    both = [workers.start(Role.CAPTURE) for _ in range(2)]
    await eventually(lambda: share_the_work(both, system, unlike))
    for worker in both:
        worker.freeze()
    await produce_all(system, unlike, said)
    for worker in both:
        worker.thaw()

    assert_as_expected(await entries_of(system, said), said)


@pytest.mark.parametrize("by", [JAVA, LIBRDKAFKA])
async def test_where_producers_agree_no_record_is_led(system: Settings, workers: Workers, by: str) -> None:
    unlike, topics = Unlike(Written(6, (by,)), Written(6, (by,)), 6), topics_of(system.topology)
    said = conversations(users=50, turns=4)
    await make_topics(system, unlike)
    await produce_all(system, unlike, said)
    workers.start(Role.CAPTURE)

    assert_as_expected(await entries_of(system, said), said)

    for led in (topics.events_by_user.name, topics.states_by_user.name):
        assert sum((await ends(system, led)).values()) == 0, led


async def test_without_any_state_events_are_captured_that_come_after_many_that_nobody_sees(
    system: Settings, workers: Workers
) -> None:
    unlike = Unlike(Written(4, (LIBRDKAFKA,)), Written(2, (JAVA,)), 2)
    said = conversations(users=8, turns=2)
    await make_topics(system, unlike)
    read = orjson.dumps({"sender": {"id": "1"}, "timestamp": START_MS, "read": {"watermark": START_MS}})
    # More of each partition than is looked at to see how the topic is partitioned.
    unseen = [Produced(b"1", read, number % 4) for number in range(4 * (RECORDS + 10))]
    await produce_as(system, topics_of(system.topology).events.name, unlike.events, unseen, LIBRDKAFKA)
    await produce_events(system, unlike, said, 0, 1)

    workers.start(Role.CAPTURE)

    entries = await entries_of(system, said)
    assert {orjson.loads(entry)["shortcode"] for entry in entries.values()} == {None}


async def test_a_dead_letter_names_the_record_that_others_wrote(system: Settings, workers: Workers) -> None:
    unlike = Unlike(Written(6, (JAVA,)), Written(6, (LIBRDKAFKA,)), 3)
    topics = topics_of(system.topology)
    # An event fits into its topic, and its entry not into this one: that is found out last.
    await make_topics(system, unlike, max_message_bytes="20000")
    said = conversations(users=24, turns=2)
    users = sorted({key for key, _ in said.events})
    headers = (("trace", b"\x00\x01"),)
    too_large = [Produced(key, long_text(key, number), headers=headers) for number, key in enumerate(users)]
    no_state = [Produced(key, b'{"userid": "1", "updated": "never"}', headers=headers) for key in users]
    expected = {
        place_of(topic, place): (reason, record.key, record.value, headers, place.timestamp_ms)
        for topic, written, records, reason in (
            (topics.events.name, unlike.events, too_large, Reason.TOO_LARGE),
            (topics.state.name, unlike.states, no_state, Reason.WRONG_TYPE),
        )
        for record, place in zip(
            records, await produce_as(system, topic, written, records, written.by[0]), strict=True
        )
    }
    await produce_all(system, unlike, said)
    workers.start(Role.CAPTURE)

    assert_as_expected(await entries_of(system, said), said)

    async def are_dead_letters() -> list[DeadLetter]:
        records = await all_records_in(system.kafka.require_servers()[0], topics.dead_letters.name)
        assert len(records) >= len(expected), f"{len(records)} dead letters"
        return [from_record(record.key, record.value, record.headers) for record in records]

    letters = {
        (letter.topic, letter.partition, letter.offset): (
            letter.reason,
            letter.key,
            letter.value,
            # What replay needs to know comes after them.
            letter.headers[: len(headers)],
            letter.timestamp_ms,
        )
        for letter in await eventually(are_dead_letters)
    }
    assert letters == expected


def long_text(key: bytes, number: int) -> bytes:
    event = {
        "sender": {"id": key.decode()},
        "recipient": {"id": "page-1"},
        "timestamp": START_MS + number,
        "message": {"mid": f"long {number}", "text": "x" * 15_000},
    }
    return orjson.dumps(event)


def place_of(topic: str, place: Place) -> tuple[str, int, int]:
    return topic, place.partition, place.offset


async def share_the_work(both: list[WorkerProcess], system: Settings, unlike: Unlike) -> bool:
    """Tell whether each partition of the topics of others is one worker's, and each worker has some."""
    topics = topics_of(system.topology)
    for name, partitions in (
        (topics.events.name, unlike.events.partitions),
        (topics.state.name, unlike.states.partitions),
    ):
        parts = []
        for worker in both:
            await ready(worker)
            assignment = (await get(worker, "/api/overview")).json["assignment"]
            parts.append(assignment.get(name, []))
        assert all(parts), f"{name}: {parts}"
        assert sorted(chain.from_iterable(parts)) == [*range(partitions)], f"{name}: {parts}"
    return True


def of_another_group(system: Settings) -> Settings:
    return changed(
        system,
        capture_group=f"{groups_of(system.topology).capture}-again",
        vlab_chat_log_topic=f"{topics_of(system.topology).chat_log.name}-again",
    )
