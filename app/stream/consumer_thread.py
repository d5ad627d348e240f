"""Faust's consumer thread: where aiokafka fetches, commits and tells positions, beside the event loop.

It differs from Faust's in how long a fetch may wait, in reading only what was committed by transactions, in
waiting for brokers that are away when it starts, and for a coordinator that does not know the offsets yet, in
joining again when the group refuses the worker (`app.stream.joining`), in noting when the group confirmed it,
in that the worker ends when a task of aiokafka's does that it cannot be without, and in that a failed commit
is reported, not raised. What is fetched, and what is committed, `app.stream.transport` says.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import (
    CommitFailedError,
    GroupLoadInProgressError,
    IllegalStateError,
    KafkaError,
    NoError,
    for_code,
)
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest
from faust.transport.drivers import aiokafka as driver

from app.stream.joining import Joining
from app.stream.kafka_start import once_reached
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from faust.types import TP

log = logging.getLogger(__name__)

#: How long a broker may hold a fetch for lack of records. aiokafka has one fetch under way per broker, so a
#: partition that was just emptied waits for it: with Faust's 1.5 s a few busy partitions crawl.
FETCH_MAX_WAIT_MS = 50
#: How long a commit may take before it is given up; the next one commits the same and more.
COMMIT_TIMEOUT_S = 5.0
#: The group's answer to these, if it is no error, means that who asks is a member, and at its generation.
CONFIRMING = (HeartbeatRequest, SyncGroupRequest)


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with a commit that reports failure instead of crashing the worker."""

    logger = logging.getLogger("faust.transport")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: `time.monotonic()` of the last warning that commits fail; None while they succeed.
        self._no_commits = Trouble(log, over="Kafka takes commits again")
        #: `time.monotonic()` when that was asked which the group confirmed last: that this is a member of it.
        self.confirmed_at = float("-inf")
        self.joining = Joining()

    async def on_start(self) -> None:
        """Start the consumer once the brokers are there, and have it heed what its coordinator says."""
        if not await once_reached(self, super().on_start, lambda: self._ensure_consumer().stop()):
            return
        consumer = self._ensure_consumer()
        # Nobody else looks at these: without them nothing is fetched, or no leader is found that has moved.
        # aiokafka offers no public way to any of them.
        self._end_with(consumer._fetcher._fetch_task)  # noqa: SLF001
        self._end_with(consumer._client._sync_task)  # noqa: SLF001
        coordinator = consumer._coordinator  # noqa: SLF001
        if isinstance(coordinator, GroupCoordinator):
            self._end_with(coordinator._coordination_task)  # noqa: SLF001
            self.joining.watch(coordinator)
            coordinator._send_req = partial(self._ask, coordinator, coordinator._send_req)  # noqa: SLF001

    async def _ask(
        self, coordinator: GroupCoordinator, send: Callable[[Any], Awaitable[Any]], request: Any
    ) -> Any:
        """Send a request to the coordinator; note when it confirms that this is a member."""
        asked_at = time.monotonic()
        response = await _heed_error(coordinator, send, request)
        if isinstance(request, CONFIRMING) and response.error_code == NoError.errno:
            # Read by the event loop's thread: one assignment, so it is seen whole.
            self.confirmed_at = asked_at
            self.joining.note_member()
        return response

    def _end_with(self, task: asyncio.Task[Any]) -> None:
        """Have the worker end when a task of this thread ends with an error."""

        def note_end(_: asyncio.Task[Any]) -> None:
            if not task.cancelled() and (error := task.exception()):
                app = self.consumer.app
                asyncio.run_coroutine_threadsafe(app.crash(error), app.loop)

        task.add_done_callback(note_end)

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust fixes the first and does not offer the second; both are read when the consumer starts.
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS  # noqa: SLF001
        consumer._isolation_level = "read_committed"  # noqa: SLF001  what was rolled back was never said
        # A full partition is not polled, on purpose; aiokafka would leave the group, and never come back.
        consumer._max_poll_interval_ms = 2**31 - 1  # noqa: SLF001
        return consumer

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        payload = {
            TopicPartition(tp.topic, tp.partition): offset
            for tp, offset in offsets.items()
            if TopicPartition(tp.topic, tp.partition) in assigned
        }
        if not payload:
            return False
        try:
            await asyncio.wait_for(consumer.commit(payload), COMMIT_TIMEOUT_S)
        except (CommitFailedError, IllegalStateError):
            log.info("Commit refused: the group has rebalanced; its records are read again")
            return False
        except (KafkaError, TimeoutError) as error:
            self._no_commits.note(
                "Kafka takes no commit: it is tried again, and nothing is lost; check the brokers",
                {"error": repr(error)},
            )
            return False
        # Faust's watchdog looks at it.
        self.tp_last_committed_at.update(dict.fromkeys(offsets, time.monotonic()))
        self._no_commits.end()
        return True

    async def end_offsets(self, tps: set[TP]) -> Mapping[TopicPartition, int]:
        """Ask the brokers for the offset after the last record of each partition."""
        question = self._ensure_consumer().end_offsets([TopicPartition(tp.topic, tp.partition) for tp in tps])
        # Past the thread's method queue, where it would wait behind a poll or a commit.
        future = asyncio.run_coroutine_threadsafe(question, self.thread_loop)
        answer: Mapping[TopicPartition, int] = await asyncio.wrap_future(future)
        return answer

    def position_of(self, tp: TP) -> int | None:
        """Return where fetching stands in a partition, beyond markers and gaps; None when not known."""
        subscription = self._ensure_consumer()._subscription.subscription  # noqa: SLF001  no public, non-waiting way
        if subscription is None or subscription.assignment is None:
            return None
        with suppress(KeyError, IllegalStateError, AssertionError):
            state = subscription.assignment.state_value(TopicPartition(tp.topic, tp.partition))
            if state is not None and state.has_valid_position:
                return int(state.position)
        return None


async def _heed_error(
    coordinator: GroupCoordinator, send: Callable[[Any], Awaitable[Any]], request: Any
) -> Any:
    """Send a request to the coordinator; raise the error of an answer about offsets as a whole.

    aiokafka overlooks it, and takes what comes with it, nothing, for a group that never committed: who asked
    while the coordinator was starting or moving read all of the log again. What is raised, it tries again.
    """
    response = await send(request)
    if isinstance(request, OffsetFetchRequest):
        # The first version of the answer has errors by partition only, which aiokafka heeds.
        error = for_code(getattr(response, "error_code", NoError.errno))
        if error is not NoError:
            if error is not GroupLoadInProgressError:
                coordinator.coordinator_dead()
            raise error("the coordinator does not tell the committed offsets")
    return response
