"""Runs a soak: services, workers and traffic, one fault after the other, and the reckoning at the end."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from app.postgres.connections import connect
from tests.faults.ledger import Ledger
from tests.services import dedicated_kafka, dedicated_postgres, migrate, settings_for_tests
from tests.soak.crew import Crew
from tests.soak.faults import FAULTS, Scene, is_up
from tests.soak.outcome import Fault, Outcome
from tests.soak.traffic import WRONGLY_JOINED, Traffic
from tests.soak.watching import Watch
from tests.workers import Workers, prepare

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from rich.console import Console

    from app.settings import Settings

OF_EACH_ROLE = 2
#: How long a system may take to get over a fault: a session, a rebalance, the table, the backlog.
RECOVERY_LIMIT_S = 120.0
SETTLE_LIMIT_S = 300.0
#: Rest between faults.
SHORTEST_REST_S, LONGEST_REST_S = 1.0, 6.0


async def soak(seconds: float, seed: int, messages_per_s: int, directory: Path, console: Console) -> Outcome:
    """Run one, and return what it found.

    Args:
        seconds: how long things are broken; settling comes on top.
        seed: makes the faults, and who talks, the same again.
        messages_per_s: events a second.
        directory: where the workers keep their logs.
        console: told of each fault as it happens.
    """
    async with dedicated_kafka() as kafka, dedicated_postgres() as postgres:
        system = settings_for_tests("soak", kafka.bootstrap_servers, postgres.url, directory)
        await migrate(postgres.url)
        await prepare(system)
        ledger = Ledger(system)
        workers = Workers(system, directory / "workers")
        crew = Crew(workers, OF_EACH_ROLE)
        watch = Watch(system, crew)
        enough = asyncio.Event()
        traffic = asyncio.create_task(Traffic(system, ledger, messages_per_s, seed).run(enough))
        background = [asyncio.create_task(crew.supervise()), asyncio.create_task(watch.run())]
        try:
            scene = Scene(random.Random(seed), crew, kafka, postgres)
            faults = await _break_things(scene, watch, seconds, console)
            enough.set()
            await traffic
            since = time.monotonic()
            # What is lost is told by the account, below.
            with suppress(AssertionError):
                await ledger.settle(SETTLE_LIMIT_S)
            settled_in_s = time.monotonic() - since
        finally:
            await _end(traffic, *background)
            workers.kill_all()
        return Outcome(
            seed,
            tuple(faults),
            await ledger.account(),
            settled_in_s,
            await _wrongly_joined(system),
            tuple(crew.ended_by_themselves),
            watch.peaks,
        )


async def _break_things(scene: Scene, watch: Watch, seconds: float, console: Console) -> list[Fault]:
    for worker in list(scene.crew.members):
        await is_up(worker)
    began = time.monotonic()
    done: list[Fault] = []
    kinds: list[Callable[[Scene], Awaitable[str]]] = []
    while time.monotonic() < began + seconds:
        # Every kind, in a new order each time, rather than one often and another never.
        kinds = kinds or scene.chance.sample(FAULTS, len(FAULTS))
        fault = await _make(kinds.pop(), scene, watch, began)
        done.append(fault)
        recovery = "never" if fault.recovery_s is None else f"{fault.recovery_s:.1f} s"
        console.print(f"{fault.at_s:6.0f} s  {fault.what}: recovered in {recovery} {fault.problem}")
        await asyncio.sleep(scene.chance.uniform(SHORTEST_REST_S, LONGEST_REST_S))
    return done


async def _make(make: Callable[[Scene], Awaitable[str]], scene: Scene, watch: Watch, began: float) -> Fault:
    since = time.monotonic()
    what, problem = make.__name__.replace("_", " "), ""
    try:
        what = await make(scene)
    except AssertionError as error:
        problem = str(error)
    over = time.monotonic()
    try:
        await asyncio.wait_for(watch.caught_up(), RECOVERY_LIMIT_S)
    except TimeoutError:
        return Fault(since - began, what, None, problem)
    return Fault(since - began, what, time.monotonic() - over, problem)


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _wrongly_joined(system: Settings) -> int:
    connection = await connect(system.database, statement_timeout_s=0)
    try:
        return int(await connection.fetchval(WRONGLY_JOINED))
    finally:
        await connection.close()
