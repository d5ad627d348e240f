"""The ledger of a fault test: which messages went in, what must become of each, and what became of it.

It compares keys, not counts: every row of `chat_log` and every dead letter with what was sent. It is kept
in SQLite, on disk when it grows, so that half an hour of messages takes little memory. It breaks nothing
itself, and knows nothing of workers.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from app.kafka.clients import client_settings
from app.postgres.connections import connect
from models.errors import Reason
from tests.faults.messages import Message, RowKey, entries, events_and_states
from tests.faults.statements import (
    COUNT_DEAD_LETTERS,
    DOUBLED,
    EXPECTED_ROWS,
    LOST,
    READ_DEAD_LETTERS,
    READ_ROWS,
    SCHEMA,
)
from tests.services import eventually

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    import asyncpg
    from aiokafka.structs import RecordMetadata

    from app.settings import Settings

__all__ = ["Account", "Ledger", "Message", "RowKey", "entries", "events_and_states", "producing"]

#: Rows that are fetched at a time.
FETCH = 10_000
#: How long all may take, on a machine that does much else: sessions end, groups form anew, a backlog is read.
SETTLES_WITHIN_S = 150.0
#: How many of the messages that are lost or doubled are named; there may be very many.
NAMED = 20
#: As much as the topics of a test take that were made for what we make of a record of 1 MiB.
LARGEST_REQUEST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the messages of a ledger, with a line for each that went wrong (the first `NAMED`).

    Attributes:
        messages: how many there are in the ledger.
        lost_count: how many became nothing, or not what they should.
        doubled_count: how many there are that nobody sent, or twice.
        lost: which were lost.
        doubled: which were doubled.
    """

    messages: int
    lost_count: int
    doubled_count: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]

    @property
    def wrong_count(self) -> int:
        """None: a row that says something else is another row here, and a lost one."""
        return 0

    @property
    def settled(self) -> bool:
        """Whether every message became what it should, once, and nothing else is there."""
        return not (self.lost_count or self.doubled_count)

    def __str__(self) -> str:
        lost, doubled = "; ".join(self.lost), "; ".join(self.doubled)
        return (
            f"of {self.messages} messages, {self.lost_count} are lost ({lost}), "
            f"{self.doubled_count} doubled ({doubled})"
        )


