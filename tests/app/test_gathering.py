"""What many wait for is done together, and nobody who comes at a bad moment is forgotten."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app import gathering as gathering_module
from app.gathering import Gathering
from sinks.errors import ServiceDown

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


async def test_whoever_comes_as_the_last_is_done_does_not_wait_for_another() -> None:
    async def do(_: Hashable, items: Sequence[int]) -> list[int | Exception]:
        return list(items)

    gathering: Gathering[int, int] = Gathering("test", do, at_most=10, at_once=1, waiting_max=10)

    async def a_moment_later() -> int:
        await asyncio.sleep(0)
        return await gathering.do("a", 2)

    async with asyncio.timeout(5):
        outcomes = await asyncio.gather(gathering.do("a", 1), a_moment_later())
    assert list(outcomes) == [1, 2]


async def test_what_comes_meanwhile_is_done_together_by_group_and_fails_alone() -> None:
    done: list[tuple[Hashable, list[int]]] = []
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def do(group: Hashable, items: Sequence[int]) -> list[int | Exception]:
        done.append((group, list(items)))
        begun.set()
        await goes_on.wait()
        return [ValueError("odd") if item % 2 else item for item in items]

    gathering: Gathering[int, int] = Gathering("test", do, at_most=3, at_once=1, waiting_max=10)
    asked = [
        asyncio.create_task(gathering.do(group, item))
        for group, item in (("a", 0), ("b", 2), ("b", 3), ("b", 4), ("b", 6))
    ]
    await begun.wait()
    goes_on.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    await gathering.stop()
    assert done == [("a", [0]), ("b", [2, 3, 4]), ("b", [6])]
    assert outcomes[:2] == [0, 2]
    assert outcomes[3:] == [4, 6]
    with pytest.raises(ValueError, match="odd"):
        raise outcomes[2]  # type: ignore[misc]


class Held:
    """What does things once it is let go on.

    Attributes:
        done: what it did, one group after another.
    """

    def __init__(self) -> None:
        self.done: list[list[int]] = []
        self.begun, self.goes_on = asyncio.Event(), asyncio.Event()

    async def do(self, _: Hashable, items: Sequence[int]) -> list[int | Exception]:
        self.begun.set()
        await self.goes_on.wait()
        self.done.append(list(items))
        return list(items)

    async def asked(
        self, *items: int, waiting_max: int = 10
    ) -> tuple[Gathering[int, int], list[asyncio.Task[int]]]:
        """Have these done, of which the first is under way when this returns."""
        gathering: Gathering[int, int] = Gathering(
            "test", self.do, at_most=10, at_once=1, waiting_max=waiting_max
        )
        tasks = []
        for item in items:
            tasks.append(asyncio.create_task(gathering.do("a", item)))
            await self.begun.wait()
        return gathering, tasks


async def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    held = Held()
    gathering, tasks = await held.asked(0, 1, 2, 3)
    await asyncio.sleep(0)
    for given_up in (tasks[0], tasks[2]):
        given_up.cancel()
    await asyncio.wait([tasks[0], tasks[2]])
    held.goes_on.set()
    await gathering.stop()
    assert held.done == [[0], [1, 3]]
    assert (await tasks[1], await tasks[3]) == (1, 3)


async def test_who_comes_when_too_many_wait_is_told_at_once() -> None:
    held = Held()
    gathering, tasks = await held.asked(0, 1, 2, waiting_max=2)
    await asyncio.sleep(0)
    with pytest.raises(ServiceDown, match="Too many wait"):
        await gathering.do("b", 3)
    tasks[1].cancel()
    await asyncio.wait([tasks[1]])
    tasks.append(asyncio.create_task(gathering.do("b", 4)))
    held.goes_on.set()
    assert [await tasks[number] for number in (0, 2, 3)] == [0, 2, 4]


async def test_a_stop_waits_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering_module, "STOP_WITHIN_S", 0.01)
    held = Held()
    gathering, tasks = await held.asked(0, 1)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await gathering.stop()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ServiceDown, ServiceDown]
    assert held.done == []
