"""What happens in threads, as server-sent events, for those who may read them.

Each replica looks at the numbers of the events of those threads that somebody watches there, so any can
serve any, also behind a pooler of sessions, which would lose LISTEN. Whoever watches reads what is new by
their own right; and a client that comes back says which event it had.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import anyio
import orjson
from sse_starlette import ServerSentEvent

from app.looking import Looker
from app.postgres.answers import answer_within
from app.threads.outgoing import event_in
from app.web.streams import PlacedStream, WatchPlaces
from models.threads import ThreadEventType
from sinks.errors import SinkError
from sinks.sql import statements
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg
    from prometheus_client import Gauge

    from app.threads.rows import ThreadHead
    from app.threads.service import LearnerThreads
    from models.access import Caller

log = logging.getLogger(__name__)

_SQL = statements("thread_events")

#: How long what another replica wrote may go unnoticed; what this one wrote is noticed at once.
LOOK_EVERY_S = 0.5
#: As of the streams of exports (`app.exports.events`), and for the same reasons.
KEEP_ALIVE_S, STREAM_MAX_S, SEND_WITHIN_S, STOP_WITHIN_S, RECONNECT_AFTER_MS = 15, 15 * 60, 30, 2, 2000
#: An event of the stream, as OpenAPI can say it.
STREAM_SCHEMA = {
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"enum": [str(event) for event in ThreadEventType]},
        "id": {"type": "string", "format": "uuid"},
        "retry": {"type": "integer"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}


class WatchedThreads(Looker):
    """Notices what is new in threads that somebody watches; an async context manager.

    Attributes:
        places: of those who watch.

    Args:
        pool: connections as the role of the API.
        threads: by which tenants are kept apart.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], threads: LearnerThreads) -> None:
        super().__init__("watched threads", LOOK_EVERY_S)
        self.places = WatchPlaces()
        self._pool = pool
        self._threads = threads
        self._watchers: defaultdict[tuple[str, UUID], set[asyncio.Event]] = defaultdict(set)
        self._numbers: dict[tuple[str, UUID], int] = {}
        self._trouble = Trouble(log, over="Threads that are watched can be looked at again")

    @property
    def is_any(self) -> bool:
        """Whether somebody watches."""
        return bool(self._watchers)

    @asynccontextmanager
    async def watch(self, head: ThreadHead) -> AsyncIterator[asyncio.Event]:
        """Give what is set whenever there may be something new in a thread."""
        key = head.tenant, head.id
        news = asyncio.Event()
        self._watchers[key].add(news)
        try:
            yield news
        finally:
            self._watchers[key].discard(news)
            if not self._watchers[key]:
                del self._watchers[key]
                self._numbers.pop(key, None)

    async def look(self) -> None:
        """Tell watchers of threads that have newer events than when they were last looked at."""
        by_tenant: defaultdict[str, list[UUID]] = defaultdict(list)
        for tenant, thread in self._watchers:
            by_tenant[tenant].append(thread)
        try:
            for tenant, threads in by_tenant.items():
                async with answer_within(), self._threads.transaction(tenant) as connection:
                    rows = await connection.fetch(_SQL.find_last_events, tenant, threads)
                for row in rows:
                    self._note((tenant, row["conversation_id"]), row["number"])
            self._trouble.end()
        except SinkError as error:
            self._trouble.note("Threads that are watched cannot be looked at", {"error": str(error)})

    def _note(self, key: tuple[str, UUID], number: int) -> None:
        if self._numbers.get(key) == number or key not in self._watchers:
            return
        self._numbers[key] = number
        for news in self._watchers[key]:
            news.set()

    async def first_number(self, head: ThreadHead, last_event_id: str | None) -> int:
        """Return the number of the event after which a client watches.

        Args:
            head: the thread.
            last_event_id: the event that it had; unknown, as is one of over a week ago, it is told of all
                that is kept.
        """
        async with answer_within(), self._threads.transaction(head.tenant) as connection:
            if last_event_id is None:
                last = await connection.fetchrow(_SQL.find_last_events, head.tenant, [head.id])
                return last["number"] if last is not None else 0
            try:
                event = UUID(last_event_id)
            except ValueError:
                return 0
            number = await connection.fetchval(_SQL.find_number, head.tenant, head.id, event)
            return number or 0

    async def since(self, head: ThreadHead, number: int) -> list[asyncpg.Record]:
        """Return the events of a thread after a number, as many as are read at once.

        Raises:
            ServiceDown: the database is down.
        """
        async with answer_within(), self._threads.transaction(head.tenant) as connection:
            return await connection.fetch(_SQL.find_events, head.tenant, head.id, number)


def thread_events(
    watched: WatchedThreads, caller: Caller, head: ThreadHead, last_event_id: str | None, streams: Gauge
) -> PlacedStream:
    """Return the stream of what happens in a thread, for somebody who may read it.

    Args:
        watched: tells what is new.
        caller: who they are.
        head: the thread.
        last_event_id: the event that they had; None to begin now.
        streams: how many there are.
    """
    stopping = anyio.Event()
    return PlacedStream(
        watched.places.taken_by(caller),
        _counted(watched, head, last_event_id, stopping, streams),
        ping=KEEP_ALIVE_S,
        send_timeout=SEND_WITHIN_S,
        shutdown_event=stopping,
        shutdown_grace_period=STOP_WITHIN_S,
    )


async def _counted(
    watched: WatchedThreads,
    head: ThreadHead,
    last_event_id: str | None,
    stopping: anyio.Event,
    streams: Gauge,
) -> AsyncIterator[ServerSentEvent]:
    with streams.track_inprogress():
        try:
            async with watched.watch(head) as news:
                async for event in _events(watched, head, last_event_id, news, stopping):
                    yield event
        except SinkError:
            # The client connects again, and says which event it had.
            return


async def _events(
    watched: WatchedThreads,
    head: ThreadHead,
    last_event_id: str | None,
    news: asyncio.Event,
    stopping: anyio.Event,
) -> AsyncIterator[ServerSentEvent]:
    until = time.monotonic() + STREAM_MAX_S
    number = await watched.first_number(head, last_event_id)
    yield ServerSentEvent(comment="following", retry=RECONNECT_AFTER_MS)
    while time.monotonic() < until and not stopping.is_set():
        news.clear()
        while rows := await watched.since(head, number):
            for row in rows:
                number = row["number"]
                event = event_in(row, row["content"])
                yield ServerSentEvent(
                    orjson.dumps(event).decode(), event=event["event_type"], id=event["event_id"]
                )
                if event["event_type"] == ThreadEventType.THREAD_DELETED:
                    return
        await _first_of(news, stopping)


async def _first_of(news: asyncio.Event, stopping: anyio.Event) -> None:
    """Wait for the first of them."""
    waits = [asyncio.ensure_future(wait) for wait in (news.wait(), stopping.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await wait
