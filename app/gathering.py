"""Doing together what many wait for: whatever comes while some is done is done next, at once.

So a busy process pays once for many, such as for a commit, and a quiet one waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Sequence

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class _Waiting(NamedTuple, Generic[Item, Outcome]):
    item: Item
    outcome: asyncio.Future[Outcome]


class Gathering(Generic[Item, Outcome]):
    """Does what waits, group by group.

    Args:
        name: of its tasks.
        do: does some things of a group, in order; returns what became of each: an error, for whoever waits
            for that one. What it raises is raised to all of them.
        at_most: how many are done together.
        at_once: how many groups are under way.
    """

    def __init__(
        self,
        name: str,
        do: Callable[[Hashable, Sequence[Item]], Awaitable[Sequence[Outcome | Exception]]],
        *,
        at_most: int,
        at_once: int,
    ) -> None:
        self._name = name
        self._do = do
        self._at_most = at_most
        self._at_once = at_once
        self._waiting: defaultdict[Hashable, list[_Waiting[Item, Outcome]]] = defaultdict(list)
        self._doing: set[asyncio.Task[None]] = set()

    async def do(self, group: Hashable, item: Item) -> Outcome:
        """Have something done with others of its group; return what became of it.

        Who gives up waiting takes nothing back.
        """
        waiting = _Waiting(item, asyncio.get_running_loop().create_future())
        self._waiting[group].append(waiting)
        if len(self._doing) < self._at_once:
            self._doing.add(asyncio.create_task(self._do_until_nothing_waits(), name=self._name))
        return await asyncio.shield(waiting.outcome)

    async def stop(self) -> None:
        """Wait until nothing waits."""
        while self._doing:
            await asyncio.wait(self._doing)

    async def _do_until_nothing_waits(self) -> None:
        try:
            await self._do_what_waits()
        finally:
            # Not by a callback of the task: what comes before that would wait for the next to come.
            self._doing = {task for task in self._doing if task is not asyncio.current_task()}

    async def _do_what_waits(self) -> None:
        while self._waiting:
            # The group that waits longest.
            group, waiting = next(iter(self._waiting.items()))
            del self._waiting[group]
            some, rest = waiting[: self._at_most], waiting[self._at_most :]
            if rest:
                self._waiting[group] = rest
            try:
                outcomes = await self._do(group, [one.item for one in some])
            except Exception as error:  # noqa: BLE001  whatever it is, they wait for it
                outcomes = [error] * len(some)
            for one, outcome in zip(some, outcomes, strict=True):
                if one.outcome.done():
                    continue
                if isinstance(outcome, Exception):
                    one.outcome.set_exception(outcome)
                else:
                    one.outcome.set_result(outcome)
