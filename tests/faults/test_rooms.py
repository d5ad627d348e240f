"""Twitch and Discord under faults: edits, deletions, redeliveries with other times, rules that change.

Whatever is killed, the tables hold what a model makes of the stream, and reading everything again changes
none of it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from tests.faults.cluster import committed
from tests.faults.ledger import closing_connection
from tests.faults.load import under_load
from tests.faults.locking import messages_locked
from tests.faults.rooms import tables
from tests.faults.rooms.ledger import RoomsLedger
from tests.faults.rooms.stream import Stream
from tests.looking import metrics, ready
from tests.services import changed, eventually, migrate, settings_for_tests
from tests.workers import count, prepare, workers_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.local.embedded import EmbeddedKafka, EmbeddedPostgres
    from app.settings import Settings
    from tests.faults.report import FaultReport
    from tests.workers import WorkerProcess, Workers

MESSAGES = 1_500
#: How far back the stream begins: longer than a message's first time is remembered, and than a stay's gap.
BEFORE_MS = 3 * 60 * 60_000
PLATFORMS = ("twitch", "discord")
BOTH = (Role.CAPTURE_PLATFORMS, Role.PERSIST)
#: What holds when the stream begins.
RULES = """
    INSERT INTO chat_logging_config (platform, channel, sampling_rate, deletions, exempt, ignored_users, bots)
    VALUES ('twitch', '1002', 0.5, NULL, '{moderator, reply}', '{}', NULL),
           ('twitch', '1003', 1, 'blank', NULL, '{105, 106}', NULL),
           ('discord', '*', 1, 'hide', NULL, NULL, NULL),
           ('discord', '2002', 0.3, NULL, '{mention}', '{107}', false)
"""
SINCE_EVER = "UPDATE chat_logging_config_versions SET valid_from = '2020-01-01'"
MID_STREAM = "UPDATE chat_logging_config_versions SET valid_from = $1 WHERE valid_from > now()"
#: What changes while it goes on.
CHANGES = """
    INSERT INTO chat_logging_config (platform, channel, sampling_rate) VALUES ('twitch', '1001', 0.2);
    UPDATE chat_logging_config SET sampling_rate = 0.9 WHERE channel = '1002';
    UPDATE chat_logging_config SET deletions = 'keep', is_enabled = false WHERE channel = '1003';
    DELETE FROM chat_logging_config WHERE channel = '2002';
    INSERT INTO chat_logging_config (platform, channel, deletions) VALUES ('discord', '2001', 'blank');
    INSERT INTO opt_outs (platform, person_id, since)
    SELECT platform, '110', now() + interval '10 s' FROM unnest('{twitch, discord}'::varchar[]) AS platform;
