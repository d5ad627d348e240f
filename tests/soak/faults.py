"""The faults of a soak. Each is one function: it breaks something, for a while, and mends it.

What they break is given to them, and so is chance, so that a seed makes the same faults again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from tests.faults.freezing import frozen
from tests.services import eventually
from tests.soak.crew import ROLES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from app.local.embedded import EmbeddedKafka, EmbeddedPostgres
    from tests.soak.crew import Crew
    from tests.workers import WorkerProcess

#: How long something is away. The longest is past the workers' session, so that partitions move.
SHORTEST_S, LONGEST_S = 2.0, 20.0
#: How long a worker may take to start, join and restore its table.
UP_WITHIN_S = 90


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to break."""

    chance: Random
    crew: Crew
    kafka: EmbeddedKafka
    postgres: EmbeddedPostgres

    def anyone(self) -> WorkerProcess:
        """Choose a worker."""
        return self.chance.choice([worker for worker in self.crew.members if worker.running])

    async def a_while(self) -> float:
        """Let time go by; return how much, in seconds."""
        seconds = round(self.chance.uniform(SHORTEST_S, LONGEST_S), 1)
        await asyncio.sleep(seconds)
        return seconds


async def kill_a_worker(scene: Scene) -> str:
    worker = scene.anyone()
    scene.crew.kill(worker)
    return f"kill -9 of {worker.log.stem}"


async def stop_a_worker(scene: Scene) -> str:
    worker = scene.anyone()
    await is_up(worker)
    status = await scene.crew.stop(worker)
    if status != 0:
        raise AssertionError(f"{worker.log.stem} was told to stop and ended with {status}")
    return f"SIGTERM of {worker.log.stem}"


async def freeze_a_worker(scene: Scene) -> str:
    worker = scene.anyone()
    worker.freeze()
    seconds = await scene.a_while()
    worker.thaw()
    return f"{worker.log.stem} frozen for {seconds} s"


async def let_a_worker_join_and_leave(scene: Scene) -> str:
    worker = scene.crew.join(scene.chance.choice(ROLES))
    seconds = await scene.a_while()
    await is_up(worker)
    status = await scene.crew.leave(worker)
    if status != 0:
        raise AssertionError(f"{worker.log.stem} was told to leave and ended with {status}")
    return f"{worker.log.stem} joins, and leaves after {seconds} s"


async def stop_the_broker(scene: Scene) -> str:
    await scene.kafka.stop()
    seconds = await scene.a_while()
    await scene.kafka.start()
    return f"broker stopped for {seconds} s"


async def kill_the_broker(scene: Scene) -> str:
    await scene.kafka.kill()
    await scene.kafka.start()
    return "kill -9 of the broker"


async def freeze_the_broker(scene: Scene) -> str:
    with frozen(scene.kafka.pid):
        seconds = await scene.a_while()
    return f"broker frozen for {seconds} s"


async def crash_postgres(scene: Scene) -> str:
    await scene.postgres.stop("immediate")
    seconds = await scene.a_while()
    await scene.postgres.start()
    return f"PostgreSQL stopped with -m immediate for {seconds} s"


async def freeze_postgres(scene: Scene) -> str:
    with frozen(scene.postgres.pid):
        seconds = await scene.a_while()
    return f"PostgreSQL frozen for {seconds} s"


async def terminate_connections(scene: Scene) -> str:
    connection = await asyncpg.connect(scene.postgres.url)
    terminated = 0
    for _ in range(20):
        terminated += len(await connection.fetch(_TERMINATE))
        await asyncio.sleep(0.1)
    await connection.close()
    return f"{terminated} connections terminated"


async def lock_the_table(scene: Scene) -> str:
    connection = await asyncpg.connect(scene.postgres.url)
    async with connection.transaction():
        await connection.execute("LOCK TABLE chat_log IN ACCESS EXCLUSIVE MODE")
        seconds = await scene.a_while()
    await connection.close()
    return f"chat_log locked for {seconds} s"


async def is_up(worker: WorkerProcess) -> None:
    """Return when a worker is at work: before that, a signal ends it like any program."""
    await eventually(worker.is_ready, UP_WITHIN_S, f"{worker.log.stem} is up")


#: Each returns what it did, once it is mended.
FAULTS: tuple[Callable[[Scene], Awaitable[str]], ...] = (
    kill_a_worker,
    stop_a_worker,
    freeze_a_worker,
    let_a_worker_join_and_leave,
    stop_the_broker,
    kill_the_broker,
    freeze_the_broker,
    crash_postgres,
    freeze_postgres,
    terminate_connections,
    lock_the_table,
)

_TERMINATE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'chatlog-persist'
"""
