"""A capture worker that stops or dies in the middle, with its table in memory or in RocksDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from app.kafka.topics import topics_of
from app.settings import Role
from tests.conversations import conversations
from tests.faults.cluster import delete_records, ends, set_up_topic
from tests.faults.joined import assert_joined_as_expected, contradictions, entries_are_at_least, entries_in
from tests.faults.ledger import Ledger
from tests.faults.messages import events_of, states_of
from tests.services import changed, eventually
from tests.workers import count, produce

if TYPE_CHECKING:
    from typing import Literal

    from app.settings import Settings
    from tests.conversations import Conversations
    from tests.faults.report import FaultReport
    from tests.workers import Workers


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_after_a_restart_every_message_finds_its_own_state(
    system: Settings,
    workers: Workers,
    fault_report: FaultReport,
    store: Literal["memory", "rocksdb"],
    how: str,
) -> None:
    said, ledger = conversations(users=300, turns=20), Ledger(system)
    keeping = changed(system, table_store=store)
    half = len(said.events) // 2
    with fault_report(f"capture is {how} and started again, its table in {store}", ledger) as fault:
        workers.start(Role.PERSIST)
        first = workers.start(Role.CAPTURE, keeping)
        await play(system, ledger, said, 0, half)
        await eventually(lambda: rows_are_at_least(system, half // 3), what="the first worker is at work")
        if how == "killed":
            first.kill()
        else:
            assert first.stop() == 0
        await play(system, ledger, said, half, len(said.events))
        workers.start(Role.CAPTURE, keeping, like=first)
        fault.over()
        await ledger.settle()

    await assert_joined_as_expected(system, said)
    # What was read twice was joined twice in the same way, or it would be chance which one is the row.
    assert await contradictions(system) == []


async def test_a_worker_killed_while_it_catches_up_joins_what_it_reads_again_as_before(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    """States are read far ahead of the events, and more was joined than committed when it dies."""
    said, ledger = conversations(users=20, turns=150), Ledger(system)
    hasty = changed(system, chunk_max_records=50, commit_interval_s=5.0)
    with fault_report("kill -9 of capture while it catches up", ledger) as fault:
        await play(system, ledger, said, 0, len(said.events))
        first = workers.start(Role.CAPTURE, hasty)
        await eventually(lambda: entries_are_at_least(system, 2_000), what="the first worker is at work")
        first.kill()
        workers.start(Role.CAPTURE, hasty, like=first)
        workers.start(Role.PERSIST)
        fault.over()
        await ledger.settle()

    await assert_joined_as_expected(system, said)
    assert await entries_in(system) > len(said.events), "nothing was read again"
    assert await contradictions(system) == []


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_a_table_whose_changelog_was_trimmed_recovers_what_is_left(
    system: Settings, workers: Workers, fault_report: FaultReport, store: Literal["memory", "rocksdb"]
) -> None:
    keeping = changed(system, table_store=store)
    said, ledger = conversations(users=100, turns=10), Ledger(system)
    half = len(said.events) // 2
    with fault_report(f"the changelog of a table in {store} is trimmed", ledger) as fault:
        workers.start(Role.PERSIST)
        first = workers.start(Role.CAPTURE, keeping)
        await play(system, ledger, said, 0, half)
        await ledger.settle()
        assert first.stop() == 0
        # Another machine goes on, so that what the first one has on its disk is older than all that is left.
        second = workers.start(Role.CAPTURE, keeping)
        await play(system, ledger, said, half, len(said.events))
        await ledger.settle()
        assert second.stop() == 0
        await trim(system, topics_of(system.topology).state_changelog.name)
        third = workers.start(Role.CAPTURE, keeping, like=first)
        await eventually(third.is_ready, what="recovery does not wait for records that are gone")
        fault.over()
        last_word = conversations(users=1, turns=1, tag="last")
        await play(system, ledger, last_word, 0, len(last_word.events))
        await ledger.settle()


async def test_persist_stops_and_says_so_when_its_table_is_missing(
    system: Settings, workers: Workers, empty_database_url: str
) -> None:
    empty = changed(system, database_url=SecretStr(empty_database_url))
    worker = workers.start(Role.PERSIST, empty)
    entry = b'{"userid":"1","timestamp":1,"direction":"user","content":"x"}'
    await produce(system, topics_of(system.topology).chat_log.name, [(b"1", entry)])

    assert worker.wait() != 0
    assert "chatlog migrate up" in worker.log.read_text()


async def play(system: Settings, ledger: Ledger, said: Conversations, start: int, end: int) -> None:
    """Produce a stretch of a conversation: as many states as events, the states first."""
    topics = topics_of(system.topology)
    await ledger.produce(topics.state.name, states_of(said)[start:end])
    await ledger.produce(topics.events.name, events_of(said)[start:end])


async def trim(system: Settings, topic: str) -> None:
    """Delete what the log holds, as retention would; the offsets go on."""
    # Brokers refuse to delete from a topic that is only compacted.
    await set_up_topic(system, topic, cleanup_policy="compact,delete")
    await delete_records(system, topic, await ends(system, topic))


async def rows_are_at_least(system: Settings, number: int) -> bool:
    return await count(system) >= number
