"""One partition of the events and the state topic in memory, and a capture worker on it, in virtual time.

The agents are the real ones. What they read from and write to keeps the promises of Kafka and of the state
table, takes a time that is drawn, and the worker can be killed: it goes back to what was committed, and the
table is as its changelog has it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import orjson

from agents.capture import CaptureEvents, FeedStates
from agents.join import Log, PartitionJoin
from app.progress import Chunk
from app.topics import OUR_RECORD_MAX_BYTES
from models.errors import BadRecord, Reason
from models.platforms import PLATFORMS
from models.states import as_of, decode_history, insert
from tests import virtual_time

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from models.dead_letters import DeadLetter, Header
    from models.states import History
    from sinks.producer import OutRecord

PARTITION = 3


@dataclass(frozen=True, slots=True)
class Said:
    """A record to come: a state or an event of a user."""

    user: str
    #: What the record says, and when Kafka gets it.
    claimed_ms: int
    arrives_ms: int
    number: int
    #: Whether it claims what cannot be true. What such an event is joined with does not count.
    lies: bool = False
    #: How much the bot knew.
    md_bytes: int = 0

    def as_state(self) -> bytes:
        md = {"pageid": "p", "notes": "x" * self.md_bytes}
        state = {"question": f"q{self.number}", "md": md, "forms": ["f"]}
        return orjson.dumps({"userid": self.user, "updated": self.claimed_ms, "state_json": state})

    def as_event(self) -> bytes:
        message = {"mid": f"m{self.number}", "text": f"event {self.number}"}
        return orjson.dumps({"sender": {"id": self.user}, "timestamp": self.claimed_ms, "message": message})


@dataclass(slots=True)
class PartitionLog:
    """One partition of a topic: its records, and what the group has done with them."""

    topic: str
    records: list[Any] = field(default_factory=list)
    done_to: int = 0
    committed: int = 0
    #: Set when a record is added.
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    def append(
        self,
        value: bytes | None,
        timestamp_ms: int,
        *,
        key: bytes | None = None,
        headers: Sequence[Header] = (),
    ) -> None:
        self.records.append(
            SimpleNamespace(
                topic=self.topic,
                partition=PARTITION,
                offset=len(self.records),
                key=key,
                value=value,
                headers=headers,
                timestamp=timestamp_ms,
            )
        )
        self.grown.set()

    def chunk(self, start: int, size: int) -> Chunk:
        return Chunk(self.topic, PARTITION, self.records[start : start + size], 0)


class Table:
    """The state table: what is written is logged and applied, or neither."""

    def __init__(self, chance: random.Random) -> None:
        self.rows: dict[bytes, bytes] = {}
        self._chance = chance

    def reader(self, partition: int) -> Callable[[bytes], bytes | None]:
        assert partition == PARTITION
        return self.rows.get

    async def write(self, partition: int, changes: Mapping[bytes, bytes]) -> None:
        assert partition == PARTITION
        assert all(len(row) < OUR_RECORD_MAX_BYTES for row in changes.values()), "the changelog refuses it"
        await asyncio.sleep(self._chance.choice([0, 0, 0.001, 0.2]))
        self.rows.update(changes)


class Producer:
    """The chat-log topic."""

    def __init__(self, chance: random.Random) -> None:
        self.entries: list[dict[str, Any]] = []
        self.max_bytes = OUR_RECORD_MAX_BYTES
        #: Cleared while the brokers are down.
        self.up = asyncio.Event()
        self.up.set()
        self._chance = chance

    async def send(self, topic: str, partition: int, records: Sequence[OutRecord]) -> int:
        assert (topic, partition) == ("chat-log", PARTITION)
        await asyncio.sleep(self._chance.choice([0, 0, 0.001, 0.2]))
        await self.up.wait()
        if any(len(record.value or b"") > self.max_bytes for record in records):
            raise BadRecord(Reason.TOO_LARGE, "larger than chat-log accepts")
        self.entries.extend(orjson.loads(record.value or b"") for record in records)
        return len(self.entries) - 1


class DeadLetters:
    """The dead-letters topic."""

    def __init__(self) -> None:
        self.buried: list[DeadLetter] = []

    async def bury(self, dead_letters: Sequence[DeadLetter]) -> None:
        self.buried.extend(dead_letters)


class World:
    """Two logs, and a worker that reads them with random chunks at random speed."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.events, self.states = PartitionLog("events"), PartitionLog("states")
        self.table, self.producer, self.dead_letters = Table(chance), Producer(chance), DeadLetters()
        self.longest_history = 0
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the worker where its group has committed."""
        join = PartitionJoin(
            states=Log(self._end_of(self.states), lambda: self.states.done_to),
            events=Log(self._end_of(self.events), lambda: self.events.committed),
        )
        self.capture = CaptureEvents(
            PLATFORMS["messenger"],
            self.table,  # type: ignore[arg-type] # promises the same
            lambda _: join,
            self.producer,  # type: ignore[arg-type] # promises the same
            "chat-log",
            self.dead_letters,  # type: ignore[arg-type] # promises the same
        )
        self.feed = FeedStates(
            self.table,  # type: ignore[arg-type] # promises the same
            lambda _: join,
            self.dead_letters,  # type: ignore[arg-type] # promises the same
        )
        for log in (self.events, self.states):
            log.done_to = log.committed
        self._tasks = [
            asyncio.create_task(work)
            for work in (
                self._read(self.events, self.capture),
                self._read(self.states, self.feed),
                self._commit_now_and_then(),
            )
        ]

    async def kill(self) -> None:
        """End the worker without a word."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def all_done(self, limit_s: float = 3600.0) -> None:
        """Return when both logs have been read to the end; an error of the worker is raised."""
        deadline = virtual_time.now() + limit_s
        while any(log.done_to < len(log.records) for log in (self.events, self.states)):
            assert virtual_time.now() < deadline, "the worker stands still"
            done, _ = await asyncio.wait(self._tasks, timeout=0.5)
            for task in done:
                task.result()

    async def _read(self, log: PartitionLog, handle: Callable[[Chunk], Awaitable[None]]) -> None:
        position = log.committed
        while True:
            while position >= len(log.records):
                log.grown.clear()
                await log.grown.wait()
            chunk = log.chunk(position, self.chance.choice([1, 2, 5, 20, 1000]))
            position = chunk.last_offset + 1
            await asyncio.sleep(self.chance.choice([0, 0, 0.01, 1.0]))
            await handle(chunk)
            log.done_to = position
            self.longest_history = max(
                [self.longest_history, *(len(decode_history(row)) for row in self.table.rows.values())]
            )

    async def _commit_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self.chance.choice([0.1, 1.0, 5.0]))
            for log in (self.events, self.states):
                if self.chance.random() < 0.8:
                    log.committed = log.done_to

    def _end_of(self, log: PartitionLog) -> Callable[[], Awaitable[int]]:
        async def end() -> int:
            seen = len(log.records)
            await asyncio.sleep(self.chance.choice([0, 0.001, 0.3]))
            return seen

        return end


def questions_before(events: Sequence[Said], states: Sequence[Said]) -> dict[str, str | None]:
    """Say by the plain definition which question each event answers: of the newest state before it."""
    histories: defaultdict[str, History] = defaultdict(tuple)
    for said in states:
        record: Any = SimpleNamespace(updated=said.claimed_ms, state={"question": f"q{said.number}"})
        histories[said.user] = insert(histories[said.user], record)
    return {
        f"event {said.number}": as_of(histories[said.user], said.claimed_ms).get("question")  # type: ignore[misc] # text
        for said in events
    }
