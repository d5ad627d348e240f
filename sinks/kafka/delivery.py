"""Records on their way to one partition, by one aiokafka producer; and the end of a producer.

What aiokafka leaves to its users: to hand in batches, wait for their confirmations for a while and again, and
to end a producer that cannot deliver. When to try again, and when with a new producer, is not decided here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka.errors import KafkaTimeoutError, ProducerClosed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aiokafka import AIOKafkaProducer
    from aiokafka.structs import RecordMetadata

#: How long a producer that is ended may go on delivering. What is left then was confirmed to nobody.
END_S = 2.0
#: How often it is then told to end, a tenth of a second apart.
FORCE_ATTEMPTS = 20


class OutRecord(NamedTuple):
    """A record to produce."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp_ms: int | None = None


class Delivery:
    """Some records for one partition; begun with a producer, and again with another when that is lost."""

    def __init__(self, topic: str, partition: int, records: Sequence[OutRecord]) -> None:
        self.topic = topic
        self.partition = partition
        self.records = records
        self.producer: AIOKafkaProducer | None = None
        self._to_hand_in: deque[Any] = deque()
        self._confirmations: list[asyncio.Future[RecordMetadata]] = []
        self._last_batch_records = 0

    def begin(self, producer: AIOKafkaProducer) -> None:
        """Start over, with all records."""
        self.producer = producer
        for confirmation in self._confirmations:
            confirmation.add_done_callback(_look_at)
        self._to_hand_in.clear()
        self._to_hand_in.extend(_batches(producer, self.records))
        self._confirmations.clear()
        self._last_batch_records = int(self._to_hand_in[-1].record_count())

    async def hand_in(self, timeout_s: float) -> None:
        """Give the producer the batches that it does not have yet, each when the one before it is on its way.

        Raises:
            KafkaTimeoutError: it has not taken one so far; this may be called again.
            KafkaError: it does not take one; this may be called again.
        """
        while self._to_hand_in and self.producer is not None:
            # A producer that is ended in another's send leaves this one waiting for metadata, for ever.
            try:
                async with asyncio.timeout(timeout_s):
                    confirmation = await self.producer.send_batch(
                        self._to_hand_in[0], self.topic, partition=self.partition
                    )
            except TimeoutError as error:
                raise KafkaTimeoutError from error
            self._confirmations.append(confirmation)
            self._to_hand_in.popleft()

    async def confirmed(self, timeout_s: float) -> int:
        """Return the offset of the last record once the brokers have confirmed them all.

        Raises:
            KafkaTimeoutError: they have not, so far; this may be called again.
            KafkaError: they refuse a batch.
        """
        done, missing = await asyncio.wait(
            self._confirmations, timeout=timeout_s, return_when=asyncio.FIRST_EXCEPTION
        )
        for refused in [confirmation for confirmation in done if confirmation.exception()]:
            refused.result()
        if missing:
            raise KafkaTimeoutError
        return int(self._confirmations[-1].result().offset) + self._last_batch_records - 1


async def end_producer(producer: AIOKafkaProducer) -> None:
    """Disconnect; deliver what can be delivered in `END_S`, and make sure that the rest never is.

    aiokafka's own stop waits for ever for brokers that are down, and when it is cancelled, its sender goes
    on: it would deliver late what its successor has long sent again. May be cancelled, and called again.
    """
    ends = {asyncio.ensure_future(producer.stop())}
    if (sender := producer._sender.sender_task) is not None:  # noqa: SLF001  there is no public way to end it
        ends.add(sender)
    _, left = await asyncio.wait(ends, timeout=END_S)
    for _ in range(FORCE_ATTEMPTS):
        if not left:
            break
        producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001  nor to give up what it holds
        if sender is not None:
            # It waits for each request that is under way, and at each cancellation for one less.
            sender.cancel()
        await asyncio.wait({*left, asyncio.ensure_future(producer.client.close())}, timeout=0.1)
        left = {end for end in left if not end.done()}
    for end in ends - left:
        _look_at(end)


def _batches(producer: AIOKafkaProducer, records: Sequence[OutRecord]) -> Iterator[Any]:
    """Fill as few batches as possible; a record larger than a batch fills one alone."""
    batch = producer.create_batch()
    for record in records:
        if not _append(batch, record):
            batch.close()
            yield batch
            batch = producer.create_batch()
            _append(batch, record)
    batch.close()
    yield batch


def _look_at(done: asyncio.Future[Any]) -> None:
    """Look at what nobody waits for any more, or asyncio reports it."""
    if not done.cancelled():
        done.exception()


def _append(batch: Any, record: OutRecord) -> bool:
    appended = batch.append(
        key=record.key, value=record.value, timestamp=record.timestamp_ms, headers=list(record.headers)
    )
    return appended is not None
