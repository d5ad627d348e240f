"""Says that a worker runs and how it is, for the page of the whole system (`app.postgres.heartbeat`)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from mode import Service

from app.postgres.heartbeat import BEAT_EVERY_S, Heartbeat
from models.processes import Beat, ProcessKind, ProcessStanding

if TYPE_CHECKING:
    from app.worker.app import WorkerApp


class WorkerHeart(Service):
    """Beats for as long as the worker runs.

    Args:
        app: the worker.
    """

    mundane_level = "debug"

    def __init__(self, app: WorkerApp) -> None:
        super().__init__()
        self._has_database = app.settings.database.url is not None
        self._heartbeat = Heartbeat(
            app.settings.database, ProcessKind.WORKER, app.role.value, lambda: beat_of(app)
        )

    async def on_stop(self) -> None:
        """End as it should."""
        await self._heartbeat.leave()

    @Service.task
    async def _beat(self) -> None:
        while self._has_database and not self.should_stop:
            await self._heartbeat.beat()
            await self.sleep(BEAT_EVERY_S)


def beat_of(app: WorkerApp) -> Beat:
    """Return how a worker is now."""
    live, ready = app.health.live(), app.health.ready()
    partitions: defaultdict[str, list[int]] = defaultdict(list)
    for tp in sorted(app.assigned()):
        partitions[tp.topic].append(tp.partition)
    standing = (
        ProcessStanding.STALLED
        if not live.ok
        else ProcessStanding.OK
        if ready.ok
        else ProcessStanding.UNREADY
    )
    return Beat(standing, (*live.reasons, *ready.reasons), str(app.conf.canonical_url), partitions)
