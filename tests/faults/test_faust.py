"""Failure modes of Faust that show only in whole workers; docs/faust.md tells what holds each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from tests.faults.cluster import committed
from tests.faults.ledger import Ledger, closing_connection, entries, events_and_states
from tests.services import changed, eventually
from tests.workers import Workers, count, prepare, workers_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.settings import Settings
    from tests.faults.report import FaultReport

pytestmark = pytest.mark.long

MESSAGES = 400
#: The same key as a message, not yet committed: who writes that as well waits for what becomes of this.
_BE_FIRST = """
    INSERT INTO chat_log (userid, timestamp, direction, content)
    VALUES ($1, timestamptz 'epoch' + $2 * interval '1 millisecond', $3, '')
"""


async def test_a_worker_dies_while_the_first_record_of_a_new_group_is_not_done(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    """Failure mode 1: Faust commits past that record once later ones are acknowledged."""
    ledger = Ledger(system)
    hasty = changed(system, chunk_max_records=1, batch_max_entries=1, commit_interval_s=0.1)
    messages = entries(MESSAGES, "first")
    topic = topics_of(system.topology).chat_log.name
    with fault_report(
        "a worker dies whose first record still waits, and later ones are rows", ledger
    ) as fault:
        async with closing_connection(system) as connection:
            other_writer = connection.transaction()
            await other_writer.start()
            await connection.execute(_BE_FIRST, *key_of(messages[0].becomes))
            await ledger.produce(topic, messages)
            victim = workers.start(Role.PERSIST, hasty)
            await eventually(lambda: rows_are_at_least(system, 50), what="later records are rows")
            await eventually(lambda: something_is_committed(system, topic))
            victim.kill()
            done = ledger.rows_before(
                topic, await committed(system, groups_of(system.topology).persist, topic)
            )
            assert messages[0].becomes not in done, "it is committed, and nowhere"
            await other_writer.rollback()
        fault.over()
        workers.start(Role.PERSIST, hasty)

        await ledger.settle()


async def test_a_spare_capture_worker_takes_over(
    settings: Callable[..., Settings], tmp_path: Path, fault_report: FaultReport
) -> None:
    """Faust lets a worker that had no partitions poll new ones before it knows them, and fails."""
    system = settings(topic_partitions=1)
    await prepare(system)
    ledger = Ledger(system)
    topics = topics_of(system.topology)
    events, states = events_and_states(MESSAGES, "spare")
    with (
        workers_of(system, tmp_path) as workers,
        fault_report("of two workers and one partition, first one dies, then the other", ledger) as fault,
    ):
        workers.start(Role.PERSIST)
        first, second = workers.start(Role.CAPTURE), workers.start(Role.CAPTURE)
        for part, victim in enumerate((first, second)):
            await eventually(first.is_ready)
            await eventually(second.is_ready)
            stretch = slice(part * MESSAGES // 2, (part + 1) * MESSAGES // 2)
            await ledger.produce(topics.state.name, states[stretch])
            await ledger.produce(topics.events.name, events[stretch])
            victim.kill()
            if victim is first:
                first = workers.start(Role.CAPTURE, like=first)
        fault.over()

        await ledger.settle()
        assert first.running, "the worker that was left has ended"


def key_of(becomes: object) -> tuple[str, int, str]:
    assert isinstance(becomes, tuple)
    return becomes


async def something_is_committed(system: Settings, topic: str) -> bool:
    return any((await committed(system, groups_of(system.topology).persist, topic)).values())


async def rows_are_at_least(system: Settings, number: int) -> bool:
    return await count(system) >= number
