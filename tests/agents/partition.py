"""Partitions of the events and the state topic in memory, and capture workers on them, in virtual time.

The agents are the real ones. What they read from and write to keeps the promises of Kafka and of the state
table, takes a time that is drawn, and the workers can be killed: they go back to what was committed, and the
table is as its changelog has it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import ConsumerRecord
from prometheus_client import Counter

from agents.capture.events import CaptureEvents, ChatLogTopic
from agents.capture.homes import Homes
from agents.capture.join import Join
from agents.capture.logs import Log, Logs
from agents.capture.states import FeedStates
from agents.capture.watermarks import decode_watermarks, encode_watermarks
from agents.chunks import Chunk
from models.errors import BadRecord, Reason
from models.limits import OUR_RECORD_MAX_BYTES
from models.partitioners import Partitioner
from models.platforms import MESSENGER
from models.states import as_of, decode_history, insert
from sinks.kafka.repartition import Repartition
from tests import virtual_time

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from agents.capture.watermarks import Watermarks
    from models.dead_letters import DeadLetter, Header
    from models.states import History
    from sinks.kafka.delivery import OutRecord


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
    partition: int = 0
    records: list[ConsumerRecord] = field(default_factory=list)
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
    ) -> int:
        """Add a record; return its offset."""
        offset = len(self.records)
        self.records.append(
            ConsumerRecord(
                self.topic,
                self.partition,
                offset,
                timestamp_ms,
                0,
                key,
                value,
                None,
                0,
                len(value or b""),
                tuple(headers),
            )
        )
        self.grown.set()
        return offset

    def chunk(self, start: int, size: int) -> Chunk:
        return Chunk(self.topic, self.partition, self.records[start : start + size], 0)


class Table:
    """The state table: what is written is logged and applied, or neither."""

    def __init__(self, chance: random.Random) -> None:
        self.parts: defaultdict[int, dict[bytes, bytes]] = defaultdict(dict)
        self._chance = chance

    def reader(self, partition: int) -> Callable[[bytes], bytes | None]:
        return self.parts[partition].get

    async def write(self, partition: int, changes: Mapping[bytes, bytes]) -> None:
        assert all(len(row) < OUR_RECORD_MAX_BYTES for row in changes.values()), "the changelog refuses it"
        await asyncio.sleep(self._chance.choice([0, 0, 0.001, 0.2]))
        self.parts[partition].update(changes)

    def longest_history(self) -> int:
        return max(
            (len(decode_history(row)) for rows in self.parts.values() for row in rows.values()), default=0
        )


class Producer:
    """The brokers: the chat-log topic, and the topics that lead home."""

    def __init__(self, chance: random.Random, led: Mapping[str, Sequence[PartitionLog]]) -> None:
        self.entries: list[dict[str, Any]] = []
        self.max_bytes = OUR_RECORD_MAX_BYTES
        #: Cleared while the brokers are down.
        self.up = asyncio.Event()
        self.up.set()
        self._chance = chance
        self._led = led

    async def send(self, topic: str, partition: int, records: Sequence[OutRecord]) -> int:
        await asyncio.sleep(self._chance.choice([0, 0, 0.001, 0.2]))
        await self.up.wait()
        if any(len(record.value or b"") > self.max_bytes for record in records):
            raise BadRecord(Reason.TOO_LARGE, "larger than chat-log accepts")
        if topic in self._led:
            log = self._led[topic][partition]
            now_ms = virtual_time.now() * 1000
            return [
                log.append(record.value, round(now_ms), key=record.key, headers=record.headers)
                for record in records
            ][-1]
        self.entries.extend(orjson.loads(record.value or b"") for record in records)
        return len(self.entries) - 1


class DeadLetters:
    """The dead-letters topic."""

    def __init__(self) -> None:
        self.sent: list[DeadLetter] = []

    async def send(self, dead_letters: Sequence[DeadLetter]) -> None:
        self.sent.extend(dead_letters)


@dataclass(frozen=True, slots=True)
class Shape:
    """How many partitions the topics have, and how many workers read them."""

    events: int = 1
    states: int = 1
    homes: int = 1
    workers: int = 1


class Worker:
    """One of the workers, with the partitions that the group gave it."""

    def __init__(self, world: World, name: str, mine: Mapping[str, frozenset[int]]) -> None:
        self.world = world
        logs = Logs(
            states=self._log(world.states_logs, mine["states"], lambda log: log.done_to),
            events=self._log(world.events_logs, mine["events"], lambda log: log.committed),
            states_led=self._log(world.led["states-led"], mine["homes"], lambda log: log.done_to),
            events_led=self._log(world.led["events-led"], mine["homes"], lambda log: log.committed),
        )
        self.join = Join(logs, world.generation, name)
        self.ears: asyncio.Queue[tuple[float, Watermarks]] = asyncio.Queue()
        homes = Homes(world.shape.homes)
        homes.settle(Partitioner.MURMUR2)
        producer: Any = world.producer  # promises the same
        led = Counter("led", "Records led home.", ["topic"], registry=None)
        self.events_led, self.states_led = (
            Repartition(producer, topic, world.shape.homes, led.labels(topic))
            for topic in ("events-led", "states-led")
        )
        for repartition in (self.events_led, self.states_led):
            ends = {log.partition: len(log.records) for log in world.led[repartition.topic]}
            repartition.note_ends(ends)
        table: Any = world.table  # promises the same
        dead_letters: Any = world.dead_letters  # promises the same
        self.capture = CaptureEvents(
            MESSENGER,
            table,
            self._current,
            homes,
            self.events_led,
            ChatLogTopic(producer, "chat-log", world.shape.homes, world.shape.homes),
            dead_letters,
        )
        self.feed = FeedStates(table, self._current, homes, self.states_led, dead_letters)
        read = world.read
        self.tasks = [
            asyncio.create_task(work)
            for work in (
                *(read(world.events_logs[number], self.capture) for number in mine["events"]),
                *(read(world.states_logs[number], self.feed) for number in mine["states"]),
                *(read(world.led["events-led"][number], self.capture.from_afar) for number in mine["homes"]),
                *(read(world.led["states-led"][number], self.feed.from_afar) for number in mine["homes"]),
                self._tell(),
                self._listen(),
            )
        ]

    async def _current(self) -> Join:
        return self.join

    async def _tell(self) -> None:
        chance = self.world.chance
        while True:
            await asyncio.sleep(chance.choice([0.01, 0.05, 1.0]))
            if chance.random() < 0.3:
                await self.join.look_for_idle_events()
            said = self.join.say(None, list(self.states_led.led_to), list(self.events_led.led_to))
            heard = decode_watermarks(encode_watermarks(said))
            assert heard == said
            await self.join.notify()
            for other in self.world.workers:
                other.ears.put_nowait((virtual_time.now() + chance.choice([0, 0.01, 0.5]), said))

    async def _listen(self) -> None:
        while True:
            at, said = await self.ears.get()
            await asyncio.sleep(max(0, at - virtual_time.now()))
            await self.join.hear(said)

    def _log(
        self, logs: Sequence[PartitionLog], mine: frozenset[int], done_to: Callable[[PartitionLog], int]
    ) -> Log:
        async def ends() -> Mapping[int, int]:
            seen = {log.partition: len(log.records) for log in logs}
            await asyncio.sleep(self.world.chance.choice([0, 0.001, 0.3]))
            return seen

        return Log(len(logs), mine, ends, lambda partition: done_to(logs[partition]))


class World:
    """The topics, and workers that read them with random chunks at random speed."""

    def __init__(self, chance: random.Random, shape: Shape | None = None) -> None:
        self.chance = chance
        self.shape = shape or Shape()
        self.events_logs = [PartitionLog("events", number) for number in range(self.shape.events)]
        self.states_logs = [PartitionLog("states", number) for number in range(self.shape.states)]
        self.led = {
            topic: [PartitionLog(topic, number) for number in range(self.shape.homes)]
            for topic in ("events-led", "states-led")
        }
        self.table, self.dead_letters = Table(chance), DeadLetters()
        self.producer = Producer(chance, self.led)
        self.chunk_sizes = [1, 2, 5, 20, 1000]
        self.longest_history = 0
        self.generation = 0
        self.workers: list[Worker] = []
        self._committing: asyncio.Task[None] | None = None

    @property
    def events(self) -> PartitionLog:
        """The events, where they have one partition."""
        return self.events_logs[0]

    @property
    def states(self) -> PartitionLog:
        """The states, where they have one partition."""
        return self.states_logs[0]

    @property
    def capture(self) -> CaptureEvents:
        """What captures, where there is one worker."""
        return self.workers[0].capture

    @property
    def feed(self) -> FeedStates:
        """What feeds states, where there is one worker."""
        return self.workers[0].feed

    @property
    def logs(self) -> list[PartitionLog]:
        """Every partition of every topic that is read."""
        return [*self.events_logs, *self.states_logs, *self.led["events-led"], *self.led["states-led"]]

    def start(self) -> None:
        """Start the workers where their group has committed."""
        self.generation += 1
        for log in self.logs:
            log.done_to = log.committed
        # As Faust gives them out: equal numbers of topics with equally many partitions to one worker.
        turns: defaultdict[int, int] = defaultdict(lambda: self.chance.randrange(self.shape.workers))
        mine: list[dict[str, frozenset[int]]] = [
            {
                topic: frozenset(
                    number
                    for number in range(count)
                    if (number + turns[count]) % self.shape.workers == worker
                )
                for topic, count in (
                    ("events", self.shape.events),
                    ("states", self.shape.states),
                    ("homes", self.shape.homes),
                )
            }
            for worker in range(self.shape.workers)
        ]
        self.workers = [Worker(self, f"worker-{number}", some) for number, some in enumerate(mine)]
        self._committing = asyncio.create_task(self._commit_now_and_then())

    async def kill(self) -> None:
        """End the workers without a word."""
        tasks = self._tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def all_done(self, limit_s: float = 3600.0) -> None:
        """Return when all logs have been read to the end; an error of a worker is raised."""
        deadline = virtual_time.now() + limit_s
        while any(log.done_to < len(log.records) for log in self.logs):
            assert virtual_time.now() < deadline, "the workers stand still"
            done, _ = await asyncio.wait(self._tasks(), timeout=0.5)
            for task in done:
                task.result()

    async def read(self, log: PartitionLog, handle: Callable[[Chunk], Awaitable[None]]) -> None:
        """Have a partition worked on, from what is committed, without end."""
        position = log.committed
        while True:
            while position >= len(log.records):
                log.grown.clear()
                await log.grown.wait()
            chunk = log.chunk(position, self.chance.choice(self.chunk_sizes))
            position = chunk.last_offset + 1
            await asyncio.sleep(self.chance.choice([0, 0, 0.01, 1.0]))
            await handle(chunk)
            log.done_to = position
            self.longest_history = max(self.longest_history, self.table.longest_history())

    def _tasks(self) -> list[asyncio.Task[None]]:
        committing = [self._committing] if self._committing else []
        return [*committing, *(task for worker in self.workers for task in worker.tasks)]

    async def _commit_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self.chance.choice([0.1, 1.0, 5.0]))
            for log in self.logs:
                if self.chance.random() < 0.8:
                    log.committed = log.done_to


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
