"""The ledger itself: what is lost or doubled does not escape it, or the other tests here prove nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
import pytest

from app.kafka.topics import topics_of
from models.errors import Reason
from tests.faults.ledger import Ledger, Message, entries
from tests.faults.report import Report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from app.settings import Settings

    Connection = asyncpg.Connection[asyncpg.Record]

_WRITE = """
    INSERT INTO chat_log (userid, timestamp, direction, content)
    VALUES ($1, to_timestamp($2::bigint / 1000.0), $3, '')
"""
_BURY = 'INSERT INTO dead_letters (topic, partition, "offset", reason) VALUES ($1, $2, $3, $4)'


@pytest.fixture
async def writer(system: Settings) -> AsyncIterator[Connection]:
    """Writes in the place of the workers, so that a test decides what they got wrong."""
    connection = await asyncpg.connect(system.database.require_url())
    yield connection
    await connection.close()


async def test_all_in_order(system: Settings, writer: Connection) -> None:
    ledger, topic = Ledger(system), topics_of(system.topology).chat_log.name
    good = entries(10, "good")
    await ledger.produce(topic, [Message(b"bad", b"?", Reason.NOT_JSON, partition=2), *good])
    await write(writer, good)
    await writer.execute(_BURY, topic, 2, 0, "not_json")

    account = await ledger.settle()

    assert (account.messages, account.lost_count, account.doubled_count) == (11, 0, 0)


async def test_a_row_that_is_missing_is_lost_even_if_another_makes_up_the_number(
    system: Settings, writer: Connection
) -> None:
    ledger, good = Ledger(system), entries(10, "good")
    await ledger.produce(topics_of(system.topology).chat_log.name, good)
    await write(writer, [*good[1:], *entries(1, "of nobody")])

    account = await ledger.account()

    assert account.lost == (f"row {' '.join(map(str, good[0].becomes or ()))}",)
    assert account.doubled == (f"row {' '.join(map(str, entries(1, 'of nobody')[0].becomes or ()))}",)
    with pytest.raises(AssertionError, match="of 10 messages, 1 are lost"):
        await ledger.settle(0.2)


@pytest.mark.parametrize(("reason", "offset"), [("too_large", 0), ("not_json", 1)])
async def test_a_dead_letter_for_another_reason_or_from_another_place_is_another(
    system: Settings, writer: Connection, reason: str, offset: int
) -> None:
    ledger, topic = Ledger(system), topics_of(system.topology).chat_log.name
    await ledger.produce(topic, [Message(b"bad", b"?", Reason.NOT_JSON, partition=0)])
    await writer.execute(_BURY, topic, 0, offset, reason)

    account = await ledger.account()

    assert account.lost == (f"dead letter {topic}[0]@0: not_json",)
    assert account.doubled == (f"dead letter {topic}[0]@{offset}: {reason}",)


async def test_a_message_that_is_a_row_and_a_dead_letter_is_doubled(
    system: Settings, writer: Connection
) -> None:
    ledger, topic = Ledger(system), topics_of(system.topology).chat_log.name
    (good,) = [replace(message, partition=0) for message in entries(1, "both")]
    await ledger.produce(topic, [good])
    await write(writer, [good])
    await writer.execute(_BURY, topic, 0, 0, "not_json")

    with pytest.raises(AssertionError, match=r"0 are lost \(\), 1 doubled"):
        await ledger.settle()


async def test_a_fault_whose_messages_were_never_looked_at_has_failed(system: Settings) -> None:
    report, ledger = Report(), Ledger(system)
    with report.of("a test")("a fault", ledger):
        await ledger.produce(topics_of(system.topology).chat_log.name, entries(1, "unseen"))

    (outcome,) = report.outcomes
    assert (outcome.messages, outcome.recovery_s, outcome.failed) == (1, None, True)


async def write(writer: Connection, messages: Iterable[Message]) -> None:
    await writer.executemany(_WRITE, [m.becomes for m in messages if isinstance(m.becomes, tuple)])
