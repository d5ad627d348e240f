"""Records → Kafka, many at a time, safe when it returns (acks=all, idempotent).

A batch is built per partition and sent whole: an order of magnitude faster than a send per record.

While the brokers are down, aiokafka goes on delivering what it was given, without end. So a send is not
repeated then, only reported. But a batch that the brokers refuse leaves a gap in the sequence of an
idempotent producer, which every later batch of the partition falls into: then the producer is made anew.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTimestampError,
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
)

from models.errors import BadRecord, Reason
from sinks.errors import CannotGoOn, ServiceDown
from sinks.kafka.delivery import Delivery, end_producer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sinks.kafka.delivery import OutRecord
    from sinks.retry import RetryPolicy

#: The size of a batch on the wire; a record larger than it travels alone.
BATCH_BYTES = 512 * 1024
#: What a person can do about brokers that are away or refuse.
REMEDY = "check the brokers and KAFKA_BOOTSTRAP_SERVERS, and the topics by `chatlog topics --dry-run`"
#: What others may have compressed with, or less well.
COMPRESSION = "zstd"
#: How long the brokers may take to confirm before it counts as an outage (Faust's default is 1,200 s).
REQUEST_TIMEOUT_MS = 10_000

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError)
_REFUSED = (ClusterAuthorizationFailedError, InvalidTopicError, TopicAuthorizationFailedError)


Result = TypeVar("Result")


class RecordProducer:
    """Produces records to a partition and returns when all in-sync replicas have them.

    Args:
        client: how to reach the brokers (bootstrap_servers, security).
        retry_policy: waits while the brokers are down. Without it, that they are is the caller's at once, as
            ServiceDown; then `stop` makes sure that what was not confirmed is never delivered.
        compress: whether to make records smaller on the wire. For those that came from elsewhere and may have
            fitted their topic only because they were compressed; our own are not worth the time.
    """

    def __init__(
        self, client: dict[str, Any], retry_policy: RetryPolicy | None = None, *, compress: bool = False
    ) -> None:
        self._client = client
        self._retry_policy = retry_policy
        self._compression = COMPRESSION if compress else None
        self._connected: AIOKafkaProducer | None = None
        #: Held while the producer is made anew, by the first who needs it.
        self._renewing = asyncio.Lock()

    async def start(self) -> None:
        """Connect, waiting while the brokers are down."""
        await self._run(self._connect)

    async def stop(self) -> None:
        """Disconnect. What was sent and not confirmed is given up after a while. Idempotent."""
        connected, self._connected = self._connected, None
        if connected is not None:
            await end_producer(connected)

    async def send(self, topic: str, partition: int, records: Sequence[OutRecord]) -> int:
        """Produce `records` to one partition, in order; return the offset of the last one.

        Sent again after a failure, a record may be in the log twice; every reader allows for that.

        Raises:
            BadRecord: the brokers refuse a record for its size or its time.
            CannotGoOn: they refuse for another reason that waiting does not mend.
        """
        delivery = Delivery(topic, partition, records)
        return await self._run(lambda: self._send(delivery))

    async def reach(self, topic: str) -> int:
        """Make sure that the brokers answer now; return the number of partitions of a topic."""
        return await self._run(lambda: self._reach(topic))

    async def _run(self, work: Callable[[], Awaitable[Result]]) -> Result:
        return await (work() if self._retry_policy is None else self._retry_policy.run(work))

    def _new_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._client,
            acks="all",
            enable_idempotence=True,
            compression_type=self._compression,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            linger_ms=0,
        )

    @property
    def _producer(self) -> AIOKafkaProducer:
        if self._connected is None:
            raise RuntimeError("RecordProducer was not started")
        return self._connected

    async def _connect(self) -> None:
        producer = self._new_producer()
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                await producer.start()
            self._connected = producer
        except _REFUSED as error:
            raise CannotGoOn(f"Kafka refuses our producer: {error!r}; run `chatlog check`") from error
        except (KafkaError, TimeoutError) as error:
            raise ServiceDown(f"Kafka cannot be reached: {error!r}; {REMEDY}") from error
        finally:
            if self._connected is not producer:
                await end_producer(producer)

    async def _reach(self, topic: str) -> int:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                partitions = await self._producer.partitions_for(topic)
                if not await self._producer.client.force_metadata_update():
                    raise KafkaConnectionError("no broker answers")
        except (KafkaError, TimeoutError) as error:
            raise ServiceDown(f"Kafka cannot be reached: {error!r}; {REMEDY}") from error
        return len(partitions)

    async def _send(self, delivery: Delivery) -> int:
        """Have the records confirmed; what was handed in by an earlier attempt only waits for that."""
        producer = self._producer
        if delivery.producer is not producer:
            delivery.begin(producer)
        try:
            await delivery.hand_in(REQUEST_TIMEOUT_MS / 1000)
            return await delivery.confirmed(REQUEST_TIMEOUT_MS / 1000)
        except KafkaTimeoutError as error:
            raise ServiceDown(
                f"Kafka has taken no records for {delivery.topic} for a while: {REMEDY}"
            ) from error
        except _TOO_LARGE as error:
            await self._renew(producer)
            raise BadRecord(Reason.TOO_LARGE, f"larger than {delivery.topic} accepts") from error
        except InvalidTimestampError as error:
            await self._renew(producer)
            raise BadRecord(
                Reason.TIMESTAMP_OUT_OF_RANGE, f"{delivery.topic} does not accept the record's timestamp"
            ) from error
        except _REFUSED as error:
            raise CannotGoOn(
                f"Kafka refuses records for {delivery.topic}: {error!r}; run `chatlog check`"
            ) from error
        except ProducerClosed:
            # Renewed under our hands, because of another partition's batch.
            await self._renew(producer)
            return await self._send(delivery)
        except KafkaError as error:
            await self._renew(producer)
            raise ServiceDown(
                f"Kafka does not take records for {delivery.topic}: {error!r}; {REMEDY}"
            ) from error

    async def _renew(self, lost: AIOKafkaProducer) -> None:
        """Connect anew in place of `lost`, unless that was done meanwhile."""
        async with self._renewing:
            if self._connected is lost:
                await end_producer(lost)
                await self._connect()
