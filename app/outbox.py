"""The outbox: sends the record of every row that waits for it, so that no row stays without one.

A request only inserts its row; here every unpublished row is read, its record produced, and the row marked,
in one transaction. So a record has always a row, and a row gets its record although Kafka is down or this
process dies in between: another sends it then, or a second time, which readers allow for. Each API process
runs one for all capabilities; rows that another process has in hand are left to it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from app.kafka.topic_admin import KafkaUnavailable
from app.looking import Looker
from app.settings import ConfigurationError
from models.partitioners import Partitioner, partition_of
from sinks.errors import ServiceDown, SinkError
from sinks.kafka.producer import RecordProducer
from sinks.postgres.sqlstate import DRIVER_ERRORS
from sinks.splitting import write_or_split
from sinks.sql import statements
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    import asyncpg

    from sinks.kafka.delivery import OutRecord
    from sinks.sql import Statements

log = logging.getLogger(__name__)

#: How often the outbox is looked at when no request here fills it: rows of processes that died, and retries.
SWEEP_EVERY_S = 3.0
#: For so long rows are gathered before they are sent: of many, each costs a tenth of what one alone does.
GATHER_S = 0.1
#: How long the brokers may take to connect, or to take records; rows are locked meanwhile.
KAFKA_WITHIN_S = 5.0

_BEGIN = statements("outbox").begin_for_all_tenants


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The rows of one capability that are to become records.

    Attributes:
        what: the records, in the plural, for the log.
        topic: where they go.
        sql: has `take_unpublished`, which locks some rows, oldest first, and leaves out locked ones;
            `mark_published` and `refuse_unpublished`, which take their ids; and `count_unpublished`.
        record_of: makes the record of a row. Raises ValueError if this version cannot.
        check: raises what speaks against sending to the topic at all; asked once for a connection. None for
            what nothing could speak against.
    """

    what: str
    topic: str
    sql: Statements
    record_of: Callable[[asyncpg.Record], OutRecord]
    check: Callable[[], Awaitable[None]] | None = None


class _Published(NamedTuple):
    """What came of a look.

    Attributes:
        is_well: whether Kafka takes what waits; None if no row could be read.
        is_any: whether anything was sent.
    """

    is_well: bool | None
    is_any: bool = False


