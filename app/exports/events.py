"""The progress of one export as server-sent events: at once, when something changes, and no more at its end.

Each event is read from the row, so any replica can tell of an export that any worker makes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent

from app.exports.representations import Progress
from app.exports.service import NoSuchExport
from sinks.errors import SinkError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from prometheus_client import Gauge

    from app.exports.rows import ExportRow

#: A row says how far it is about once a second.
LOOK_EVERY_S = 1.0
#: A comment after so long without an event, so that no proxy takes the connection for dead.
KEEP_ALIVE_S = 15
#: Then the client connects again, and is asked again who it is.
STREAM_MAX_S = 15 * 60
#: How long a client that does not read holds its stream.
SEND_WITHIN_S = 30
#: How long a stream may take to end in order when the process stops; else it is cut.
STOP_WITHIN_S = 2
#: What a client waits before it connects again.
RECONNECT_AFTER_MS = 2000
#: One event of the stream, as OpenAPI can say it.
EVENT_SCHEMA = {
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"const": "progress"},
        "id": {"type": "string"},
        "retry": {"type": "integer"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/Progress"},
        },
    },
}


def progress_events(
    row: ExportRow, look: Callable[[], Awaitable[ExportRow]], streams: Gauge
) -> EventSourceResponse:
    """Return the stream of an export's progress, beginning with what `row` says.

    Args:
        row: the export.
        look: looks again, and asks again whether whoever follows it may; raises NoSuchExport if not.
        streams: how many there are.
    """
    stopping = anyio.Event()
    return EventSourceResponse(
        _counted(_events(row, look, stopping), streams),
        ping=KEEP_ALIVE_S,
        send_timeout=SEND_WITHIN_S,
        shutdown_event=stopping,
        shutdown_grace_period=STOP_WITHIN_S,
    )


def event_id(row: ExportRow) -> str:
    """Return what an event of this state is known by; a client that comes back says it."""
    return row.updated.isoformat()


async def _counted(events: AsyncIterator[ServerSentEvent], streams: Gauge) -> AsyncIterator[ServerSentEvent]:
    with streams.track_inprogress():
        async for event in events:
            yield event


async def _events(
    row: ExportRow, look: Callable[[], Awaitable[ExportRow]], stopping: anyio.Event
) -> AsyncIterator[ServerSentEvent]:
    until = time.monotonic() + STREAM_MAX_S
    told: Progress | None = None
    while True:
        progress = Progress.model_validate(row)
        if progress != told:
            told = progress
            yield ServerSentEvent(
                progress.model_dump_json(), event="progress", id=event_id(row), retry=RECONNECT_AFTER_MS
            )
        if row.is_final or time.monotonic() > until:
            return
        with anyio.move_on_after(LOOK_EVERY_S):
            await stopping.wait()
            return
        try:
            row = await look()
        except NoSuchExport:
            return
        except SinkError:
            # The client waits through an outage, and is told what there is to tell after it.
            continue
