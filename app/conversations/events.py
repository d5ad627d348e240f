"""A conversation as it goes on, as server-sent events, for one who may read it.

Each message is read by the right of whoever watches, when it is there to be told: of what they may not read
they are not told that it came either. The stream ends when the right does.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import anyio
from sse_starlette import ServerSentEvent

from app.conversations.describing import talk_of
from app.conversations.representations import ShownMessage
from app.conversations.service import NoSuchConversation
from app.reading.lists import LIMIT_MAX, cursor_of
from app.web.streams import PlacedStream
from sinks.errors import SinkError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from prometheus_client import Gauge

    from app.conversations.live import LiveTalks, TalkNews, Watcher
    from app.conversations.rows import ConversationRow, SaidMessage
    from app.conversations.service import Conversations
    from app.web.paging import Place
    from models.access import Caller

#: After so long without news, it is asked again whether whoever watches still may.
ASK_AGAIN_S = 30.0
#: As of the streams of exports (`app.exports.events`), and for the same reasons.
KEEP_ALIVE_S, STREAM_MAX_S, SEND_WITHIN_S, STOP_WITHIN_S, RECONNECT_AFTER_MS = 15, 15 * 60, 30, 2, 2000
#: The events of the stream, as OpenAPI can say it.
EVENTS_SCHEMA = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["message", "gone", "again"]},
        "id": {"type": "string"},
        "retry": {"type": "integer"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}


class Following:
    """Follows one conversation for one caller.

    Args:
        talks: what messages are read by.
        live: what tells that there is something new.
        caller: who watches.
        row: the conversation, as they may read it now.
        after: the place of the last message that they have; None to begin now.
    """

    def __init__(
        self, talks: Conversations, live: LiveTalks, caller: Caller, row: ConversationRow, after: Place | None
    ) -> None:
        self._talks = talks
        self._live = live
        self._caller = caller
        self._row = row
        self._after = after

    def events(self, streams: Gauge) -> PlacedStream:
        """Return the stream.

        Args:
            streams: how many there are.
        """
        stopping = anyio.Event()
        return PlacedStream(
            self._live.places.taken_by(self._caller),
            self._counted(stopping, streams),
            ping=KEEP_ALIVE_S,
            send_timeout=SEND_WITHIN_S,
            shutdown_event=stopping,
            shutdown_grace_period=STOP_WITHIN_S,
        )

    async def _counted(self, stopping: anyio.Event, streams: Gauge) -> AsyncIterator[ServerSentEvent]:
        with streams.track_inprogress():
            try:
                async with self._live.watch(talk_of(self._row)) as watcher:
                    async for event in self._events(watcher, stopping):
                        yield event
            except (NoSuchConversation, SinkError):
                # A client that may connect again does, and is asked who it is.
                return

    async def _events(self, watcher: Watcher, stopping: anyio.Event) -> AsyncIterator[ServerSentEvent]:
        until = time.monotonic() + STREAM_MAX_S
        yield ServerSentEvent(comment="following", retry=RECONNECT_AFTER_MS)
        if self._after is not None:
            missed = await self._talks.messages(
                self._caller, self._row.id, after=self._after, limit=LIMIT_MAX
            )
            for event in self._told(missed.messages):
                yield event
            if missed.has_after:
                yield _event("again", {})
        while time.monotonic() < until and not stopping.is_set():
            await _first_of(watcher.wait(), stopping.wait(), within_s=ASK_AGAIN_S)
            news = watcher.take()
            try:
                for event in await self._news(news):
                    yield event
            except SinkError:
                # What there was to tell is to be looked for when the database is back.
                watcher.tell(set(news.fresh), set(news.gone), is_late=news.is_late)
                await _first_of(stopping.wait(), within_s=RECONNECT_AFTER_MS / 1000)

    async def _news(self, news: TalkNews) -> list[ServerSentEvent]:
        """Return the events of what is new; with nothing new, it is asked whether they still may read."""
        said = await self._talks.some(self._caller, self._row.id, news.fresh)
        before, self._row = self._row, await self._talks.get(self._caller, self._row.id)
        events = list(self._told(said))
        if self._row.is_whole:
            events += [_event("gone", {"id": str(message)}) for message in sorted(news.gone)]
            return [*events, _event("again", {})] if news.is_late else events
        # What others may read comes and goes unseen: only their own count tells them of something.
        is_changed = (self._row.messages or 0) != (before.messages or 0)
        if (news.gone or news.is_late) and is_changed:
            events.append(_event("again", {}))
        return events

    def _told(self, messages: Iterable[SaidMessage]) -> Iterable[ServerSentEvent]:
        for said in messages:
            last = self._after
            place = said.place
            if last is None or (place.moment, place.key) > (last.moment, last.key):
                self._after = last = place
            yield ServerSentEvent(
                ShownMessage.of(said).model_dump_json(), event="message", id=cursor_of(last)
            )


def _event(name: str, data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(data), event=name)


async def _first_of(*waiting: Any, within_s: float) -> None:
    """Wait until the first of these is done, and no longer than that."""
    tasks = [asyncio.ensure_future(one) for one in waiting]
    try:
        await asyncio.wait(tasks, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
