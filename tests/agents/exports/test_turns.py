"""Who gets a slot, and when."""

from __future__ import annotations

import asyncio

from agents.exports.turns import Turns


class Queue:
    """Takes turns, and notes in which order they came."""

    def __init__(self, slots: int) -> None:
        self.turns = Turns(slots)
        self.begun: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def wait(self, *owners: str) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self._take(owner)) for owner in owners]
        self._tasks += tasks
        await self.settle()
        return tasks

    async def end(self, *owners: str) -> None:
        for owner in owners:
            self.turns.give_back(owner)
            await self.settle()

    async def settle(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    async def _take(self, owner: str) -> None:
        await self.turns.take(owner)
        self.begun.append(owner)


async def test_many_of_one_owner_do_not_keep_another_waiting_behind_all_of_them() -> None:
    queue = Queue(2)
    await queue.wait(*["ana"] * 400)
    await queue.wait("ben")

    await queue.end("ana")

    assert queue.begun == ["ana", "ana", "ben"]


async def test_owners_take_turns_and_each_is_served_in_order() -> None:
    queue = Queue(1)
    await queue.wait("ana", "ana", "ana", "ben", "ben", "cem")

    for _ in range(5):
        await queue.end(queue.begun[-1])

    assert queue.begun == ["ana", "ben", "cem", "ana", "ben", "ana"]


async def test_whoever_has_fewer_slots_is_next() -> None:
    queue = Queue(3)
    await queue.wait("ana", "ana", "ben", "ana", "ben", "ana")

    await queue.end("ana")
    assert queue.begun[3:] == ["ana"]
    await queue.end("ana", "ana")
    assert queue.begun[4:] == ["ben", "ana"]


async def test_one_owner_alone_has_all_slots() -> None:
    queue = Queue(3)
    await queue.wait(*["ana"] * 5)

    assert queue.begun == ["ana"] * 3


async def test_who_does_not_wait_any_more_takes_no_slot() -> None:
    queue = Queue(1)
    await queue.wait("ana")
    leaving, _ = await queue.wait("ben", "cem")

    leaving.cancel()
    await queue.end("ana")

    assert queue.begun == ["ana", "cem"]


async def test_a_slot_that_came_as_its_taker_left_is_given_on() -> None:
    queue = Queue(1)
    await queue.wait("ana")
    leaving, _ = await queue.wait("ben", "cem")

    queue.turns.give_back("ana")
    leaving.cancel()
    await queue.settle()

    assert queue.begun == ["ana", "cem"]
