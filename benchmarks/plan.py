"""What is measured in which order, and how much of it. How each part measures is its own module's matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.settings import Role
from benchmarks import (
    auditing,
    backlog,
    capture,
    crowd,
    end_to_end,
    exports,
    memory,
    persist,
    platforms,
    scaling,
    searching,
    summing,
    threads,
    turns,
)
from benchmarks.rounds import in_turn
from models.partitioners import Partitioner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from benchmarks.backlog import Backlog
    from benchmarks.measuring import Run
    from benchmarks.services import Services

PARTS = (
    "persist",
    "capture",
    "e2e",
    "platforms",
    "crowd",
    "scaling",
    "exports",
    "search",
    "figures",
    "turns",
    "threads",
    "audits",
    "memory",
)
#: Without the memory, which takes an hour.
DEFAULT_PARTS = PARTS[:-1]
#: The roles that read a backlog of messages.
_CONSUMERS = (Role.CAPTURE, Role.PERSIST)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        rounds: how often each contender runs: the results are medians.
        messages: of the backlogs.
        idiom_messages: of the backlog of capture's idiom, whose speed does not depend on it.
        every_contender: also those that no goal is about.
        latency_s: how long events are sent at a steady pace.
        latency_rounds: how often.
        platform_messages: of the backlogs of platforms, and of Messenger beside them.
        platform_rounds: how often each of these runs.
        crowd_s: how long a crowd talks at a steady pace.
        scaling_messages: of the backlogs that one or two workers share.
        export_rows: of the surveys that are exported, fewer before more.
        search_rows: that are searched, and of which figures are asked for.
        searches: how often each is.
        turns_s: how long turns are logged by the API at a steady pace.
        threads_s: how long messages of threads are posted, and listed, in each run.
        thread_messages: in the middle of how many messages they are listed.
        audits: of a log that is taken.
    """

    rounds: int
    messages: int
    idiom_messages: int
    every_contender: bool
    latency_s: float
    latency_rounds: int
    platform_messages: int
    platform_rounds: int
    crowd_s: float
    scaling_messages: int
    export_rows: tuple[int, ...]
    search_rows: int
    searches: int
    turns_s: float
    threads_s: float
    thread_messages: int
    audits: int


FULL = Size(
    rounds=3,
    messages=200_000,
    idiom_messages=40_000,
    every_contender=True,
    latency_s=30.0,
    latency_rounds=3,
    platform_messages=200_000,
    platform_rounds=3,
    crowd_s=300.0,
    scaling_messages=100_000,
    export_rows=(250_000, 1_000_000),
    search_rows=10_000_000,
    searches=100,
    turns_s=30.0,
    threads_s=20.0,
    thread_messages=10_000_000,
    audits=1_000_000,
)
QUICK = Size(
    rounds=3,
    messages=60_000,
    idiom_messages=10_000,
    every_contender=False,
    latency_s=8.0,
    latency_rounds=1,
    platform_messages=40_000,
    platform_rounds=1,
    crowd_s=15.0,
    scaling_messages=30_000,
    export_rows=(80_000,),
    search_rows=300_000,
    searches=20,
    turns_s=8.0,
    threads_s=8.0,
    thread_messages=300_000,
    audits=100_000,
)


async def measure(
    services: Services,
    size: Size,
    parts: Collection[str],
    memory_messages: int,
    note: Callable[[Run], None],
) -> None:
    """Measure the parts that are wanted.

    Args:
        services: running, and for nobody else.
        size: how much.
        parts: some of `PARTS`.
        memory_messages: of the backlog for watching the memory.
        note: told of each run when it has ended.
    """
    if {"persist", "capture", "e2e"} & set(parts):
        await _compare(services, size, parts, note)
    for part, compare in _BY_THEMSELVES.items():
        if part in parts:
            await compare(services, size, note)
    if "memory" in parts:
        for role in _CONSUMERS:
            note(await memory.measure(services, role, memory_messages))


async def _compare(
    services: Services, size: Size, parts: Collection[str], note: Callable[[Run], None]
) -> None:
    """Measure what reads one backlog again and again."""
    everything = await backlog.make(services, "all", size.messages)
    if "persist" in parts:
        await persist.compare(services, everything, size, note)
    if "capture" in parts:
        few = await backlog.make(services, "few", size.idiom_messages)
        unlike = await backlog.make(services, "unlike", size.messages, states_by=Partitioner.CRC32)
        backlogs = {capture.OURS: everything, capture.HOP: unlike, capture.FAUST: few}
        await capture.compare(services, backlogs, size.rounds, note)
    if "e2e" in parts:
        await _end_to_end(services, everything, size, note)


async def _end_to_end(
    services: Services, everything: Backlog, size: Size, note: Callable[[Run], None]
) -> None:
    for number in range(size.latency_rounds):
        note(await end_to_end.latency(services, size.latency_s, number))
    for number in range(size.rounds):
        note(await end_to_end.throughput(services, everything, number))


async def _crowd(services: Services, size: Size, note: Callable[[Run], None]) -> None:
    note(await crowd.measure(services, size.crowd_s, keep_raw=True))
    if size.every_contender:
        note(await crowd.measure(services, size.crowd_s, keep_raw=False))


async def _scaling(services: Services, size: Size, note: Callable[[Run], None]) -> None:
    messages = size.scaling_messages
    for number in range(size.rounds):
        for workers in in_turn((1, 2), number):
            note(await scaling.measure(services, Role.CAPTURE, workers, messages, held=True, number=number))
    if size.every_contender:
        for number in range(size.rounds):
            for role in _CONSUMERS:
                for workers in in_turn((1, 2), number):
                    note(await scaling.measure(services, role, workers, messages, held=False, number=number))


async def _turns(services: Services, size: Size, note: Callable[[Run], None]) -> None:
    for number in range(size.latency_rounds):
        for part in in_turn((turns.PART, turns.BY_CLIENT), number):
            note(await turns.measure(services, part, size.turns_s, number))


#: Parts that share nothing with others, in their order.
_BY_THEMSELVES: Mapping[str, Callable[[Services, Size, Callable[[Run], None]], Awaitable[None]]] = {
    "platforms": platforms.compare,
    "crowd": _crowd,
    "scaling": _scaling,
    "exports": exports.compare,
    "search": searching.compare,
    "figures": summing.compare,
    "turns": _turns,
    "threads": threads.compare,
    "audits": auditing.compare,
}
