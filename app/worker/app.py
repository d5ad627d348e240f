"""A worker's Faust app: one role, what watches it, and a stop that takes no longer than it may."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import faust

from app.errors import EXIT_CUT_OFF, EXIT_FAILED, answer_of
from app.garbage import spare_what_is_there
from app.kafka.former_names import refuse_to_begin_anew
from app.postgres.probe import DatabaseProbe
from app.settings import ConfigurationError, Role, Settings
from app.stream.transport import ChunkConsumer, ChunkLimits, ChunkTransport
from app.worker.faust_settings import faust_settings
from app.worker.roles import once_kafka_answers
from app.worker.roles.capture import CaptureWork
from app.worker.roles.capture_platforms import CapturePlatformsWork
from app.worker.roles.export import ExportWork
from app.worker.roles.persist import PersistWork
from app.worker.watch.health import HealthMonitor
from app.worker.watch.heart import WorkerHeart
from app.worker.watch.lag import LagMonitor
from models.errors import ChatlogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from faust.types import TP
    from faust.web.base import Web

    from app.settings.worker import WorkerSettings

log = logging.getLogger(__name__)

#: A stop that takes longer is cut off: what was not acknowledged is read again by whoever takes over.
STOP_DEADLINE_S = 9.0
#: Chunks of one partition of the exports topic that may be in hand, each a single job: a job may take hours,
#: and those behind it must not wait for it.
JOBS_IN_HAND_PER_PARTITION = 1000
#: Roles that are of no use without PostgreSQL, or not for long.
USES_DATABASE = {Role.CAPTURE_PLATFORMS, Role.PERSIST, Role.EXPORT}

_Work: TypeAlias = CaptureWork | CapturePlatformsWork | PersistWork | ExportWork
_WORK: dict[Role, type[_Work]] = {
    Role.CAPTURE: CaptureWork,
    Role.CAPTURE_PLATFORMS: CapturePlatformsWork,
    Role.PERSIST: PersistWork,
    Role.EXPORT: ExportWork,
}


def _limits(worker: WorkerSettings, role: Role) -> ChunkLimits:
    if role is Role.EXPORT:
        return ChunkLimits(1, worker.chunk_max_bytes, JOBS_IN_HAND_PER_PARTITION)
    return ChunkLimits(worker.chunk_max_records, worker.chunk_max_bytes)


def cannot_start(error: ChatlogError | OSError) -> SystemExit:
    """Say in one line why the worker does not start; raise what is returned."""
    log.critical("The worker cannot start", extra={"error": str(error)})
    return SystemExit(answer_of(error).exit_status if isinstance(error, ChatlogError) else EXIT_FAILED)


class WorkerApp(faust.App):
    """A Faust app with one role."""

    logger = logging.getLogger("faust.app")

    def __init__(self, settings: Settings, role: Role, web: Callable[[WorkerApp], Web]) -> None:
        self.settings = settings
        self.role = role
        self._make_web = web
        super().__init__(**faust_settings(settings, role))
        self.transport = ChunkTransport(
            self.conf.broker_consumer,
            self,
            limits=_limits(settings.worker, role),
        )
        self.work: _Work = _WORK[role](self, settings, self.fail)
        self.began_at = time.monotonic()
        self.lag = LagMonitor(
            settings.kafka, self.conf.id, self.work.consumed, lambda: cast("Any", self.consumer).progress()
        )
        watches_connectors = role is Role.CAPTURE_PLATFORMS
        self.database = (
            DatabaseProbe(settings.database, watches_connectors=watches_connectors)
            if role in USES_DATABASE
            else None
        )
        self.health = HealthMonitor(self, settings.worker, self.database)
        self.heart = WorkerHeart(self)

    @property
    def was_assigned(self) -> bool:
        """Whether the group ever gave this worker its partitions, were it none."""
        return self._assignment is not None

    @property
    def joining_trouble(self) -> str | None:
        """Why the group does not let this worker in; None when it does, or was not asked yet."""
        return cast("ChunkConsumer", self.consumer).joining_trouble()

    def assigned(self) -> set[TP]:
        """Return the partitions of the role's topics that the group gave this worker."""
        return {tp for tp in self.assignor.assigned_actives() if tp.topic in self.work.consumed}

    def alive_at(self, tp: TP) -> float:
        """Return when the work in hand of a partition last showed life, by `time.monotonic()`.

        A commit that moves shows it as well, and is all there is to see of work that does not take long.
        """
        return self.work.alive_at(tp.partition) if isinstance(self.work, ExportWork) else float("-inf")

    def on_init_dependencies(self) -> Iterable[Any]:
        """Return what starts with the worker: what watches it first, so that its start can be seen."""
        return [self.health, self.lag, self.heart, *super().on_init_dependencies()]

    def _new_web(self) -> Web:
        return self._make_web(self)

    async def on_first_start(self) -> None:
        """Open what the role needs, before any agent starts.

        What a person has to mend ends the process in one line: nothing was begun yet.
        """
        spare_what_is_there()
        try:
            await once_kafka_answers(
                self.work.retry_policy,
                lambda: refuse_to_begin_anew(self.settings.kafka, self.settings.topology, self.role),
            )
            await super().on_first_start()
            await self.work.start()
        except (ChatlogError, OSError) as error:
            raise cannot_start(error) from None
        cast("ChunkConsumer", self.consumer).release_hooks.append(self.work.release)

    def _create_directories(self) -> None:
        """Make sure of the directory of RocksDB's tables; nothing else is kept in files (Faust calls it).

        Raises:
            ConfigurationError: they cannot be kept there.
        """
        if self.role is not Role.CAPTURE or self.settings.worker.table_store != "rocksdb":
            return
        tables: Path = self.conf.tabledir
        try:
            tables.mkdir(parents=True, exist_ok=True)
            # What is there may belong to another user, or be mounted read-only.
            with tempfile.TemporaryFile(dir=tables):
                pass
        except OSError as error:
            raise ConfigurationError(
                f"DATA_DIR={self.settings.worker.data_dir}: TABLE_STORE=rocksdb keeps the state table there, "
                f"and user {os.getuid()}:{os.getgid()} cannot write it ({error.strerror}): give that user "
                "the directory, mount a volume that it may write, name another, or keep the table in memory "
                "(TABLE_STORE=memory)"
            ) from None

    async def on_stop(self) -> None:
        """Stop within the deadline: finish or leave what is in flight, commit, then close the sinks."""
        deadline = threading.Timer(STOP_DEADLINE_S, os._exit, (EXIT_CUT_OFF,))
        deadline.daemon = True
        deadline.start()
        await super().on_stop()
        await self.work.stop()

    async def fail(self, error: Exception) -> None:
        """Stop the worker with a non-zero status: something happened that retrying cannot mend.

        While the worker stops, streams end and work fails because of that, and nothing was acknowledged.
        """
        if not self.should_stop:
            await self.crash(error)
