"""PostgreSQL crashes, hangs, drops its connections or takes no writes: partitions wait, nothing is lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import asyncpg
import pytest

from app.kafka.topics import topics_of
from app.settings import Role
from tests.faults.freezing import frozen
from tests.faults.ledger import Ledger, entries
from tests.faults.outage import is_seen_to_wait, waits_said, was_no_flood, was_one_outage
from tests.looking import ready
from tests.services import eventually, migrate, settings_for_tests
from tests.workers import count, prepare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.local.embedded import EmbeddedPostgres
    from app.settings import Settings
    from tests.faults.report import FaultReport
    from tests.workers import WorkerProcess, Workers

MESSAGES = 6_000
#: A statement is given up by the server after this long, and by the worker 5 s later.
STATEMENT_S = 3.0
#: How long PostgreSQL is away in the tests that say so.
AWAY_S = 20.0
WRITES_CUT_OFF = 20


@pytest.fixture
async def system(
    unique_env: str,
    kafka: str,
    kafka_prefix: str,  # removes the topics
    dedicated_postgres: EmbeddedPostgres,
    tmp_path: Path,
) -> Settings:
    """Settings of a system on a PostgreSQL server of its own."""
    made = settings_for_tests(
        unique_env, kafka, dedicated_postgres.url, tmp_path, database_timeout_s=STATEMENT_S
    )
    await migrate(dedicated_postgres.url)
    await prepare(made)
    return made


@pytest.fixture
async def operator(dedicated_postgres: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection with every right, that a read-only server lets write."""
    connection = await asyncpg.connect(dedicated_postgres.url)
    await connection.execute("SET default_transaction_read_only = off")
    yield connection
    await connection.close(timeout=5)


async def test_postgres_crashes_and_starts_again(
    system: Settings, workers: Workers, dedicated_postgres: EmbeddedPostgres, fault_report: FaultReport
) -> None:
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report("PostgreSQL stops with -m immediate, and starts", ledger) as fault:
        await at_work(system, ledger, worker, "crash")
        await dedicated_postgres.stop("immediate")
        await ledger.produce(topics_of(system.topology).chat_log.name, entries(MESSAGES, "after the crash"))
        await is_seen_to_wait(worker, "persist")
        await dedicated_postgres.start()
        fault.over()
        await ledger.settle()

    await was_one_outage(worker, "persist")


async def test_connections_are_terminated_in_mid_write(
    system: Settings,
    workers: Workers,
    operator: asyncpg.Connection[asyncpg.Record],
    fault_report: FaultReport,
) -> None:
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    await ready(worker)
    await operator.execute(_WRITES_LAST)
    cut_off = rounds = 0
    with fault_report(f"connections are terminated in mid-write, {WRITES_CUT_OFF} times", ledger) as fault:
        while cut_off < WRITES_CUT_OFF:
            rounds += 1
            await ledger.produce(topics_of(system.topology).chat_log.name, entries(500, f"round {rounds}"))
            cut_off += await a_write_is_cut_off(operator, ledger)
            # Who cuts off every attempt at a write makes an outage.
            await eventually(lambda: all_written(operator, ledger))
        fault.over()
        await ledger.settle()

    await was_no_flood(worker, "persist")


@pytest.mark.long
async def test_postgres_hangs(
    system: Settings, workers: Workers, dedicated_postgres: EmbeddedPostgres, fault_report: FaultReport
) -> None:
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report(f"PostgreSQL is frozen for {AWAY_S:.0f} s", ledger) as fault:
        await at_work(system, ledger, worker, "before it hangs")
        with frozen(dedicated_postgres.pid):
            since = time.monotonic()
            await ledger.produce(
                topics_of(system.topology).chat_log.name, entries(MESSAGES, "while it hangs")
            )
            await is_seen_to_wait(worker, "persist")
            await eventually(lambda: time.monotonic() > since + AWAY_S)
            await is_seen_to_wait(worker, "persist")
        fault.over()
        await ledger.settle()

    await was_one_outage(worker, "persist")


