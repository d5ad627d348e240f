"""An event is produced → its row is committed, through a capture and a persist worker.

Latency at a steady pace, each event timed from when it was *due*, so that a sender that falls behind does not
flatter; and throughput from a backlog. The commit's time is PostgreSQL's own, taken just before it flushes.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import orjson
from aiokafka import AIOKafkaProducer

from app.kafka.clients import client_settings
from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from benchmarks.clocks import Span, appended, committed_rows, until_done
from benchmarks.measuring import run_of
from benchmarks.processes import DidNotFinish, worker
from benchmarks.workload import echo_event, state_record, text_event

if TYPE_CHECKING:
    from app.settings import Settings
    from benchmarks.backlog import Backlog
    from benchmarks.measuring import Run
    from benchmarks.processes import Contender
    from benchmarks.services import Services

LATENCY, THROUGHPUT = "e2e latency", "e2e throughput"
OURS = "chatlog"
EVENTS_PER_S = 500
#: Not counted: the first fetches and connections.
WARM_UP_S = 2.0
PEOPLE = 400
_ARRIVES_WITHIN_S = 30.0
_SLOWEST_PER_S = 1_500
_STARTS_WITHIN_S = 60.0

_LATENCIES = """
    SELECT percentile_disc(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY late_ms)
    FROM (
        SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - timestamp)::float8 * 1000 AS late_ms
        FROM chat_log WHERE timestamp >= to_timestamp($1)
    ) AS counted
"""


async def latency(services: Services, seconds: float, number: int) -> Run:
    """Produce `EVENTS_PER_S` for so many seconds, and see when each is a row."""
    name = f"latency-{number}"
    settings = await services.fresh(
        name, vlab_chat_events_topic=f"events-{name}", vlab_state_topic=f"states-{name}"
    )
    async with AsyncExitStack() as stack:
        workers = await _both(stack, services, settings)
        for one in workers:
            await one.until_ready()
        began = time.time()
        produced = await _produce_steadily(settings, WARM_UP_S + seconds)
        await _until_there(services, produced, workers)
        span = await committed_rows(services)
        connection = await services.connect()
        try:
            p50, p99, slowest = await connection.fetchval(_LATENCIES, began + WARM_UP_S)
        finally:
            await connection.close()
    run = run_of(LATENCY, OURS, span, workers, number)
    run.figures.update(p50_ms=round(p50, 1), p99_ms=round(p99, 1), max_ms=round(slowest, 1))
    return run


async def throughput(services: Services, backlog: Backlog, number: int) -> Run:
    """Let both workers, started at the same time, make rows of a backlog of events."""
    settings = await services.fresh(
        f"throughput-{number}", vlab_chat_events_topic=backlog.events, vlab_state_topic=backlog.states
    )
    topics = topics_of(settings.topology)
    timeout_s = backlog.messages / _SLOWEST_PER_S + _STARTS_WITHIN_S
    async with AsyncExitStack() as stack:
        workers = await _both(stack, services, settings)
        consumed = [backlog.events, backlog.states]
        await until_done(services, groups_of(settings.topology).capture, consumed, workers, timeout_s)
        await until_done(
            services, groups_of(settings.topology).persist, [topics.chat_log.name], workers, timeout_s
        )
    captured = await appended(services, topics.chat_log.name, topics.state_changelog.name)
    rows = await committed_rows(services)
    if rows.total != backlog.messages:
        raise DidNotFinish(f"{rows.total:,} rows came of {backlog.messages:,} events")
    span = Span(captured.first, rows.last, rows.total, rows.total)
    return run_of(THROUGHPUT, OURS, span, workers, number)


async def _both(stack: AsyncExitStack, services: Services, settings: Settings) -> list[Contender]:
    return [
        await stack.enter_async_context(worker(role, settings, services.directory))
        for role in (Role.PERSIST, Role.CAPTURE)
    ]


async def _produce_steadily(settings: Settings, seconds: float) -> int:
    """Produce events, each when it is due, and a state after every second one; return how many events."""
    topics = topics_of(settings.topology)
    events = round(seconds * EVENTS_PER_S)
    producer = AIOKafkaProducer(**client_settings(settings.kafka), acks="all")
    await producer.start()
    try:
        began = time.time()
        for number in range(events):
            due = began + number / EVENTS_PER_S
            if (wait_s := due - time.time()) > 0:
                await asyncio.sleep(wait_s)
            userid, pageid, due_ms = f"63{number // 2 % PEOPLE:014d}", "105738264910573", int(due * 1000)
            key, ref = userid.encode(), f"ref-{number}"
            if number % 2:
                event = text_event(userid, pageid, due_ms, "B. Market road")
                await producer.send(topics.events.name, orjson.dumps(event), key=key)
            else:
                event = echo_event(userid, pageid, due_ms, "Which clinic is closest to you?", ref)
                await producer.send(topics.events.name, orjson.dumps(event), key=key)
                state = {"forms": ["intro"], "question": ref, "md": {"form": "intro", "pageid": pageid}}
                await producer.send(topics.state.name, state_record(userid, pageid, due_ms, state), key=key)
        await producer.flush()
    finally:
        await producer.stop()
    return events


async def _until_there(services: Services, rows: int, workers: list[Contender]) -> None:
    connection = await services.connect()
    try:
        deadline = time.monotonic() + _ARRIVES_WITHIN_S
        while (there := await connection.fetchval("SELECT count(*) FROM chat_log")) < rows:
            for one in workers:
                one.check()
            if time.monotonic() > deadline:
                raise DidNotFinish(
                    f"{rows - there:,} of {rows:,} events are no rows {_ARRIVES_WITHIN_S:.0f} s later; "
                    f"the workers' last lines:\n{''.join(one.last_lines() for one in workers)}"
                )
            await asyncio.sleep(0.25)
    finally:
        await connection.close()