class Ledger:
    """What went into one system, and what must become of it. One ledger for one fault.

    Attributes:
        account_at_last: the last account; None before the first.
        produced_at: `time.monotonic()` when the brokers had the last message.
        settled_at: `time.monotonic()` when `settle` found everything in order; None until then.
    """

    def __init__(self, system: Settings) -> None:
        self._system = system
        # An empty name is a database of its own in memory, that moves to disk when it grows.
        self._book = sqlite3.connect("")
        self._book.executescript(SCHEMA)
        self.account_at_last: Account | None = None
        self.produced_at = time.monotonic()
        self.settled_at: float | None = None

    async def produce(self, topic: str, messages: Iterable[Message]) -> None:
        """Produce messages, and note them when all in-sync replicas have them."""
        async with producing(self._system) as producer:
            await self.produce_with(producer, topic, messages)

    async def produce_with(self, producer: AIOKafkaProducer, topic: str, messages: Iterable[Message]) -> None:
        """Produce messages with a producer that the caller keeps, and note them as `produce` does."""
        sent: list[tuple[Message, Future[RecordMetadata]]] = [
            (
                message,
                await producer.send(
                    topic,
                    message.value,
                    key=message.key,
                    partition=message.partition,
                    headers=list(message.headers),
                ),
            )
            for message in messages
        ]
        for message, delivery in sent:
            self._note(message, await delivery)
        self.produced_at = time.monotonic()

    def messages(self) -> int:
        """Return how many messages are in the ledger."""
        return self._number("SELECT count(*) FROM sent")

    def rows_before(self, topic: str, offsets: Mapping[int, int]) -> set[RowKey]:
        """Return the rows that the messages become which lie before an offset in each partition given."""
        statement = "SELECT userid, timestamp, direction FROM sent WHERE (topic, partition) = (?, ?) AND "
        return {
            row
            for partition, offset in offsets.items()
            for row in self._book.execute(
                statement + '"offset" < ? AND userid IS NOT NULL', (topic, partition, offset)
            )
        }

    async def account(self) -> Account:
        """Compare what is in the database with what was sent, by keys.

        Dead letters that were replayed do not count: what came of them is looked at in their stead.
        """
        await self._read_database()
        lost, doubled = (self._book.execute(statement).fetchall() for statement in (LOST, DOUBLED))
        self.account_at_last = Account(
            self.messages(), len(lost), len(doubled), _named(lost), _named(doubled)
        )
        return self.account_at_last

    async def settle(self, limit_s: float = SETTLES_WITHIN_S) -> Account:
        """Wait until nothing is lost, and return the account.

        Raises:
            AssertionError: a message is still lost after `limit_s`, or one is doubled.
        """
        try:
            await eventually(self._may_be_complete, limit_s, "there is as much as was sent")
            account = await eventually(self._account_without_loss, limit_s, "nothing is lost")
        except AssertionError as error:
            raise AssertionError(f"{error} -- {await self.account()}") from None
        assert account.settled, str(account)
        self.settled_at = time.monotonic()
        return account

    def _note(self, message: Message, where: RecordMetadata) -> None:
        becomes = message.becomes
        reason = becomes.value if isinstance(becomes, Reason) else None
        row = becomes if isinstance(becomes, tuple) else (None, None, None)
        self._book.execute(
            "INSERT INTO sent VALUES (?, ?, ?, ?, ?, ?, ?)",
            (where.topic, where.partition, where.offset, *row, reason),
        )

    async def _may_be_complete(self) -> bool:
        """Tell by mere numbers, which are cheap, whether it is worth to compare."""
        rows = self._number(f"SELECT count(*) FROM ({EXPECTED_ROWS})")
        letters = self._number("SELECT count(*) FROM sent WHERE reason IS NOT NULL")
        async with closing_connection(self._system) as connection:
            rows_there = await connection.fetchval("SELECT count(*) FROM chat_log")
            letters_there = await connection.fetchval(COUNT_DEAD_LETTERS)
        found = f"{rows_there} of {rows} rows, {letters_there} of {letters} dead letters are there"
        assert rows_there >= rows, found
        assert letters_there >= letters, found
        return True

    async def _account_without_loss(self) -> Account:
        account = await self.account()
        assert not account.lost_count, str(account)
        return account

    async def _read_database(self) -> None:
        self._book.executescript("DELETE FROM found_row; DELETE FROM found_letter;")
        async with closing_connection(self._system) as connection, connection.transaction():
            rows = await connection.cursor(READ_ROWS)
            while some := await rows.fetch(FETCH):
                self._book.executemany("INSERT INTO found_row VALUES (?, ?, ?)", map(tuple, some))
            letters = await connection.cursor(READ_DEAD_LETTERS)
            while some := await letters.fetch(FETCH):
                self._book.executemany("INSERT INTO found_letter VALUES (?, ?, ?, ?)", map(tuple, some))

    def _number(self, statement: str) -> int:
        with closing(self._book.execute(statement)) as cursor:
            return int(cursor.fetchone()[0])


@asynccontextmanager
async def producing(system: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """Give a producer whose records are in the log once, whatever happens to the brokers."""

    async def connected() -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **client_settings(system.kafka),
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            max_batch_size=256 * 1024,
            max_request_size=LARGEST_REQUEST_BYTES,
        )
        try:
            await producer.start()
        except KafkaConnectionError as error:
            # The fault may begin just now.
            await producer.stop()
            raise AssertionError(str(error)) from error
        return producer

    producer = await eventually(connected, what="the brokers can be reached")
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def closing_connection(system: Settings) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Give a connection to the system's database, without the limits that a worker has."""
    connection = await connect(system.database, statement_timeout_s=0)
    try:
        yield connection
    finally:
        await connection.close()


def _named(lines: Sequence[tuple[str]]) -> tuple[str, ...]:
    return tuple(line for (line,) in lines[:NAMED])
