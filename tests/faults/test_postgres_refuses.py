"""PostgreSQL answers, and refuses: for now, for ever, or one row of many. The SQLSTATE says which."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import orjson
import pytest
from pydantic import SecretStr

from app.kafka.topics import topics_of
from app.settings import Role
from models.errors import Reason
from tests.faults.ledger import Ledger, Message, closing_connection, entries
from tests.faults.locking import Lock
from tests.faults.outage import (
    is_seen_to_wait,
    said,
    waits_said,
    was_no_flood,
    was_one_outage,
)
from tests.looking import ready
from tests.services import changed, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.settings import Settings
    from tests.faults.report import FaultReport
    from tests.workers import Workers

    Connection = asyncpg.Connection[asyncpg.Record]

MESSAGES = 6_000
BATCHES = 20
DISK_FULL = "53100"

#: Refuses every write for which a condition is true.
_REFUSE = """
    CREATE SEQUENCE IF NOT EXISTS writes;
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF {condition} THEN
            RAISE EXCEPTION 'refused by the test' USING ERRCODE = '{code}';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON chat_log FOR EACH STATEMENT EXECUTE FUNCTION refuse();
"""
#: Locked as the writers lock it, the table before its partitions: DROP TRIGGER alone begins with a partition,
#: which ends in a deadlock with a writer now and then.
_DROP = "LOCK TABLE chat_log IN ACCESS EXCLUSIVE MODE; DROP TRIGGER {trigger} ON chat_log"
_REFUSE_COMMIT = """
    CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'refused by the test' USING ERRCODE = '40001';
    END $$;
    CREATE CONSTRAINT TRIGGER refuse_commit AFTER INSERT ON chat_log DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse_commit();
"""
#: As a constraint does, it quotes the row, which is nobody's business but the row's readers'.
_REFUSE_SOME = """
    CREATE FUNCTION refuse_some() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.content LIKE 'unwanted%' THEN
            RAISE EXCEPTION 'not %', NEW.content USING ERRCODE = '23514', DETAIL = NEW.content;
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER refuse_some BEFORE INSERT ON chat_log FOR EACH ROW EXECUTE FUNCTION refuse_some();
"""
_INSERT = """
    INSERT INTO chat_log (userid, timestamp, direction, content)
    VALUES ($1, to_timestamp($2::bigint / 1000.0), $3, '')