class Outbox(Looker):
    """Sends the records of unpublished rows, until stopped; an async context manager.

    Args:
        client: how to reach the brokers.
        pool: connections that may read and update the rows.
        outgoing: what to send, of each capability.

    Attributes:
        pending: how many rows wait for Kafka, as last seen; None before it was.
        is_well: whether records could be sent when it last looked; None before it did.
    """

    def __init__(
        self, client: dict[str, Any], pool: asyncpg.Pool[asyncpg.Record], outgoing: Sequence[Outgoing]
    ) -> None:
        super().__init__("outbox", SWEEP_EVERY_S)
        self._client = client
        self._pool = pool
        self._outgoing = outgoing
        self._producer: RecordProducer | None = None
        #: The topics that nothing speaks against. Filled as they are checked, emptied with the connection.
        self._checked: set[str] = set()
        self._unsent = {
            each.topic: Trouble(log, over="What waited in the outbox is sent again") for each in outgoing
        }
        self._unread = {each.topic: Trouble(log, over="The outbox can be read again") for each in outgoing}
        self.pending: int | None = None
        self.is_well: bool | None = None

    async def __aexit__(self, *raised: object) -> None:
        await super().__aexit__(*raised)
        await self._disconnect()

    async def look(self) -> None:
        """Send what waits; whatever is down, the next sweep tries again."""
        # What one capability cannot send keeps back no other; it comes last, as finding that out takes time.
        in_order = sorted(self._outgoing, key=lambda each: self._unsent[each.topic].since is not None)
        published = [await self._publish(each) for each in in_order]
        known = [each.is_well for each in published if each.is_well is not None]
        if known:
            self.is_well = all(known)
        with suppress(*DRIVER_ERRORS):
            self.pending = sum([await self._count(each) for each in self._outgoing])
        if any(each.is_any for each in published):
            # There may be more, and what comes until then goes with it.
            await asyncio.sleep(GATHER_S)
            self.wake()

    async def _publish(self, outgoing: Outgoing) -> _Published:
        """Send some of what waits of one capability."""
        unread, unsent = self._unread[outgoing.topic], self._unsent[outgoing.topic]
        what = {"what": outgoing.what}
        is_any = False
        try:
            # A topic that nothing waits for need not be there.
            if await self._count(outgoing):
                # Before any row is locked, so that an outage of Kafka holds up nobody else.
                way = await self._reach(outgoing)
                is_any = await self._publish_some(outgoing, way)
        except DRIVER_ERRORS as error:
            unread.note("The outbox cannot be read", what | {"error": type(error).__name__})
            return _Published(None)
        except (SinkError, KafkaUnavailable, ConfigurationError) as error:
            unsent.note(
                "Records wait in the outbox, as they cannot be sent; their rows are kept",
                what | {"error": repr(error)},
            )
            await self._disconnect()
            return _Published(is_well=False)
        unsent.end(what)
        unread.end(what)
        return _Published(True, is_any=is_any)

    async def _count(self, outgoing: Outgoing) -> int:
        """Return how many rows wait."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_BEGIN)
            waiting: int = await connection.fetchval(outgoing.sql.count_unpublished)
            return waiting

    async def _publish_some(self, outgoing: Outgoing, way: _Way) -> bool:
        """Send the records of some rows; return whether there were any."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_BEGIN)
            rows = await connection.fetch(outgoing.sql.take_unpublished)
            if not rows:
                return False
            refused = await _send(outgoing, rows, way)
            await connection.execute(outgoing.sql.mark_published, [row["id"] for row in rows])
            if refused:
                await connection.execute(outgoing.sql.refuse_unpublished, refused)
                log.error(
                    "Rows of the outbox have failed: their records cannot be made, or Kafka refuses them",
                    extra={"what": outgoing.what, "records": len(refused)},
                )
            return True

    async def _reach(self, outgoing: Outgoing) -> _Way:
        """Return the way to a topic whose brokers have just answered."""
        async with _kafka_in_time():
            if outgoing.check is not None and outgoing.topic not in self._checked:
                await outgoing.check()
            self._checked.add(outgoing.topic)
            if self._producer is None:
                producer = RecordProducer(self._client)
                await producer.start()
                self._producer = producer
            return _Way(self._producer, await self._producer.reach(outgoing.topic))

    async def _disconnect(self) -> None:
        """End the producer, so that nothing it could not deliver is delivered behind our back."""
        producer, self._producer = self._producer, None
        self._checked.clear()
        if producer is not None:
            await producer.stop()


@dataclass(frozen=True, slots=True)
class _Way:
    """To a topic.

    Attributes:
        producer: connected.
        partitions: how many the topic has.
    """

    producer: RecordProducer
    partitions: int


async def _send(outgoing: Outgoing, rows: Sequence[asyncpg.Record], way: _Way) -> list[Any]:
    """Have the records of rows confirmed; return the ids of rows that never can be, which hold up no other.

    Raises:
        SinkError: Kafka does not take them, or takes too long.
    """
    refused: list[Any] = []
    by_partition: dict[int, list[tuple[Any, OutRecord]]] = defaultdict(list)
    for row in rows:
        try:
            record = outgoing.record_of(row)
        except ValueError:  # an unknown source or option: another version's, or another program's
            refused.append(row["id"])
        else:
            partition = partition_of(Partitioner.MURMUR2, record.key or b"", way.partitions)
            by_partition[partition].append((row["id"], record))

    async def send_to(partition: int) -> None:
        def send(pairs: Sequence[tuple[Any, OutRecord]]) -> Awaitable[int]:
            return way.producer.send(outgoing.topic, partition, [record for _, record in pairs])

        _, bad = await write_or_split(by_partition[partition], send)
        refused.extend(row_id for (row_id, _), _ in bad)

    async with _kafka_in_time():
        await asyncio.gather(*map(send_to, by_partition))
    return refused


@asynccontextmanager
async def _kafka_in_time() -> AsyncIterator[None]:
    """Give Kafka so long; a TimeoutError as such would be taken for one of the database."""
    try:
        async with asyncio.timeout(KAFKA_WITHIN_S):
            yield
    except TimeoutError:
        raise ServiceDown(
            f"Kafka does not answer within {KAFKA_WITHIN_S:g} s, or lacks the topic: see the brokers and the "
            "network, and the topics by `chatlog topics --dry-run`"
        ) from None
