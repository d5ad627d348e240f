"""Workers that die or come and go in the middle of the work: every message is a row, once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.settings import Role, Settings
from app.topics import topics_of
from models.entries import encode_entry
from models.platforms.messenger import extract_chat_log_entry, parse_event
from tests.conversations import conversations
from tests.services import eventually
from tests.workers import Workers, count, produce, rows_of

if TYPE_CHECKING:
    from tests.conversations import Conversations

MESSAGES = 20_000


async def test_a_persist_worker_killed_in_the_middle_loses_and_doubles_nothing(
    system: Settings, workers: Workers
) -> None:
    said = conversations(users=MESSAGES // 20, turns=10)
    await produce(system, topics_of(system).chat_log.name, entries_of(said))
    workers.start(Role.PERSIST)
    victim = workers.start(Role.PERSIST)
    await eventually(lambda: rows_between(system, 500, MESSAGES), 60, "both workers are at work")

    victim.kill()

    await eventually(lambda: all_there(system, said), 90, "every message is a row")
    # The primary key cannot hold a key twice; that no row is there which nobody sent shows here.
    assert await count(system) == len(said.expected) == MESSAGES
    assert await count(system, "dead_letters") == 0


async def test_a_capture_worker_killed_in_the_middle_joins_every_message_with_its_own_state(
    system: Settings, workers: Workers
) -> None:
    said = conversations(users=MESSAGES // 20, turns=10)
    topics = topics_of(system)
    await produce(system, topics.state.name, said.states)
    await produce(system, topics.events.name, said.events)
    workers.start(Role.PERSIST)
    workers.start(Role.CAPTURE)
    victim = workers.start(Role.CAPTURE)
    await eventually(lambda: rows_between(system, 500, MESSAGES), 60, "both workers are at work")

    victim.kill()

    await eventually(lambda: all_there(system, said), 90, "every message is a row")
    assert {
        key: (row["content"], row["question_ref"], row["shortcode"], row["pageid"])
        for key, row in (await rows_of(system)).items()
    } == {key: (e.content, e.question_ref, e.shortcode, e.pageid) for key, e in said.expected.items()}


async def test_workers_that_come_and_go_lose_nothing_and_stop_in_time(
    system: Settings, workers: Workers
) -> None:
    said = conversations(users=MESSAGES // 20, turns=10)
    topics = topics_of(system)
    await produce(system, topics.state.name, said.states)
    workers.start(Role.PERSIST)
    workers.start(Role.CAPTURE)
    statuses = []
    for number in range(3):
        size = len(said.events) // 3 + 1
        await produce(system, topics.events.name, said.events[number * size : (number + 1) * size])
        passer_by = [workers.start(Role.CAPTURE), workers.start(Role.PERSIST)]
        for worker in passer_by:
            await eventually(worker.is_ready, 30)
        statuses += await asyncio.gather(*(asyncio.to_thread(worker.stop, 12) for worker in passer_by))

    await eventually(lambda: all_there(system, said), 90, "every message is a row")
    assert statuses == [0] * 6
    assert await count(system) == MESSAGES


def entries_of(said: Conversations) -> list[tuple[bytes, bytes]]:
    """The entries of all events, as any producer may write them (here without states)."""
    entries = []
    for key, raw in said.events:
        entry = extract_chat_log_entry(parse_event(raw), {})
        assert entry is not None
        entries.append((key, encode_entry(entry)))
    return entries


async def rows_between(system: Settings, low: int, high: int) -> bool:
    return low <= await count(system) < high


async def all_there(system: Settings, said: Conversations) -> bool:
    missing = said.expected.keys() - (await rows_of(system)).keys()
    assert not missing, f"{len(missing)} rows are missing"
    return True