"""
_WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)"


@pytest.fixture
async def operator(system: Settings) -> AsyncIterator[Connection]:
    """A connection with every right."""
    connection = await asyncpg.connect(system.database.require_url())
    yield connection
    await connection.close(timeout=5)


async def test_what_is_refused_for_now_is_written_later(
    system: Settings, workers: Workers, operator: Connection, fault_report: FaultReport
) -> None:
    """Which SQLSTATEs mean that is the matter of tests/sinks/postgres/test_sqlstate.py."""
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report("PostgreSQL refuses: its disk is full", ledger) as fault:
        await ready(worker)
        await operator.execute(_REFUSE.format(condition="true", code=DISK_FULL))
        await ledger.produce(topics_of(system.topology).chat_log.name, entries(MESSAGES, "disk full"))
        await is_seen_to_wait(worker, "persist")
        await operator.execute(_DROP.format(trigger="refuse"))
        fault.over()
        await ledger.settle()

    await was_one_outage(worker, "persist")
    assert DISK_FULL in waits_said(worker, "persist")[0]


async def test_every_other_write_fails_to_serialize(
    system: Settings, workers: Workers, operator: Connection, fault_report: FaultReport
) -> None:
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report("every other write fails to serialize", ledger) as fault:
        await ready(worker)
        await operator.execute(_REFUSE.format(condition="nextval('writes') % 2 = 0", code="40001"))
        # Each waits for the one before: so it goes wrong, and well again, once for each at least.
        for number in range(BATCHES):
            await ledger.produce(topics_of(system.topology).chat_log.name, entries(60, f"batch {number}"))
            await ledger.settle()
        assert await operator.fetchval("SELECT last_value FROM writes") >= 2 * BATCHES - 1
        fault.over()

    await was_no_flood(worker, "persist")


async def test_a_commit_fails_after_its_rows_were_taken(
    system: Settings, workers: Workers, operator: Connection, fault_report: FaultReport
) -> None:
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report("PostgreSQL refuses at commit", ledger) as fault:
        await ready(worker)
        await operator.execute(_REFUSE_COMMIT)
        await ledger.produce(topics_of(system.topology).chat_log.name, entries(MESSAGES, "at commit"))
        await is_seen_to_wait(worker, "persist")
        await operator.execute(_DROP.format(trigger="refuse_commit"))
        fault.over()
        await ledger.settle()

    await was_one_outage(worker, "persist")


async def test_a_deadlock_with_another_writer(
    system: Settings, workers: Workers, operator: Connection, fault_report: FaultReport
) -> None:
    # The other never looks for a deadlock. The worker does once, a second after it began to wait: by then, it
    # must be one. So a third holds the worker up, with its first row written, until the other waits for that.
    await operator.execute("SET deadlock_timeout = '1h'")
    messages = entries(100, "deadlock")
    keys = sorted(message.becomes for message in messages if isinstance(message.becomes, tuple))
    # All in one batch, which goes out when it is full.
    patient = changed(system, batch_max_entries=len(messages), batch_max_wait_s=10.0, database_timeout_s=60.0)
    ledger, worker = Ledger(system), workers.start(Role.PERSIST, patient)
    with fault_report("a deadlock with another writer", ledger) as fault:
        await ready(worker)
        other = operator.transaction()
        await other.start()
        await operator.execute(_INSERT, *keys[-1])
        async with closing_connection(system) as third:
            held_up = third.transaction()
            await held_up.start()
            await third.execute(_INSERT, *keys[1])
            await ledger.produce(
                topics_of(system.topology).chat_log.name,
                [replace(message, partition=0) for message in messages],
            )
            await Lock(third).holds_up_a_write()
            async with asyncio.TaskGroup() as waiting:
                waiting.create_task(operator.execute(_INSERT, *keys[0]))
                await eventually(lambda: third.fetchval(_WAITS, operator.get_server_pid()))
                await held_up.rollback()
        await is_seen_to_wait(worker, "persist")
        await other.rollback()
        fault.over()
        await ledger.settle()

    assert "40P01" in waits_said(worker, "persist")[0]


async def test_there_is_no_connection_left(
    system: Settings, workers: Workers, operator: Connection, fault_report: FaultReport
) -> None:
    async with a_writer(system, operator) as (user, as_writer):
        await operator.execute(f"ALTER ROLE {user} CONNECTION LIMIT 0")
        ledger, worker = Ledger(system), workers.start(Role.PERSIST, as_writer)
        with fault_report("PostgreSQL has no connection left", ledger) as fault:
            await ledger.produce(topics_of(system.topology).chat_log.name, entries(MESSAGES, "no connection"))
            await is_seen_to_wait(worker, "persist")
            await operator.execute(f"ALTER ROLE {user} CONNECTION LIMIT -1")
            fault.over()
            await ledger.settle()

        assert "53300" in waits_said(worker, "persist")[0]


async def test_a_right_that_is_taken_away_stops_the_worker_with_what_to_do(
    system: Settings, workers: Workers, operator: Connection, fault_report: FaultReport
) -> None:
    async with a_writer(system, operator) as (_, as_writer):
        ledger, worker = Ledger(system), workers.start(Role.PERSIST, as_writer)
        with fault_report("the right to write is taken away", ledger) as fault:
            await ready(worker)
            await operator.execute("REVOKE INSERT ON chat_log FROM chatlog_writer")
            await ledger.produce(topics_of(system.topology).chat_log.name, entries(MESSAGES, "no right"))

            assert worker.wait() != 0
            assert said(worker, "The database user lacks a right: `chatlog check` tells which role")
            await operator.execute("GRANT INSERT ON chat_log TO chatlog_writer")
            workers.start(Role.PERSIST, as_writer)
            fault.over()
            await ledger.settle()


async def test_a_row_that_a_constraint_refuses_is_a_dead_letter_among_rows(
    system: Settings, workers: Workers, operator: Connection, fault_report: FaultReport
) -> None:
    await operator.execute(_REFUSE_SOME)
    messages = list(entries(MESSAGES, "constraint"))
    refused = {0, 999, 1_000, 2_500, 2_501, 2_502, MESSAGES - 1}
    ledger, worker = Ledger(system), workers.start(Role.PERSIST)
    with fault_report("a constraint refuses some rows", ledger):
        await ledger.produce(
            topics_of(system.topology).chat_log.name,
            [unwanted(message) if number in refused else message for number, message in enumerate(messages)],
        )
        await ledger.settle()

    kept = await operator.fetch("SELECT detail, value FROM dead_letters")
    assert len(kept) == len(refused)
    assert {row["detail"] for row in kept} == {"CheckViolationError (SQLSTATE 23514)"}
    assert not said(worker, "unwanted")


@asynccontextmanager
async def a_writer(system: Settings, operator: Connection) -> AsyncIterator[tuple[str, Settings]]:
    """Give a user with no more rights than a worker needs, and settings with it."""
    user = f"writer_{secrets.token_hex(4)}"
    url = urlsplit(system.database.require_url())
    await operator.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{user}' IN ROLE chatlog_writer")
    try:
        as_user = url._replace(netloc=f"{user}:{user}@{url.netloc.rpartition('@')[2]}").geturl()
        yield user, changed(system, database_url=SecretStr(as_user))
    finally:
        # Its sessions may live on; without a password it cannot come back, and the role can go all the same.
        await operator.execute(f"DROP ROLE {user}")


def unwanted(message: Message) -> Message:
    """Give an entry the content that the constraint refuses."""
    value = orjson.loads(message.value or b"") | {"content": "unwanted"}
    return replace(message, value=orjson.dumps(value), becomes=Reason.REJECTED_BY_DATABASE)
