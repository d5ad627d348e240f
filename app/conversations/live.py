"""What is new in conversations, for those who watch: each looked at once a second, however many watch it.

Each replica looks for its own watchers, so any of them can serve any. What is looked at is no content: ids,
and when messages were said, edited, deleted and rated. Whoever watches reads them by their own right.

Messages may come late, with a time before others that are there. Of the newest ones each is noticed for
itself; that there is something new before them tells the count of a dialogue, and of a room that of its last
day. Then a watcher is told to look again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from app.conversations.telling import unsent_among
from app.postgres.answers import answer_within
from app.web.streams import WatchPlaces
from models.access import tenant_of
from models.ids import source_of
from models.reading import Readable
from sinks.errors import SinkError
from sinks.postgres.reading import Reading
from sinks.postgres.said import count_since, marks_of
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from sinks.postgres.talks import Talk

    #: By id: when it was said, and what can change.
    Marks = dict[UUID, tuple[datetime, Any, Any, Any]]

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
#: A room's count is not as cheap.
COUNT_EVERY_S = 15.0
COUNT_BACK = timedelta(days=1)
#: How many of the newest messages are looked at, each for itself.
WATCHED = 200
#: How much a watcher that does not read is kept for.
PENDING_MAX = 500

_SQL = statements("conversations")


class TalkNews(NamedTuple):
    """What there is to tell of a conversation.

    Attributes:
        fresh: messages that came, or changed.
        gone: those that are not to be read any more.
        is_late: whether something came before those that are looked at, or too much to list.
    """

    fresh: frozenset[UUID] = frozenset()
    gone: frozenset[UUID] = frozenset()
    is_late: bool = False


class Watcher:
    """What one who watches a conversation has not been told yet."""

    def __init__(self) -> None:
        self._fresh: set[UUID] = set()
        self._gone: set[UUID] = set()
        self._is_late = False
        self._news = asyncio.Event()

    def tell(self, fresh: set[UUID], gone: set[UUID], *, is_late: bool) -> None:
        """Add what there is to tell."""
        self._fresh |= fresh
        self._gone |= gone
        self._is_late |= is_late
        if len(self._fresh) + len(self._gone) > PENDING_MAX:
            self._fresh, self._gone, self._is_late = set(), set(), True
        if fresh or gone or is_late:
            self._news.set()

    async def wait(self) -> None:
        """Wait until there is something to tell."""
        await self._news.wait()

    def take(self) -> TalkNews:
        """Return what there is to tell, and forget it."""
        self._news.clear()
        taken = TalkNews(frozenset(self._fresh), frozenset(self._gone), self._is_late)
        self._fresh, self._gone, self._is_late = set(), set(), False
        return taken


class LiveTalks:
    """Looks at the conversations that somebody watches.

    Attributes:
        places: of those who watch.

    Args:
        pool: connections that may read messages.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self.places = WatchPlaces()
        self._pool = pool
        self._looks: dict[UUID, _Look] = {}

    @asynccontextmanager
    async def watch(self, talk: Talk) -> AsyncIterator[Watcher]:
        """Have a conversation looked at, from now on until the end of the block.

        Raises:
            ServiceDown: the database is down.
        """
        watcher = Watcher()
        look = self._looks.get(talk.id)
        if look is None:
            look = self._looks[talk.id] = _Look(self._pool, talk)
        look.watchers.add(watcher)
        try:
            await look.begin()
            yield watcher
        finally:
            look.watchers.discard(watcher)
            if not look.watchers and self._looks.get(talk.id) is look:
                del self._looks[talk.id]
                await look.stop()


class _Look:
    """Looks at one conversation.

    Attributes:
        watchers: whom to tell.

    Args:
        pool: connections.
        talk: which.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], talk: Talk) -> None:
        self.watchers: set[Watcher] = set()
        self._pool = pool
        self._talk = talk
        self._all_of_it = Reading(Readable(None, tenant=tenant_of(talk.platform, talk.channel)), ())
        self._since = datetime.now(UTC) - COUNT_BACK
        self._known: Marks = {}
        self._count: int | None = None
        self._counted = 0.0
        #: New messages since the last count.
        self._new = 0
        self._task: asyncio.Task[None] | None = None
        self._first = asyncio.Lock()

    async def begin(self) -> None:
        """Have looked for the first time, so that whatever comes from now on is noticed."""
        async with self._first:
            if self._task is None:
                self._known, self._count = await self._see(is_counted=True)
                self._task = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._look_again()
            except SinkError as error:
                # The watchers wait through an outage, and are told what there is to tell after it.
                log.info("A conversation that is watched cannot be looked at", extra={"error": str(error)})
            except Exception:
                log.exception("Looking at a conversation failed")

    async def _look_again(self) -> None:
        now = asyncio.get_running_loop().time()
        is_counted = self._talk.person != "" or now - self._counted >= COUNT_EVERY_S
        marks, count = await self._see(is_counted=is_counted)
        fresh = {message for message, mark in marks.items() if self._known.get(message) != mark}
        oldest = min((mark[0] for mark in marks.values()), default=None)
        gone = {
            message
            for message, mark in self._known.items()
            if message not in marks and (oldest is None or mark[0] > oldest)
        }
        self._new += len(fresh - self._known.keys())
        is_late = False
        if is_counted:
            is_late = count is not None and self._count is not None and count - self._count > self._new
            self._count, self._counted, self._new = count, now, 0
        self._known = marks
        for watcher in self.watchers:
            watcher.tell(fresh, gone, is_late=is_late)

    async def _see(self, *, is_counted: bool) -> tuple[Marks, int | None]:
        """Return the newest messages, and how many there are as far as that is looked at; at one moment."""
        async with (
            answer_within(),
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            rows = await connection.fetch(*marks_of(self._talk, self._all_of_it, WATCHED).call)
            unsent = await unsent_among(connection, rows)  # type: ignore[arg-type]
            opinions = {
                row["refers_to"]: (row["opinions"], row["given"])
                for row in await connection.fetch(_SQL.count_feedback, [_source(row) for row in rows])
            }
            count = None
            if is_counted:
                count = await connection.fetchval(_SQL.count_captured, self._talk.id)
                if count is None:
                    count = await connection.fetchval(
                        *count_since(self._talk, self._all_of_it, self._since).call
                    )
        marks = {
            row["id"]: (
                row["timestamp"],
                row["edited"],
                unsent.since(row["author_id"], row["mid"], row["message_type"]) or row["deleted"],
                opinions.get(_source(row)),
            )
            for row in rows
        }
        return marks, count


def _source(row: asyncpg.Record) -> UUID:
    return UUID(source_of(str(row["id"])))
