"""A connector's process: what all platforms share, wired, and its end.

Who speaks a platform's protocol is given a `Connector`: it hands raw events in, and says what it hears. It
runs until the process is stopped, or cannot go on.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.connect.gap_log import GapLog
from app.connect.handing_in import HandingIn, RawEvent
from app.connect.hearing import Gap, Hearing, Missed
from app.connect.view import ConnectorView
from app.kafka.clients import client_settings
from app.kafka.own_address import own_address
from app.kafka.topic_admin import KafkaUnavailable, partition_counts
from app.kafka.topics import topics_of
from app.postgres.connections import create_pool
from app.postgres.heartbeat import Heartbeat, beating
from app.settings import ConfigurationError
from models.hosts import with_port
from models.processes import Beat, ProcessKind, ProcessStanding
from sinks.errors import ServiceDown
from sinks.kafka.producer import RecordProducer
from sinks.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.settings import Settings

log = logging.getLogger(__name__)

#: How long a connector that is stopped may still bring to Kafka what it has, and write down what it heard.
#: With the ends of the producer (2 s) and of the view (1 s), it is within the 10 s that containers are given.
FLUSH_WITHIN_S = 3.0
WRITE_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Connector:
    """What a platform's part works with.

    Attributes:
        platform: its name.
        handing_in: takes raw events.
        hearing: is told what is heard.
        gap_log: is woken when that changes.
        retry_policy: waits for Kafka.
    """

    platform: str
    handing_in: HandingIn
    hearing: Hearing
    gap_log: GapLog
    retry_policy: RetryPolicy


async def run_connector(
    settings: Settings,
    platform: str,
    listen: Callable[[Connector], Awaitable[None]],
    *,
    web_port: int | None = None,
) -> None:
    """Run a connector until it is stopped (SIGTERM, Ctrl-C), or until `listen` returns.

    What it had heard by then is brought to Kafka, as far as Kafka takes it in time; what is left is a gap.

    Args:
        settings: where Kafka and the database are.
        platform: whose events it hands in.
        listen: hears the platform; is cancelled to stop.
        web_port: where its view is; None for no view.

    Raises:
        ConfigurationError: a setting is missing, or PLATFORMS does not name the platform.
        TopicsUnfit: its events topic is missing.
        CannotGoOn: Kafka refuses.
    """
    events = topics_of(settings.topology).platform_events.get(platform)
    if events is None:
        raise ConfigurationError(
            f"PLATFORMS does not name {platform}: nobody would read what is heard; add it, run `chatlog "
            "topics`, and start a worker with the role capture-platforms"
        )
    running = asyncio.current_task()
    assert running is not None  # noqa: S101  a coroutine that runs is some task's
    is_stopped = False

    def stop() -> None:
        nonlocal is_stopped
        is_stopped = True
        running.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        await _run(settings, platform, events.name, listen, web_port)
    except asyncio.CancelledError:
        if not is_stopped:
            raise


async def _run(
    settings: Settings,
    platform: str,
    topic: str,
    listen: Callable[[Connector], Awaitable[None]],
    web_port: int | None,
) -> None:
    retry_policy = RetryPolicy("connect")
    async with AsyncExitStack() as stack:
        pool = None
        if settings.database.url is None:
            log.warning("DATABASE_URL is not set: what is missed is told in this log alone")
        else:
            pool = await create_pool(
                settings.database, application_name=f"chatlog-connect-{platform}", min_size=0, max_size=1
            )
            stack.callback(pool.terminate)
        producer = RecordProducer(client_settings(settings.kafka), retry_policy, compress=True)
        stack.push_async_callback(producer.stop)
        partitions = await retry_policy.run(lambda: _partitions(settings, topic))
        await producer.start()
        handing_in = HandingIn(
            producer,
            topic,
            partitions,
            buffer_bytes=settings.connect.buffer_bytes,
            refuse=lambda event: gap_log.add(_lost(event)),
        )
        hearing = Hearing(handing_in)
        gap_log = GapLog(platform, hearing, pool)
        connector = Connector(platform, handing_in, hearing, gap_log, retry_policy)
        if web_port is not None:
            await stack.enter_async_context(ConnectorView(connector, settings.web, web_port))
        address = None
        if web_port is not None:
            host = await own_address(settings.web.host, settings.kafka.require_servers()[0])
            address = f"http://{with_port(host, web_port)}"
        heartbeat = Heartbeat(
            settings.database, ProcessKind.CONNECTOR, platform, lambda: beat_of(connector, address)
        )
        await stack.enter_async_context(beating(heartbeat))
        await _listen(connector, listen)


def beat_of(connector: Connector, address: str | None) -> Beat:
    """Return how a connector is now: well is who hears something, and brings it to Kafka.

    Args:
        connector: which.
        address: where its view is, as others reach it; None for no view.
    """
    reasons = []
    if not connector.hearing.channels:
        reasons.append(f"no channel of {connector.platform} is heard: see its log for why")
    if connector.handing_in.is_full or connector.retry_policy.waiting_since is not None:
        reasons.append("Kafka does not take what is heard: what does not fit into the buffer is a gap")
    return Beat(ProcessStanding.UNREADY if reasons else ProcessStanding.OK, reasons, address)


async def _listen(connector: Connector, listen: Callable[[Connector], Awaitable[None]]) -> None:
    """Listen while events are produced and gaps written; end all three in the order that loses least."""
    producing = asyncio.create_task(connector.handing_in.run(), name="handing in")
    writing = asyncio.create_task(connector.gap_log.run(), name="gap log")
    listening = asyncio.ensure_future(listen(connector))
    parts: set[asyncio.Future[None]] = {producing, writing, listening}
    try:
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for part in done:
            part.result()
    finally:
        await _end(listening)
        if not producing.done():
            flushing = asyncio.ensure_future(connector.handing_in.flush())
            await asyncio.wait(
                {flushing, producing}, timeout=FLUSH_WITHIN_S, return_when=asyncio.FIRST_COMPLETED
            )
            await _end(flushing)
        await _end(producing)
        await _end(writing)
        if lost := connector.handing_in.taken - connector.handing_in.confirmed:
            log.warning("Kafka did not take all in time: the rest is a gap", extra={"events": lost})
        last = asyncio.ensure_future(connector.gap_log.write())
        await asyncio.wait({last}, timeout=WRITE_WITHIN_S)
        await _end(last)


async def _end(part: asyncio.Future[None]) -> None:
    """Have a part end, and look at no error of its: the first of all is raised already."""
    while not part.done():
        part.cancel()
        await asyncio.wait({part}, timeout=1.0)
    if not part.cancelled():
        part.exception()


def _lost(event: RawEvent) -> Gap:
    now_ms = round(time.time() * 1000)
    return Gap(event.key or "", now_ms, now_ms, Missed.TOO_LARGE)


async def _partitions(settings: Settings, topic: str) -> int:
    try:
        return (await partition_counts(settings.kafka, [topic]))[topic]
    except KafkaUnavailable as error:
        raise ServiceDown(str(error)) from error
