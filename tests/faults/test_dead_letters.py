"""The dead-letters topic cannot be written to: nothing is acknowledged, and nothing lost once it can be."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from app.commands.dead_letters import dead_letters
from app.kafka.topic_admin import ensure_topics
from app.kafka.topics import groups_of, topics_of
from app.postgres.connections import connect
from app.settings import Role
from models.errors import Reason
from models.limits import OUR_RECORD_MAX_BYTES
from tests.faults.cluster import committed, delete_topic, everything_is_committed, set_up_topic
from tests.faults.ledger import Ledger, Message, entries
from tests.faults.outage import is_ready_again, is_seen_to_wait, said, was_one_outage
from tests.looking import ready
from tests.services import as_environment, eventually
from tests.workers import count

if TYPE_CHECKING:
    from app.settings import Settings
    from tests.faults.report import FaultReport
    from tests.workers import Workers

GOOD = 1_000
BAD = 40


async def test_the_dead_letters_topic_takes_nothing_for_a_while(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    topics = topics_of(system.topology)
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report("the dead-letters topic takes nothing", ledger) as fault:
        await ready(worker)
        # Brokers refuse records without a key for a topic that is compacted.
        await set_up_topic(system, topics.dead_letters.name, cleanup_policy="compact")
        await ledger.produce(topics.chat_log.name, bad_and_good("refused"))
        await is_seen_to_wait(worker, "dead letters")
        # The rows do not wait for the dead letters among them; the offsets do.
        await eventually(lambda: has(system, GOOD))
        assert await nothing_is_committed(system)
        assert await count(system, "dead_letters") == 0
        await set_up_topic(system, topics.dead_letters.name, cleanup_policy="delete")
        fault.over()
        await ledger.settle()
        await eventually(
            lambda: everything_is_committed(system, groups_of(system.topology).persist, topics.chat_log.name)
        )

    await was_one_outage(worker, "dead letters")


@pytest.mark.long
async def test_the_dead_letters_topic_is_deleted_and_made_again(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    topics = topics_of(system.topology)
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report("the dead-letters topic is deleted and made again", ledger) as fault:
        await ready(worker)
        await ledger.produce(topics.chat_log.name, bad_and_good("before"))
        await ledger.settle()
        await delete_topic(system, topics.dead_letters.name)
        # Some of them end up, in the new topic, on offsets that the old one had.
        await ledger.produce(topics.chat_log.name, bad_and_good("meanwhile", bad=2 * BAD))
        await is_seen_to_wait(worker, "dead letters")
        assert await count(system, "dead_letters") == BAD
        await ensure_topics(system.kafka, system.topology)
        fault.over()
        # A topic that came back is found when the consumer next asks the brokers which topics there are.
        await ledger.settle()

    await is_ready_again(worker)


async def test_a_dead_letters_topic_that_is_too_small_stops_the_worker_with_what_to_do(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    topics = topics_of(system.topology)
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report("the dead-letters topic takes only small records", ledger) as fault:
        await ready(worker)
        await set_up_topic(system, topics.dead_letters.name, max_message_bytes="200")
        await ledger.produce(topics.chat_log.name, bad_and_good("too small"))

        assert worker.wait() != 0
        assert said(worker, f"does not fit into {topics.dead_letters.name}: raise its max.message.bytes")
        assert await nothing_is_committed(system)
        await set_up_topic(system, topics.dead_letters.name, max_message_bytes=str(OUR_RECORD_MAX_BYTES))
        workers.start(Role.PERSIST)
        fault.over()
        await ledger.settle()


async def test_what_was_refused_is_stored_when_it_is_replayed_after_the_mend(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, _ = Ledger(system), workers.start(Role.PERSIST)
    await execute(system, "ALTER TABLE chat_log ADD CONSTRAINT odd CHECK (content = 'only this')")
    with fault_report("dead letters are replayed after the mend", ledger) as fault:
        await ledger.produce(topics_of(system.topology).chat_log.name, entries(BAD, "replayed"))
        await eventually(lambda: has(system, BAD, "dead_letters"))
        await execute(system, "ALTER TABLE chat_log DROP CONSTRAINT odd")
        replayed = await asyncio.to_thread(
            CliRunner().invoke, dead_letters, ["replay", "--all", "--yes"], env=as_environment(system)
        )
        assert replayed.exit_code == 0, replayed.output
        fault.over()
        await ledger.settle()


def bad_and_good(tag: str, *, bad: int = BAD) -> list[Message]:
    """Make good entries with poison among them, all for one partition."""
    good = [replace(message, partition=0) for message in entries(GOOD, tag)]
    poison = [Message(None, f"{tag} {n}: not JSON".encode(), Reason.NOT_JSON, 0) for n in range(bad)]
    every = GOOD // bad
    return [m for n in range(bad) for m in (poison[n], *good[n * every : (n + 1) * every])]


async def has(system: Settings, number: int, table: str = "chat_log") -> bool:
    return await count(system, table) == number


async def execute(system: Settings, statement: str) -> None:
    connection = await connect(system.database)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def nothing_is_committed(system: Settings) -> bool:
    done = await committed(
        system, groups_of(system.topology).persist, topics_of(system.topology).chat_log.name
    )
    return not any(done.values())
