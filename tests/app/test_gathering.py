"""What many wait for is done together, and nobody who comes at a bad moment is forgotten."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.gathering import Gathering

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


async def test_whoever_comes_as_the_last_is_done_does_not_wait_for_another() -> None:
    async def do(_: Hashable, items: Sequence[int]) -> list[int | Exception]:
        return list(items)

    gathering: Gathering[int, int] = Gathering("test", do, at_most=10, at_once=1)

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

    gathering: Gathering[int, int] = Gathering("test", do, at_most=3, at_once=1)
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