"""


@pytest.fixture
async def system(settings: Callable[..., Settings]) -> Settings:
    """A system that captures both platforms."""
    made = settings(platforms=PLATFORMS)
    await prepare(made)
    return made


async def make_rules(system: Settings) -> None:
    async with closing_connection(system) as connection:
        await connection.execute(RULES)
        await connection.execute(SINCE_EVER)


class Rooms:
    """The stream of a test, and its ledger: what comes is of a time before now, and is not there before."""

    def __init__(self, ledger: RoomsLedger, seed: int) -> None:
        self._ledger = ledger
        self._stream = Stream(seed)
        self._until_ms = now_ms() - BEFORE_MS

    async def go_on(self, messages: int, to_ms: int | None = None) -> None:
        """Have so many messages said from where the stream is, up to a time or now."""
        since_ms, self._until_ms = self._until_ms, to_ms or now_ms()
        await self._ledger.produce(self._stream.take(messages, since_ms, self._until_ms))

    async def end(self) -> None:
        """Have the rest come that was to come."""
        await self._ledger.produce(self._stream.rest(now_ms()))


async def test_workers_of_each_role_are_killed_and_all_is_read_again(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, rooms = await begun(system)
    with fault_report("platforms: kill -9 of one of two workers of each role", ledger) as fault:
        crew = [workers.start(role) for role in (*BOTH, *BOTH)]
        for worker in crew:
            await ready(worker)
        async with under_load(lambda _: rooms.go_on(50)):
            await eventually(lambda: has_rows(system), what="persist writes")
            for victim in crew[:2]:
                victim.kill()
        await rooms.end()
        fault.over()
        await ledger.settle()

    await reading_it_all_again_changes_nothing(system, workers, ledger)


async def test_capture_is_killed_between_produce_and_commit(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, rooms = await begun(system)
    # So long that nothing is committed before the end.
    late = changed(system, commit_interval_s=60.0)
    with fault_report("platforms: kill -9 of capture between produce and commit", ledger) as fault:
        await rooms.go_on(MESSAGES)
        victim = workers.start(Role.CAPTURE_PLATFORMS, late)
        workers.start(Role.PERSIST)
        await ready(victim)
        await eventually(lambda: has_read(victim, MESSAGES), what="much is captured")
        victim.kill()
        for spec in topics_of(system.topology).platform_events.values():
            done = await committed(system, groups_of(system.topology).capture_platforms, spec.name)
            assert sum(done.values()) == 0
        await rooms.end()
        workers.start(Role.CAPTURE_PLATFORMS)
        fault.over()
        await ledger.settle()


@pytest.mark.long
async def test_persist_is_killed_while_its_batches_are_being_written(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, rooms = await begun(system)
    with fault_report("platforms: kill -9 of persist while its batches are being written", ledger) as fault:
        workers.start(Role.CAPTURE_PLATFORMS)
        victim = workers.start(Role.PERSIST)
        await ready(victim)
        async with messages_locked(system) as lock:
            await rooms.go_on(MESSAGES)
            await lock.holds_up_a_write()
            victim.kill()
        # PostgreSQL goes on to write what the dead worker sent, beside the one that reads it again.
        workers.start(Role.PERSIST)
        await rooms.end()
        fault.over()
        await ledger.settle()

    await reading_it_all_again_changes_nothing(system, workers, ledger)


@pytest.mark.long
async def test_a_broker_crashes(
    system_on_own_kafka: Settings,
    workers_on_own_kafka: Workers,
    dedicated_kafka: EmbeddedKafka,
    fault_report: FaultReport,
) -> None:
    system = changed(system_on_own_kafka, platforms=PLATFORMS)
    await prepare(system)
    ledger, rooms = await begun(system)
    with fault_report("platforms: kill -9 of the broker", ledger) as fault:
        for role in BOTH:
            await ready(workers_on_own_kafka.start(role, system))
        async with under_load(lambda _: rooms.go_on(50)):
            await eventually(lambda: has_rows(system), what="persist writes")
            await dedicated_kafka.kill()
            await dedicated_kafka.start()
            fault.over()
        await rooms.end()
        await ledger.settle()


@pytest.mark.long
async def test_postgres_crashes(
    unique_env: str,
    kafka: str,
    kafka_prefix: str,  # removes the topics
    dedicated_postgres: EmbeddedPostgres,
    tmp_path: Path,
    fault_report: FaultReport,
) -> None:
    system = settings_for_tests(unique_env, kafka, dedicated_postgres.url, tmp_path, platforms=PLATFORMS)
    await migrate(dedicated_postgres.url)
    await prepare(system)
    ledger, rooms = await begun(system)
    with (
        workers_of(system, tmp_path) as workers,
        fault_report("platforms: PostgreSQL stops with -m immediate, and starts", ledger) as fault,
    ):
        for role in BOTH:
            await ready(workers.start(role))
        async with under_load(lambda _: rooms.go_on(50)):
            await eventually(lambda: has_rows(system), what="persist writes")
            await dedicated_postgres.stop("immediate")
            await dedicated_postgres.start()
            fault.over()
        await rooms.end()
        await ledger.settle()


@pytest.mark.long
async def test_workers_sleep_until_others_have_their_partitions_and_wake_up(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, rooms = await begun(system)
    with fault_report("platforms: both roles are frozen beyond their session, and wake up", ledger) as fault:
        sleepers = [workers.start(role) for role in BOTH]
        for sleeper in sleepers:
            await ready(sleeper)
        async with under_load(lambda _: rooms.go_on(50)):
            await eventually(lambda: has_rows(system), what="persist writes")
            await eventually(lambda: falls_asleep_in_a_transaction(system, sleepers[1]))
            sleepers[0].freeze()
        for role in BOTH:
            workers.start(role)
        await rooms.end()
        await ledger.settle()
        # Now they go on with what they had in hand.
        for sleeper in sleepers:
            sleeper.thaw()
        await rooms.go_on(100)
        fault.over()
        for sleeper in sleepers:
            await ready(sleeper)
        await rooms.end()
        await ledger.settle()


@pytest.mark.long
async def test_rules_change_while_workers_are_killed_and_others_join(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger = RoomsLedger(system)
    await make_rules(system)
    rooms = Rooms(ledger, 1)
    with fault_report("platforms: rules change while workers are killed and others join", ledger) as fault:
        victims = [workers.start(role) for role in BOTH]
        for worker in victims:
            await ready(worker)
        await rooms.go_on(MESSAGES, now_ms() - 60_000)
        hold_from_ms = await change_rules(system)
        async with under_load(lambda _: rooms.go_on(25)):
            await eventually(lambda: has_rows(system), what="persist writes")
            victims[0].kill()
            workers.start(Role.CAPTURE_PLATFORMS)
            victims[1].kill()
            workers.start(Role.PERSIST)
            await eventually(lambda: now_ms() > hold_from_ms + 1_000, what="the other rules hold")
            # In the middle of the load, partitions are given out anew.
            joining = [workers.start(role) for role in BOTH]
            for worker in joining:
                await ready(worker)
        await rooms.end()
        fault.over()
        await ledger.settle()

    await reading_it_all_again_changes_nothing(system, workers, ledger)


@pytest.mark.long
async def test_capture_sleeps_through_a_change_of_rules(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    """It had a chunk in hand when it fell asleep, and more of what is of another rule in its buffers."""
    await make_rules(system)
    ledger = RoomsLedger(system)
    rooms = Rooms(ledger, 1)
    lasting = changed(system, session_timeout_s=60.0, rebalance_timeout_s=60.0)
    with fault_report("platforms: capture sleeps through a change of rules", ledger) as fault:
        worker = workers.start(Role.CAPTURE_PLATFORMS, lasting)
        workers.start(Role.PERSIST)
        await ready(worker)
        await rooms.go_on(MESSAGES // 4)
        await eventually(lambda: has_rows(system), what="persist writes")
        worker.freeze()
        hold_from_ms = await change_rules(system)
        await eventually(lambda: now_ms() > hold_from_ms + 1_000, what="the other rules hold")
        await rooms.go_on(MESSAGES)
        worker.thaw()
        await rooms.end()
        fault.over()
        await ledger.settle()


async def begun(system: Settings) -> tuple[RoomsLedger, Rooms]:
    """Return a ledger and its stream, in the middle of which other rules begin to hold."""
    await make_rules(system)
    await change_rules(system)
    since = datetime.now(UTC) - timedelta(milliseconds=BEFORE_MS // 2)
    async with closing_connection(system) as connection:
        await connection.execute(MID_STREAM, since)
        await connection.execute("UPDATE opt_outs SET since = $1", since)
    ledger = RoomsLedger(system)
    rooms = Rooms(ledger, 1)
    await rooms.go_on(MESSAGES)
    return ledger, rooms


async def change_rules(system: Settings) -> int:
    """Change the rules, and return from when on the last of the changes holds."""
    async with closing_connection(system) as connection:
        await connection.execute(CHANGES)
        latest: int = await connection.fetchval(
            "SELECT floor(extract(epoch FROM max(valid_from)) * 1000)::bigint "
            "FROM chat_logging_config_versions"
        )
    return latest


async def reading_it_all_again_changes_nothing(
    system: Settings, workers: Workers, ledger: RoomsLedger
) -> None:
    """Have new groups read everything from the earliest offsets on, into the same tables."""
    workers.kill_all()
    async with closing_connection(system) as connection:
        before = await tables.whole(connection)
    env = system.topology.vlab_env
    again = changed(
        system,
        capture_platforms_group=f"vlab-{env}-capture-again",
        persist_group=f"vlab-{env}-persist-again",
    )
    for role in BOTH:
        workers.start(role, again)
    await eventually(lambda: ledger.is_through(again))
    async with closing_connection(system) as connection:
        after = await tables.whole(connection)
    for name, rows in before.items():
        assert after[name] == rows, name
    assert (await ledger.account()).settled


async def has_read(worker: WorkerProcess, events: int) -> bool:
    return (await metrics(worker))["chatlog_events_read_total"][()] >= events


async def has_rows(system: Settings) -> bool:
    return await count(system, "messages") > 0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def falls_asleep_in_a_transaction(system: Settings, worker: WorkerProcess) -> bool:
    """Freeze a worker that writes, and let it go on unless it was between two statements: with its locks."""
    worker.freeze()
    async with closing_connection(system) as connection:
        is_caught: bool = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'chatlog-persist' AND state = 'idle in transaction' "
            "AND backend_xid IS NOT NULL)"
        )
    if not is_caught:
        worker.thaw()
    return is_caught
