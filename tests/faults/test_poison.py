"""Poison among good records: each is stored or a dead letter as its rule says, and none holds up another."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer

from app.kafka.clients import client_settings
from app.kafka.topics import topics_of
from app.postgres.connections import connect
from app.settings import Role
from models.errors import Reason
from tests.faults.ledger import Ledger, Message, entries, events_and_states
from tests.faults.poison import poison_entries, poison_events, poison_states, stored_text
from tests.looking import ready
from tests.workers import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.settings import Settings
    from tests.faults.report import FaultReport
    from tests.workers import Workers

GOOD = 10_000
#: Where among the good ones the poison is: another number, another order.
SEED = 4


async def test_poison_for_persist(system: Settings, workers: Workers, fault_report: FaultReport) -> None:
    poison = {tag: poison_entries(tag) for tag in ("once ", "twice ")}
    sent = mixed(entries(GOOD, "good"), [message for kinds in poison.values() for message in kinds.values()])
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report(f"{len(poison['once '])} kinds of poison for persist, twice", ledger):
        await ledger.produce(topics_of(system.topology).chat_log.name, sent)
        await ledger.settle()

    await kept_as_they_came(system, sent)
    await texts_are_stored_as_they_should(system, [*poison["once "].items(), *poison["twice "].items()])
    assert worker.running


async def test_poison_for_capture(system: Settings, workers: Workers, fault_report: FaultReport) -> None:
    events, states = events_and_states(GOOD, "good")
    poison = [poison_events(tag) for tag in ("once ", "twice ")]
    bad_states = [message for tag in ("once ", "twice ") for message in poison_states(tag).values()]
    bad_events = [message for kinds in poison for message in kinds.values()]
    ledger, topics = Ledger(system), topics_of(system.topology)
    running = [workers.start(Role.CAPTURE), workers.start(Role.PERSIST)]
    what = f"{len(bad_events) // 2} kinds of poison for capture, {len(bad_states) // 2} among states, twice"
    with fault_report(what, ledger):
        sent = [mixed(states, bad_states), mixed(events, bad_events)]
        await ledger.produce(topics.state.name, sent[0])
        await ledger.produce(topics.events.name, sent[1])
        await ledger.settle()

    await kept_as_they_came(system, [*sent[0], *sent[1]])
    await texts_are_stored_as_they_should(system, [item for kinds in poison for item in kinds.items()])
    assert all(worker.running for worker in running)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_records_are_read_however_they_are_compressed(
    system: Settings, workers: Workers, fault_report: FaultReport, codec: str
) -> None:
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report(f"records compressed by {codec}", ledger):
        await produce_compressed(
            system, ledger, topics_of(system.topology).chat_log.name, entries(100, codec), codec
        )
        await ledger.settle()

    assert worker.running


#: More than any topic of ours takes, of what compresses to less than a topic takes by default.
_LARGE = b"x" * 6_000_000
COMPRESSED = {
    "an entry": Message(
        b"1",
        b'{"userid":"1","timestamp":1,"direction":"user","content":"%s"}' % _LARGE,
        ("1", 1, "user"),
    ),
    "no entry": Message(b"1", b"{" + _LARGE, Reason.NOT_JSON),
    "an event": Message(
        b"1", b'{"sender":{"id":"1"},"timestamp":1,"message":{"text":"%s"}}' % _LARGE, Reason.TOO_LARGE
    ),
    "no event": Message(b"1", b"{" + _LARGE, Reason.NOT_JSON),
    "a state": Message(
        b"1", b'{"userid":"1","updated":1,"state_json":{"md":{"x":"%s"}}}' % _LARGE, Reason.TOO_LARGE
    ),
}


@pytest.mark.parametrize("kind", COMPRESSED)
async def test_a_record_that_is_small_only_while_it_is_compressed_holds_nothing_up(
    system: Settings, workers: Workers, fault_report: FaultReport, kind: str
) -> None:
    topics = topics_of(system.topology)
    topic, good = topics.chat_log.name, entries(10, "after it")
    if "event" in kind or "state" in kind:
        workers.start(Role.CAPTURE)
        topic = topics.events.name if "event" in kind else topics.state.name
        good = events_and_states(10, "after it")[0]
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report(f"{kind} of 6 MB in 10 kB", ledger):
        await ready(worker)
        await produce_compressed(system, ledger, topic, [COMPRESSED[kind]], "gzip")
        await ledger.produce(topics.events.name if topic == topics.state.name else topic, good)
        await ledger.settle()


def mixed(good: Sequence[Message], poison: Iterable[Message]) -> list[Message]:
    """Put poison in random places among good messages, which keep their order."""
    chance = random.Random(SEED)
    places = [(chance.uniform(0, len(good)), message) for message in poison]
    everything = [*enumerate(good), *places]
    return [message for _, message in sorted(everything, key=lambda placed: placed[0])]


async def kept_as_they_came(system: Settings, sent: Iterable[Message]) -> None:
    """Every dead letter holds the key and the value of a message that was sent, byte for byte."""
    connection = await connect(system.database)
    try:
        kept = await connection.fetch("SELECT key, value, reason FROM dead_letters")
    finally:
        await connection.close()
    bad = sorted(_bytes_of(m.key, m.value, m.becomes) for m in sent if isinstance(m.becomes, Reason))
    assert sorted(_bytes_of(row["key"], row["value"], row["reason"]) for row in kept) == bad


async def texts_are_stored_as_they_should(system: Settings, poison: Iterable[tuple[str, Message]]) -> None:
    rows = await rows_of(system)
    for name, message in poison:
        if isinstance(message.becomes, tuple) and (text := stored_text(name)) is not None:
            assert rows[message.becomes]["content"] == text, name


async def produce_compressed(
    system: Settings, ledger: Ledger, topic: str, messages: Iterable[Message], codec: str
) -> None:
    producer = AIOKafkaProducer(
        **client_settings(system.kafka), acks="all", compression_type=codec, max_request_size=64 * 2**20
    )
    await producer.start()
    try:
        await ledger.produce_with(producer, topic, messages)
    finally:
        await producer.stop()


def _bytes_of(key: bytes | None, value: bytes | None, reason: object) -> tuple[bytes, bool, bytes, str]:
    return key or b"", value is None, value or b"", str(reason)
