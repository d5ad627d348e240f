"""Doing together what many wait for: whatever comes while some is done is done next, at once.

So a busy process pays once for many, such as for a commit, and a quiet one waits for nobody.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from sinks.errors import ServiceDown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

#: What is under way when a process stops has so long; requests have ended by then (`app.commands.api`).
STOP_WITHIN_S = 2.0


class Gathering(Generic[Item, Outcome]):
    """Does what waits, group by group.

    Args:
        name: of its tasks.
        do: does some things of a group, in order; returns what became of each: an error, for whoever waits
            for that one. What it raises is raised to all of them.
        at_most: how many are done together.
        at_once: how many groups are under way.
        waiting_max: how many may wait: more than can be done while anybody waits for them are not begun.
    """

    def __init__(
        self,
        name: str,
        do: Callable[[Hashable, Sequence[Item]], Awaitable[Sequence[Outcome | Exception]]],
        *,
        at_most: int,
        at_once: int,
        waiting_max: int,
    ) -> None:
        self._name = name
        self._do = do
        self._at_most = at_most
        self._at_once = at_once
        self._waiting_max = waiting_max
        self._waiting: dict[Hashable, dict[asyncio.Future[Outcome], Item]] = {}
        self._doing: set[asyncio.Task[None]] = set()

    async def do(self, group: Hashable, item: Item) -> Outcome:
        """Have something done with others of its group; return what became of it.

        Who gives up waiting takes back what was not begun, and nothing else.

        Raises:
            ServiceDown: too many wait already, or the process ends.
        """
        if sum(map(len, self._waiting.values())) >= self._waiting_max:
            raise ServiceDown(f"Too many wait for {self._name}: see what slows PostgreSQL down")
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(group, {})[outcome] = item
        if len(self._doing) < self._at_once:
            self._doing.add(asyncio.create_task(self._do_until_nothing_waits(), name=self._name))
        try:
            return await outcome
        finally:
            if outcome.cancelled():
                self._leave_out(group, outcome)

    async def stop(self) -> None:
        """Wait until nothing waits, for a while; whoever waits still is told that it came to nothing."""
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                while self._doing:
                    await asyncio.wait(self._doing)
        except TimeoutError:
            left, self._waiting = self._waiting, {}
            for waiting in left.values():
                _settle(waiting, [_ended(self._name)] * len(waiting))
            doing = self._doing
            for task in doing:
                task.cancel()
            await asyncio.wait(doing, timeout=STOP_WITHIN_S)

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
            some = dict(islice(waiting.items(), self._at_most))
            if rest := {outcome: item for outcome, item in waiting.items() if outcome not in some}:
                self._waiting[group] = rest
            outcomes: Sequence[Outcome | Exception] = [_ended(self._name)] * len(some)
            try:
                outcomes = await self._do(group, list(some.values()))
            except Exception as error:  # noqa: BLE001  whatever it is, they wait for it
                outcomes = [error] * len(some)
            finally:
                _settle(some, outcomes)

    def _leave_out(self, group: Hashable, outcome: asyncio.Future[Outcome]) -> None:
        waiting = self._waiting.get(group, {})
        if waiting.pop(outcome, None) is not None and not waiting:
            del self._waiting[group]


def _ended(name: str) -> ServiceDown:
    return ServiceDown(f"The process ends before all {name} were done: ask another")


def _settle(
    waiting: Mapping[asyncio.Future[Outcome], object], outcomes: Sequence[Outcome | Exception]
) -> None:
    """Tell whoever waits what became of theirs."""
    for waits, outcome in zip(waiting, outcomes, strict=True):
        if waits.done():
            continue
        if isinstance(outcome, Exception):
            waits.set_exception(outcome)
        else:
            waits.set_result(outcome)
