"""What several requests bring for one partition at the same time, sent together.

An idempotent producer has one batch of a partition under way. So what comes meanwhile waits, and goes with
the next one: however many bring something, each waits for two batches or so, and nobody for a clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinks.splitting import write_or_split

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from models.errors import BadRecord
    from sinks.kafka.delivery import OutRecord

#: How many records go together; more would make a batch that its neighbours wait long for.
RECORDS_MAX = 1000


class Lane:
    """The way to one partition.

    Args:
        send: has records confirmed, in order.
    """

    def __init__(self, send: Callable[[Sequence[OutRecord]], Awaitable[int]]) -> None:
        self._send = send
        self._waiting: deque[_Brought] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def put(self, records: Sequence[OutRecord]) -> list[tuple[int, BadRecord]]:
        """Return which of the records are refused, by their place, when all others are confirmed.

        Raises:
            SinkError: they are not, as `send` says.
        """
        brought = _Brought(records, asyncio.get_running_loop().create_future())
        self._waiting.append(brought)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all(), name="events on their way to a partition")
        return await brought.refused

    async def end(self) -> None:
        """Send no more. Nobody waits for what is left."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])

    async def _send_all(self) -> None:
        try:
            while together := self._next():
                await self._send_some(together)
        finally:
            self._sending = None

    def _next(self) -> list[_Brought]:
        together: list[_Brought] = []
        room = RECORDS_MAX
        while self._waiting and (not together or len(self._waiting[0].records) <= room):
            brought = self._waiting.popleft()
            # Whoever gave up is told nothing, and tells it again.
            if not brought.refused.done():
                together.append(brought)
                room -= len(brought.records)
        return together

    async def _send_some(self, together: Sequence[_Brought]) -> None:
        placed = [
            (brought, place, record) for brought in together for place, record in enumerate(brought.records)
        ]
        bad: dict[int, list[tuple[int, BadRecord]]] = {id(brought): [] for brought in together}
        try:
            _, refused = await write_or_split(
                placed, lambda some: self._send([record for _, _, record in some])
            )
        except Exception as error:  # noqa: BLE001  whatever it is, it is theirs who wait
            for brought in together:
                brought.fail(error)
            return
        for (brought, place, _), why in refused:
            bad[id(brought)].append((place, why))
        for brought in together:
            if not brought.refused.done():
                brought.refused.set_result(bad[id(brought)])


@dataclass(slots=True, eq=False)
class _Brought:
    """What a request brings for the partition, and what it waits for."""

    records: Sequence[OutRecord]
    refused: asyncio.Future[list[tuple[int, BadRecord]]]

    def fail(self, error: Exception) -> None:
        if not self.refused.done():
            self.refused.set_exception(error)
