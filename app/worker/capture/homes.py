"""By which partitioner users have their homes: looked for in the topics once, and kept with the state table.

The worker that has the first partition of the table decides, and writes it there; the others hear of it.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from app.kafka.topic_admin import KafkaUnavailable
from app.kafka.topic_samples import sample
from models.errors import BadRecord
from models.partitioners import Partitioner, all_fitting
from models.states import StateRecord, as_of, decode_history, decode_state, encode_history, insert
from sinks.errors import ServiceDown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from aiokafka import ConsumerRecord

    from agents.capture.homes import Homes
    from app.kafka.topics import Topics
    from app.settings.kafka import KafkaSettings
    from app.stream.table import StateTable
    from models.platforms import StateJoin
    from sinks.retry import RetryPolicy

log = logging.getLogger(__name__)

#: The row of the table that tells it: of a user whom there cannot be, as ids are never empty.
ROW = b""
#: The partition that the row is in.
PARTITION = 0
#: Of producers that follow no partitioner that is known, or several.
FALLBACK = Partitioner.MURMUR2
#: How long more records are waited for where those that are there leave it open. It is for good, so the very
#: first records of a system had better not decide it by chance.
OPEN_FOR_S = 3.0
#: As many users leave nothing open.
FEW = 20

_FIELD = "partitioner"


class LikelyPartitioner(NamedTuple):
    """By which partitioner producers seem to work, and whether more records could tell otherwise."""

    partitioner: Partitioner
    is_open: bool


class PartitionerChoice:
    """Sees to it that the homes are known.

    Args:
        find: looks by which partitioner the topics' producers work; None while there is nothing to see.
        table: what is laid out by it.
        homes: to be settled.
        retry_policy: waits while the brokers are down.
    """

    def __init__(
        self,
        find: Callable[[], Awaitable[LikelyPartitioner | None]],
        table: StateTable,
        homes: Homes,
        retry_policy: RetryPolicy,
    ) -> None:
        self._find = find
        self._table = table
        self._retry_policy = retry_policy
        self.homes = homes
        #: When there was something to see first.
        self._found_at: float | None = None

    async def make(self, *, is_still_ours: Callable[[], bool]) -> None:
        """Settle the homes as the table has it; else look, and write it there first.

        Does neither while what there is to see leaves it open, for a while (`OPEN_FOR_S`).

        Args:
            is_still_ours: whether this worker still has the first partition of the table, and in whole.
        """
        partitioner = _kept_in(self._table)
        if partitioner is None:
            found = await self._retry_policy.run(self._look)
            if found is None or self._may_be_seen_better(found) or not is_still_ours():
                return
            partitioner = found.partitioner
            await _keep_in(self._table, partitioner)
            log.info(
                "It is settled by which partitioner users have their homes",
                extra={"partitioner": partitioner.value, "partitions": self.homes.partitions},
            )
        self.homes.settle(partitioner)

    def _may_be_seen_better(self, found: LikelyPartitioner) -> bool:
        now = time.monotonic()
        if self._found_at is None:
            self._found_at = now
        return found.is_open and now - self._found_at < OPEN_FOR_S

    async def _look(self) -> LikelyPartitioner | None:
        try:
            return await self._find()
        except KafkaUnavailable as error:
            raise ServiceDown(f"Kafka cannot be used: {error}") from error


async def find_partitioner(
    kafka: KafkaSettings, topics: Topics, counts: Mapping[str, int], platform: StateJoin
) -> LikelyPartitioner | None:
    """Look by which partitioner the states are where they are; of the events, while there are no states.

    Where events and states have equally many partitions and agree, both are evidence: of few users, another
    partitioner fits by chance.

    Args:
        kafka: where it is.
        topics: their names.
        counts: how many partitions each topic has.
        platform: whose events they are.

    Returns:
        None while there are no records.

    Raises:
        KafkaUnavailable: Kafka does not answer.
    """
    events, states = counts[topics.events.name], counts[topics.state.name]
    states_there = await sample(kafka, topics.state.name, states)
    events_there = await sample(kafka, topics.events.name, events)
    if not states_there and not events_there:
        return None
    of_states, of_events = list(users_of_states(states_there)), list(users_of_events(events_there, platform))
    if events == states and all_fitting([*of_states, *of_events], states):
        return found_in([*of_states, *of_events], states)
    return found_in(of_states, states) if of_states else found_in(of_events, events)


def found_in(users: Iterable[tuple[bytes, int]], partitions: int) -> LikelyPartitioner:
    """Tell by which partitioner users are where they are.

    Where none or several put a few users there, the next one may tell. With one partition nobody can. Records
    may all be of nobody: those that are looked at are the oldest, and the others wait for the choice.
    """
    seen = set(users)
    fitting = all_fitting(seen, partitions)
    is_open = partitions > 1 and len(seen) < FEW and len(fitting) != 1
    return LikelyPartitioner(fitting[0] if fitting else FALLBACK, is_open)


def users_of_states(records: Iterable[ConsumerRecord]) -> Iterator[tuple[bytes, int]]:
    """Return the user of each state, and the partition that it is in."""
    for record in records:
        try:
            yield decode_state(record.value).userid.encode(), record.partition
        except BadRecord:
            continue


def users_of_events(records: Iterable[ConsumerRecord], platform: StateJoin) -> Iterator[tuple[bytes, int]]:
    """Return the user of each visible message, and the partition that it is in."""
    for record in records:
        try:
            event = platform.parse_event(record.value)
            moment = platform.moment_of(event, platform.categorise(event))
        except BadRecord:
            continue
        if moment is not None:
            yield moment.userid.encode(), record.partition


def _kept_in(table: StateTable) -> Partitioner | None:
    """Return the partitioner that the table is laid out by; None if that was never decided."""
    row = table.reader(PARTITION)(ROW)
    return Partitioner(str(as_of(decode_history(row), 1)[_FIELD])) if row else None


async def _keep_in(table: StateTable, partitioner: Partitioner) -> None:
    """Write it to the table, in the form of a user's history: of one state, of the beginning of time."""
    history = insert((), StateRecord("", 0, {_FIELD: partitioner.value}))
    await table.write(PARTITION, {ROW: encode_history(history)})
