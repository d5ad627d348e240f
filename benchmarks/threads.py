"""Threads by REST, beside a plain service as document 004 describes it: posting messages, and listing them.

Two replicas each, one service after the other in turns, PostgreSQL and the loader on the same cores. Messages
are posted at a pace that both can keep, and as many as are answered; then lists of 50 are asked for in the
middle of many messages. Of ours, Kafka is told of each message; the plain service tells nobody.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from statistics import median
from tempfile import TemporaryFile
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from benchmarks.clocks import Span
from benchmarks.loader import Plan, Result
from benchmarks.measuring import median_per_s, run_of
from benchmarks.processes import DidNotFinish, Watch
from benchmarks.rounds import in_turn
from benchmarks.tables import percentile
from benchmarks.thread_services import (
    OURS,
    PATH,
    PLAIN,
    drop,
    fresh,
    make_threads,
    post_of,
    replicated,
    request,
    seed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from http import HTTPStatus

    from app.settings import Settings
    from benchmarks.measuring import Run
    from benchmarks.plan import Size
    from benchmarks.processes import Contender
    from benchmarks.services import Services

POSTING, AT_A_PACE, LISTING = "threads posting", "threads at a pace", "threads listing"
CONNECTIONS = 200
PAGE = 50
#: Posts and lists a second, which both services can do.
POSTS_PER_S, LISTS_PER_S = 300, 100
WARM_UP_S = 3.0
_ANSWERED_WITHIN_S = 60.0


async def compare(services: Services, size: Size, note: Callable[[Run], None]) -> None:
    """Post to both services, as fast as they answer and at a pace; fill both, and list.

    Args:
        services: with Kafka and PostgreSQL.
        size: for how long, how often, and in the middle of how many messages.
        note: told of each run.
    """
    for number in range(size.rounds):
        for contender in in_turn((OURS, PLAIN), number):
            for run in await _post(services, contender, size.threads_s, number):
                note(run)
    settings = await fresh(services, "list")
    threads = await seed(services, settings, size.thread_messages)
    for number in range(size.rounds):
        for contender in in_turn((OURS, PLAIN), number):
            note(await _list(services, settings, contender, threads, size.threads_s, number))
    await drop(services)
    await services.empty_tables()


def ratio(runs: Sequence[Run]) -> float | None:
    """Return how many times as many posts ours answers; None if not both were measured."""
    ours, plain = (median_per_s(runs, POSTING, name) for name in (OURS, PLAIN))
    return ours / plain if ours and plain else None


def p99_ms(runs: Iterable[Run], part: str) -> float | None:
    """Return within what 99 of 100 of ours were answered: the median of the rounds."""
    found = [run.figures["p99_ms"] for run in runs if (run.part, run.contender) == (part, OURS)]
    return median(found) if found else None


@dataclass(frozen=True, slots=True)
class _Asked:
    """Requests that are sent to a service.

    Attributes:
        part: of the measurement.
        requests: as bytes.
        per_s: how many; None for as many as are answered.
        status: that each answer has to have.
    """

    part: str
    requests: list[bytes]
    per_s: float | None
    status: HTTPStatus | int


async def _post(services: Services, contender: str, seconds: float, number: int) -> list[Run]:
    settings = await fresh(services, f"{contender}-{number}")
    async with replicated(services, settings, contender) as replicas:
        threads = await make_threads(replicas[0].web_port)
        requests = [post_of(thread, number) for number, thread in enumerate(threads)]
        return [
            await _measure(services, contender, replicas, _Asked(part, requests, per_s, 201), seconds, number)
            for part, per_s in ((AT_A_PACE, POSTS_PER_S), (POSTING, None))
        ]


async def _list(
    services: Services, settings: Settings, contender: str, threads: int, seconds: float, number: int
) -> Run:
    # Not in their order: neighbours are in the same pages.
    listed = [UUID(int=1 + turn * 7919 % threads) for turn in range(min(threads, 20_000))]
    requests = [request("GET", f"{PATH}/{thread}/messages?limit={PAGE}") for thread in listed]
    async with replicated(services, settings, contender) as replicas:
        asked = _Asked(LISTING, requests, LISTS_PER_S, 200)
        return await _measure(services, contender, replicas, asked, seconds, number)


async def _measure(
    services: Services,
    contender: str,
    replicas: Sequence[Contender],
    asked: _Asked,
    seconds: float,
    number: int,
) -> Run:
    ports = [replica.web_port for replica in replicas]
    plan = Plan(ports, CONNECTIONS, asked.requests, WARM_UP_S + seconds, WARM_UP_S, per_s=asked.per_s)
    postgres = Watch(services.postgres.pid)
    try:
        result = await _load(plan)
    finally:
        postgres.end()
    for replica in replicas:
        replica.check()
    if set(result.statuses) != {asked.status}:
        said = "\n".join(replica.last_lines() for replica in replicas)
        raise DidNotFinish(f"{contender} answered {result.statuses}:\n{said}")
    answers = len(result.took_ms)
    run = run_of(asked.part, contender, Span(result.first, result.last, answers, answers), replicas, number)
    run.figures.update(
        p50_ms=round(percentile(result.took_ms, 50), 1),
        p99_ms=round(percentile(result.took_ms, 99), 1),
        max_ms=round(max(result.took_ms), 1),
        postgres_cpu_ms=round(postgres.cpu_s(result.first, result.last) / answers * 1000, 3),
        # Of the service itself, for one request.
        cpu_ms=round(
            sum(replica.cpu_s(result.first, result.last) for replica in replicas) / answers * 1000, 3
        ),
    )
    return run


async def _load(plan: Plan) -> Result:
    """Have the loader send, in a process of its own."""
    # Not by a pipe: on a busy machine, of some results the end was missing.
    with TemporaryFile() as said:
        loader = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.loader"), stdin=asyncio.subprocess.PIPE, stdout=said
        )
        try:
            await asyncio.wait_for(
                loader.communicate(msgspec.json.encode(plan)), plan.seconds + _ANSWERED_WITHIN_S
            )
        except TimeoutError:
            raise DidNotFinish("some requests were never answered") from None
        finally:
            if loader.returncode is None:
                loader.kill()
                await loader.wait()
        if loader.returncode:
            raise DidNotFinish(f"the loader ended with status {loader.returncode}")
        said.seek(0)
        return msgspec.json.decode(said.read(), type=Result)
