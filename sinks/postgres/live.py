"""What is said now, as one worker stores it: messages by the minute, who speaks, how fast answers come.

Kept in memory, in windows of a minute, and written to `live_figures` every few seconds, where that of the
other workers is too, so that whoever reads it sees all. It counts what is stored again (a redelivery) twice,
and knows nothing from before the worker started: sums are exact, this is quick.

Not a Faust table with windows, which would be as inexact, and cost more: docs/figures.md has why.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from sinks.errors import SinkError
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import asyncpg

log = logging.getLogger(__name__)
_SQL = statements("live")

#: How far behind what others read may be.
EVERY_S = 10.0
MINUTE_MS = 60_000
#: Who spoke in so many minutes talks now.
NOW_MINUTES = 5
#: What was said before is not of now: whoever reads a backlog does not count it.
HORIZON_MS = 2 * NOW_MINUTES * MINUTE_MS
#: What is remembered at most; the rest is said to be missing.
PLACES_MAX, PEOPLE_MAX = 500, 50_000
_PER_BUCKET = math.log(1.1)


class StoredMessage(NamedTuple):
    """A stored message, in as much as is counted of it.

    Attributes:
        platform: where.
        channel: where on it; empty for what is no place.
        surveyid: of which survey.
        person: who spoke, if a person did.
        timestamp: when, in milliseconds since 1970.
        response_ms: how long an answer took.
    """

    platform: str
    channel: str
    surveyid: str | None
    person: str | None
    timestamp: int
    response_ms: int | None = None


@dataclass(slots=True)
class _Window:
    """What was said in one place.

    Attributes:
        messages: by minute since 1970.
        responses: by minute, how many by bucket (response_bucket in SQL).
        people: when each last spoke, in milliseconds.
        is_whole: whether everybody could be remembered.
    """

    messages: Counter[int] = field(default_factory=Counter)
    responses: dict[int, Counter[int]] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    is_whole: bool = True

    def note(self, said: StoredMessage) -> None:
        minute = said.timestamp // MINUTE_MS
        self.messages[minute] += 1
        if said.response_ms is not None:
            bucket = math.floor(math.log(max(1, said.response_ms)) / _PER_BUCKET)
            self.responses.setdefault(minute, Counter())[bucket] += 1
        if said.person is not None:
            if said.person in self.people or len(self.people) < PEOPLE_MAX:
                self.people[said.person] = max(said.timestamp, self.people.get(said.person, 0))
            else:
                self.is_whole = False

    def forget(self, now_ms: int) -> None:
        oldest = (now_ms - HORIZON_MS) // MINUTE_MS
        self.messages = Counter({at: many for at, many in self.messages.items() if at >= oldest})
        self.responses = {at: many for at, many in self.responses.items() if at >= oldest}
        since = now_ms - NOW_MINUTES * MINUTE_MS
        self.people = {person: at for person, at in self.people.items() if at >= since}


class LiveMessages:
    """Remembers what this worker stored in the last minutes.

    Args:
        now_ms: what time it is, in milliseconds since 1970.
    """

    def __init__(self, now_ms: Callable[[], int] = lambda: round(time.time() * 1000)) -> None:
        self._now_ms = now_ms
        self._windows: dict[tuple[str, str | None, str | None], _Window] = {}
        self._is_whole = True
        #: Tells this worker from others, and from itself before it was started again.
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{self._now_ms()}"

    @property
    def horizon_ms(self) -> int:
        """Before when what was said is not counted, in milliseconds since 1970."""
        return self._now_ms() - HORIZON_MS

    def note(self, stored: Iterable[StoredMessage]) -> None:
        """Count messages that were stored, none of them from before the horizon."""
        for said in stored:
            self._window(said.platform, None, None).note(said)
            self._window(said.platform, said.channel, None).note(said)
            if said.surveyid is not None:
                self._window(said.platform, None, said.surveyid).note(said)

    def rows(self) -> list[dict[str, Any]]:
        """Return what there is of this minute and the one before, of each place, and forget what is old."""
        now_ms = self._now_ms()
        minute = now_ms // MINUTE_MS
        found: list[dict[str, Any]] = []
        for (platform, channel, surveyid), window in list(self._windows.items()):
            window.forget(now_ms)
            # Whole platforms stay, so that it is seen that this worker is there.
            if not window.messages and (channel, surveyid) != (None, None):
                del self._windows[platform, channel, surveyid]
                continue
            found += [
                {
                    "minute": datetime.fromtimestamp(at * 60, UTC).isoformat(),
                    "platform": platform,
                    "channel": channel,
                    "surveyid": surveyid,
                    "messages": window.messages[at],
                    "people": len(window.people),
                    "responses": window.responses.get(at, {}),
                    "is_whole": window.is_whole and self._is_whole,
                }
                for at in (minute - 1, minute)
            ]
        return found

    def _window(self, platform: str, channel: str | None, surveyid: str | None) -> _Window:
        key = platform, channel, surveyid
        found = self._windows.get(key)
        if found is None:
            found = _Window()
            if len(self._windows) < PLACES_MAX:
                self._windows[key] = found
            else:
                self._is_whole = False
        return found


class LiveTable:
    """Writes what a worker remembers where everybody reads it.

    Args:
        pool: a connection as the writer role.
        live: what is remembered.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], live: LiveMessages) -> None:
        self._pool = pool
        self._live = live
        self._trouble = Trouble(log, over="Figures of now are written again")

    async def keep_written(self) -> None:
        """Write now and again, until cancelled. What fails is told in the log and tried again."""
        while True:
            try:
                await self.write()
            except SinkError as error:
                self._trouble.note("Figures of now cannot be written; tried again", {"error": str(error)})
            else:
                self._trouble.end()
            await asyncio.sleep(EVERY_S)

    async def write(self) -> None:
        """Write what there is, and delete what nobody looks at any more.

        Raises:
            SinkError: it cannot be written now.
        """
        rows = self._live.rows()
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                if rows:
                    await connection.execute(
                        _SQL.write_live_figures, self._live.worker, orjson.dumps(rows, option=_KEYS).decode()
                    )
                await connection.execute(_SQL.forget_live_figures, timedelta(hours=1))
        except DRIVER_ERRORS as error:
            raise classify(error) from None


_KEYS = orjson.OPT_NON_STR_KEYS