@pytest.mark.long
async def test_the_table_is_locked(
    system: Settings,
    workers: Workers,
    operator: asyncpg.Connection[asyncpg.Record],
    fault_report: FaultReport,
) -> None:
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report(f"chat_log is locked for {AWAY_S:.0f} s", ledger) as fault:
        await at_work(system, ledger, worker, "before the lock")
        async with operator.transaction():
            await operator.execute("LOCK TABLE chat_log IN ACCESS EXCLUSIVE MODE")
            since = time.monotonic()
            await ledger.produce(
                topics_of(system.topology).chat_log.name, entries(MESSAGES, "behind the lock")
            )
            await is_seen_to_wait(worker, "persist")
            await eventually(lambda: time.monotonic() > since + AWAY_S)
            await is_seen_to_wait(worker, "persist")
        fault.over()
        await ledger.settle()

    await was_one_outage(worker, "persist")


async def test_postgres_is_read_only(
    system: Settings,
    workers: Workers,
    dedicated_postgres: EmbeddedPostgres,
    operator: asyncpg.Connection[asyncpg.Record],
    fault_report: FaultReport,
) -> None:
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report("PostgreSQL is read-only", ledger) as fault:
        await at_work(system, ledger, worker, "writable")
        await operator.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await operator.execute("SELECT pg_reload_conf()")
        # A new session is so once the old ones have been told.
        await eventually(lambda: new_sessions_are_read_only(dedicated_postgres.url))
        await ledger.produce(topics_of(system.topology).chat_log.name, entries(MESSAGES, "read-only"))
        await is_seen_to_wait(worker, "persist")
        await operator.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await operator.execute("SELECT pg_reload_conf()")
        fault.over()
        await ledger.settle()

    await was_one_outage(worker, "persist")
    assert "25006" in waits_said(worker, "persist")[0]


async def test_postgres_is_in_recovery_until_it_is_promoted(
    system: Settings, workers: Workers, dedicated_postgres: EmbeddedPostgres, fault_report: FaultReport
) -> None:
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report("PostgreSQL is a standby in recovery, and is promoted", ledger) as fault:
        await at_work(system, ledger, worker, "primary")
        await dedicated_postgres.stop()
        (dedicated_postgres.directory / "data" / "standby.signal").touch()
        await dedicated_postgres.start()
        await ledger.produce(topics_of(system.topology).chat_log.name, entries(MESSAGES, "standby"))
        await is_seen_to_wait(worker, "persist")
        standby = await asyncpg.connect(dedicated_postgres.url)
        assert await standby.fetchval("SELECT pg_is_in_recovery()")
        assert await standby.fetchval("SELECT pg_promote()")
        await standby.close()
        fault.over()
        await ledger.settle()

    await was_one_outage(worker, "persist")


#: Lets each write last, with its rows in the table and not committed, for as long as it takes to find it.
_WRITES_LAST = """
    CREATE FUNCTION last_a_while() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(0.2);
        RETURN NULL;
    END $$;
    CREATE TRIGGER last_a_while AFTER INSERT ON chat_log FOR EACH STATEMENT EXECUTE FUNCTION last_a_while();
"""
#: Sessions that are in the middle of a statement; `pg_terminate_backend` of the others would prove less.
_TERMINATE_WRITES = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'chatlog-persist' AND state = 'active' AND query LIKE '%INSERT INTO chat_log%'
"""


async def a_write_is_cut_off(operator: asyncpg.Connection[asyncpg.Record], ledger: Ledger) -> bool:
    """Terminate the sessions that are writing, once; tell whether there was one before all was written."""
    while not await all_written(operator, ledger):
        if await operator.fetch(_TERMINATE_WRITES):
            return True
    return False


async def all_written(operator: asyncpg.Connection[asyncpg.Record], ledger: Ledger) -> bool:
    return int(await operator.fetchval("SELECT count(*) FROM chat_log")) == ledger.messages()


async def at_work(system: Settings, ledger: Ledger, worker: WorkerProcess, tag: str) -> None:
    """Return when the worker has begun to write, and has more to write."""
    await ready(worker)
    await ledger.produce(topics_of(system.topology).chat_log.name, entries(MESSAGES, tag))
    await eventually(lambda: has_rows(system), what="the worker writes")


async def has_rows(system: Settings) -> bool:
    return await count(system) > 0


async def new_sessions_are_read_only(url: str) -> bool:
    session = await asyncpg.connect(url)
    try:
        return bool(await session.fetchval("SHOW default_transaction_read_only") == "on")
    finally:
        await session.close()
