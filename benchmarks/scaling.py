"""Two workers on half of the partitions each, against one on all.

On a machine of few cores, two busy workers, Kafka and PostgreSQL get into each other's way, and that says
more of the machine than of the workers. So each worker is held to a share of the time, as a container's limit
would: it runs for `RUN_S` of every `PERIOD_S`, and two never at once. Then neither the cores nor PostgreSQL
are the limit, and what is left is what the workers cost each other. The same without holding is measured,
too, and reported as what it is.

The workers have their partitions before there is any work: they are stopped while the backlog is produced.
"""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from aiokafka.admin import AIOKafkaAdminClient

from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from benchmarks import backlog
from benchmarks.clocks import appended, committed_rows, until_done
from benchmarks.measuring import run_of
from benchmarks.processes import DidNotFinish, worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from benchmarks.measuring import Run
    from benchmarks.processes import Contender
    from benchmarks.services import Services

HELD, FREE = "scaling, held", "scaling, free"
PERIOD_S = 0.05
RUN_S = 0.02
#: The workers say nothing while they are stopped; the broker must not give up on them.
SESSION_S = 20.0
_JOINED_WITHIN_S = 60.0
_SLOWEST_PER_S = 1_500


def name_of(role: Role, workers: int) -> str:
    """Name a contender."""
    return f"{role.value} x{workers}"


async def measure(
    services: Services, role: Role, workers: int, messages: int, *, held: bool, number: int
) -> Run:
    """Run so many workers of one role over a backlog that they share.

    Args:
        services: with the broker.
        role: of the workers.
        workers: 1 or 2.
        messages: in the backlog, at least.
        held: whether each is held to its share of the time.
        number: of the round.
    """
    part = HELD if held else FREE
    name = f"{role.value}-{workers}-{'held' if held else 'free'}-{number}"
    topics = backlog.topics_named(name)
    await services.create_topics(*topics)
    events, states, entries = topics
    values = {"vlab_chat_events_topic": events, "vlab_state_topic": states}
    if role is Role.PERSIST:
        values = {"vlab_chat_log_topic": entries}
    settings = await services.fresh(
        name, session_timeout_s=SESSION_S, rebalance_timeout_s=SESSION_S, **values
    )
    group = groups_of(settings.topology).of(role)
    consumed = [events, states] if role is Role.CAPTURE else [entries]
    async with AsyncExitStack() as stack:
        team = [
            await stack.enter_async_context(worker(role, settings, services.directory))
            for _ in range(workers)
        ]
        await _until_all_joined(services, group, team)
        for one in team:
            one.signal(signal.SIGSTOP)
        filled = await backlog.fill(services, topics, messages, set(consumed))
        async with _let_go(team, held=held):
            await until_done(services, group, consumed, team, messages / _SLOWEST_PER_S / RUN_S * PERIOD_S)
    if role is Role.CAPTURE:
        made = topics_of(settings.topology)
        span = await appended(services, made.chat_log.name, made.state_changelog.name)
        await services.drop_topics(made.chat_log.name, made.state_changelog.name)
    else:
        span = await committed_rows(services)
    if span.total != filled:
        raise DidNotFinish(f"{span.total:,} came out of {filled:,}")
    await services.drop_topics(*topics)
    return run_of(part, name_of(role, workers), span, team, number)


async def _until_all_joined(services: Services, group: str, team: Sequence[Contender]) -> None:
    """Return when every worker is ready and the group has settled with all of them in it."""
    for one in team:
        await one.until_ready()
    deadline = time.monotonic() + _JOINED_WITHIN_S
    admin = AIOKafkaAdminClient(bootstrap_servers=services.kafka.bootstrap_servers)
    await admin.start()
    try:
        while time.monotonic() < deadline:
            for response in await admin.describe_consumer_groups([group]):
                for _, _, state, _, _, members, *_ in response.groups:
                    if state == "Stable" and len(members) == len(team):
                        return
            await asyncio.sleep(0.2)
    finally:
        await admin.close()
    raise DidNotFinish(f"{len(team)} workers did not come together within {_JOINED_WITHIN_S:.0f} s")


@asynccontextmanager
async def _let_go(team: Sequence[Contender], *, held: bool) -> AsyncIterator[None]:
    """Let stopped workers run: freely, or each for its share of the time."""
    if not held:
        for one in team:
            one.signal(signal.SIGCONT)
        yield
        return
    turns = [asyncio.create_task(_in_turns(one, place * PERIOD_S / 2)) for place, one in enumerate(team)]
    try:
        yield
    finally:
        for turn in turns:
            turn.cancel()
        await asyncio.gather(*turns, return_exceptions=True)


async def _in_turns(one: Contender, offset_s: float) -> None:
    """Let a worker run for its share of each period, beginning at an offset that no other has."""
    clock = asyncio.get_running_loop()
    with suppress(ProcessLookupError):
        while True:
            now = clock.time()
            begins = (now - offset_s) // PERIOD_S * PERIOD_S + PERIOD_S + offset_s
            await asyncio.sleep(begins - now)
            one.signal(signal.SIGCONT)
            await asyncio.sleep(begins + RUN_S - clock.time())
            one.signal(signal.SIGSTOP)
