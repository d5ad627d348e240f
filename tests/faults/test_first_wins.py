"""Two messages with one key: the first in the log is the row, whatever happens, however often it is read."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from models.errors import Reason
from tests.faults.cluster import everything_is_committed, forget_offsets
from tests.faults.ledger import Ledger, entries
from tests.faults.locking import chat_log_locked
from tests.looking import metrics, ready
from tests.services import eventually
from tests.workers import rows_of

if TYPE_CHECKING:
    from app.settings import Settings
    from tests.faults.messages import Message
    from tests.faults.report import FaultReport
    from tests.workers import Workers

MESSAGES = 15_000
#: How many records after the first one the second may come, over all partitions: in batches that are written
#: side by side.
APART = 4_000


async def test_the_first_message_of_a_key_is_the_row_after_kills_and_when_the_log_is_read_again(
    system: Settings, workers: Workers, fault_report: FaultReport
) -> None:
    ledger, topic = Ledger(system), topics_of(system.topology).chat_log.name
    with fault_report("kill -9 of two of three persist workers, with keys that are taken", ledger) as fault:
        crew = [workers.start(Role.PERSIST) for _ in range(2)]
        for worker in crew:
            await ready(worker)
        async with chat_log_locked(system) as lock:
            await ledger.produce(topic, with_conflicts(MESSAGES, "c"))
            await lock.holds_up_a_write()
            # What it sent is written by PostgreSQL when the lock is gone, beside who reads it again.
            crew[0].kill()
        crew.append(workers.start(Role.PERSIST))
        await eventually(lambda: has_rows(system))
        crew[1].kill()
        fault.over()
        # Every loser is known by its place in the log: it is in the dead letters, and nobody else is.
        await ledger.settle()
        await eventually(lambda: everything_is_committed(system, groups_of(system.topology).persist, topic))

    table = await rows_of(system)
    crew[2].kill()
    await forget_offsets(system, groups_of(system.topology).persist)
    again = workers.start(Role.PERSIST)

    await eventually(lambda: everything_is_committed(system, groups_of(system.topology).persist, topic))

    assert await rows_of(system) == table
    found = await metrics(again)
    assert found["chatlog_rows_total"][()] == 0
    assert found["chatlog_key_conflicts_total"][()] == MESSAGES - len(table)
    await ledger.settle()


def with_conflicts(count: int, tag: str) -> list[Message]:
    """Return messages, every third of which has the key of an earlier one and is another message."""
    chance = random.Random(1)
    placed: list[tuple[float, Message]] = []
    for number, message in enumerate(entries(count * 2 // 3, tag)):
        placed.append((number, message))
        if number % 2 == 0:
            placed.append((number + chance.uniform(1, APART), another_with_the_key_of(message)))
    return [message for _, message in sorted(placed, key=lambda place: place[0])]


def another_with_the_key_of(message: Message) -> Message:
    entry = json.loads(message.value or b"")
    entry["content"] = "said in the same millisecond"
    entry["raw_payload"]["message"]["mid"] += "-another"
    return replace(message, value=json.dumps(entry).encode(), becomes=Reason.KEY_CONFLICT)


async def has_rows(system: Settings) -> bool:
    return len(await rows_of(system)) > 0
