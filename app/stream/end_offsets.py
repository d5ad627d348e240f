"""Where partitions end, as the brokers say now: questions that come together share one request.

An end is what can be read: the offset after the last record, or where the first open transaction begins.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from faust.types import TP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from aiokafka import TopicPartition


class EndOffsets:
    """Asks for ends; one request is under way at a time, and what is asked meanwhile goes into the next.

    Args:
        ask: asks the brokers for the offset after the last record of each partition.
    """

    def __init__(self, ask: Callable[[set[TP]], Awaitable[Mapping[TopicPartition, int]]]) -> None:
        self._ask = ask
        self._wanted: set[TP] = set()
        #: The answer to what is wanted; None when nothing is.
        self._answer: asyncio.Future[Mapping[TP, int]] | None = None
        self._asking = asyncio.Lock()

    async def of(self, tp: TP) -> int:
        """Return the offset after the last record, asked for after this was called.

        Raises:
            KafkaError: the brokers do not answer.
        """
        return (await self.of_all({tp}))[tp]

    async def of_all(self, tps: Collection[TP]) -> Mapping[TP, int]:
        """Return the offset after the last record of each, asked for after this was called.

        Raises:
            KafkaError: the brokers do not answer.
        """
        if not tps:
            return {}
        self._wanted.update(tps)
        if self._answer is None:
            self._answer = asyncio.ensure_future(self._ask_for_all())
        answer = await asyncio.shield(self._answer)
        return {tp: answer[tp] for tp in tps}

    async def _ask_for_all(self) -> Mapping[TP, int]:
        async with self._asking:
            wanted, self._wanted, self._answer = self._wanted, set(), None
            answer = await self._ask(wanted)
        return {TP(tp.topic, tp.partition): offset for tp, offset in answer.items()}
