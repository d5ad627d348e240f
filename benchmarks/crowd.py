"""A crowd talks at a steady pace, in channels with rules: events → records → rows, days and stays.

The pace is the document's: 50,000 people who say something once a minute, 3.0 million messages an hour. Each
message is timed from when it was *due*, so that a sender that falls behind does not flatter.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer

from app.kafka.clients import client_settings
from app.kafka.topics import topics_of
from app.settings import Role
from benchmarks.chatter import Crowd, channel_of, twitch_line, uuid_of
from benchmarks.clocks import committed_rows
from benchmarks.measuring import run_of
from benchmarks.processes import DidNotFinish, Watch, worker
from benchmarks.rules import set_rules
from benchmarks.sizes import MESSAGES, bytes_a_row, gb_a_month
from models.ids import lot_of
from sinks.sql import statements

if TYPE_CHECKING:
    from app.settings import Settings
    from benchmarks.measuring import Run
    from benchmarks.processes import Contender
    from benchmarks.services import Services

PART, TWITCH, WITHOUT_RAW = "crowd", "twitch", "twitch, no raw_payload"
CHATTERS, CHANNELS = 50_000, 10_000
PER_S = CHATTERS / 60
#: At which channels are sampled, in turns.
RATES = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.1, 0.01)
_SETTLED_WITHIN_S = 90.0

_SQL = statements("crowd", "benchmarks.sql")


async def measure(services: Services, seconds: float, *, keep_raw: bool) -> Run:
    """Let a crowd talk for so many seconds, and see that every message is where it has to be.

    Args:
        services: for nobody else.
        seconds: how long.
        keep_raw: whether the channels keep events as they came.

    Raises:
        DidNotFinish: something is missing or too much; or a worker ended.
    """
    name = f"crowd-{'raw' if keep_raw else 'no-raw'}"
    settings = await services.fresh(name, vlab_env=name, platforms=("twitch",))
    rates = RATES * (CHANNELS // len(RATES))
    await set_rules(services, "twitch", rates, keep_raw=keep_raw)
    watched = {"kafka": Watch(services.kafka.pid), "postgres": Watch(services.postgres.pid)}
    async with AsyncExitStack() as stack:
        capture, persist = [
            await stack.enter_async_context(worker(role, settings, services.directory))
            for role in (Role.CAPTURE_PLATFORMS, Role.PERSIST)
        ]
        for one in (capture, persist):
            await one.until_ready()
        began = time.time()
        said, kept = await _talk(settings, seconds, rates)
        await _until_settled(services, said, kept, [capture, persist])
        ended = time.time()
    for watch in watched.values():
        watch.end()
    span = await committed_rows(services, "messages")
    run = run_of(PART, TWITCH if keep_raw else WITHOUT_RAW, span, [capture, persist], 0)
    for part, watch in {"capture": capture, "persist": persist, **watched}.items():
        run.figures[f"{part}_cpu_percent"] = round(watch.cpu_s(began, ended) / (ended - began) * 100, 1)
    run.figures.update(said=said, **await _lateness(services))
    bytes_each = await bytes_a_row(services, MESSAGES, kept)
    run.figures.update(bytes_a_row=bytes_each, gb_a_month=gb_a_month(bytes_each))
    return run


async def _talk(settings: Settings, seconds: float, rates: tuple[float, ...]) -> tuple[int, int]:
    """Produce what the crowd says, each when it is due; return how many messages, and how many are rows."""
    topic = topics_of(settings.topology).platform_events["twitch"].name
    messages, kept = round(seconds * PER_S), 0
    producer = AIOKafkaProducer(**client_settings(settings.kafka), acks="all")
    await producer.start()
    try:
        began_ms = time.time_ns() // 1_000_000
        talk = Crowd(CHATTERS, CHANNELS).talk(messages, start_ms=began_ms, per_s=PER_S)
        for said, answers in talk:
            line = twitch_line(said, answers)
            if (wait_s := said.sent_ms / 1000 - time.time()) > 0:
                await asyncio.sleep(wait_s)
            await producer.send(topic, line, key=channel_of(said.room).encode())
            kept += lot_of("twitch", uuid_of(said)) < rates[said.room]
        await producer.flush()
    finally:
        await producer.stop()
    return messages, kept


async def _until_settled(services: Services, said: int, kept: int, workers: list[Contender]) -> None:
    """Return when all that is kept is rows, days have counted these, and stays all that was said."""
    connection = await services.connect()
    try:
        deadline = time.monotonic() + _SETTLED_WITHIN_S
        while True:
            there = await connection.fetchrow(_SQL.folded)
            if there and tuple(there.values()) == (kept, kept, said, False):
                return
            for one in workers:
                one.check()
            if time.monotonic() > deadline:
                raise DidNotFinish(
                    f"of {said:,} messages, {kept:,} of them kept, there is {dict(there or {})} "
                    f"{_SETTLED_WITHIN_S:.0f} s later:\n{''.join(one.last_lines() for one in workers)}"
                )
            await asyncio.sleep(1)
    finally:
        await connection.close()


async def _lateness(services: Services) -> dict[str, float]:
    connection = await services.connect()
    try:
        found = await connection.fetchrow(_SQL.lateness)
    finally:
        await connection.close()
    return {name: round(float(value), 3) for name, value in dict(found or {}).items()}
