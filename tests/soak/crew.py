"""The workers of a soak: so many of each role, started again when they end, as a supervisor does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.settings import Role
from tests.soak.last_words import LastWords, last_words_of

if TYPE_CHECKING:
    from tests.workers import WorkerProcess, Workers

#: Those that a message passes through. Exports are broken in tests/faults.
ROLES = (Role.CAPTURE, Role.PERSIST)
LOOK_EVERY_S = 0.5
#: Longer than a worker may take, so that one which is too slow is seen as such.
STOP_LIMIT_S = 20


class Crew:
    """Keeps workers running.

    Attributes:
        members: those that run, or will run again.
        ended_by_themselves: what those said last that ended although no fault ended them.

    Args:
        workers: starts them.
        of_each: how many of each role.
    """

    def __init__(self, workers: Workers, of_each: int) -> None:
        self._workers = workers
        self._told_to_end: set[WorkerProcess] = set()
        self.members: dict[WorkerProcess, Role] = {}
        self.ended_by_themselves: list[LastWords] = []
        for role in ROLES:
            for _ in range(of_each):
                self.join(role)

    def join(self, role: Role) -> WorkerProcess:
        """Start one more."""
        worker = self._workers.start(role)
        self.members[worker] = role
        return worker

    async def leave(self, worker: WorkerProcess) -> int:
        """Stop one for good; return its exit status."""
        del self.members[worker]
        return await asyncio.to_thread(worker.stop, STOP_LIMIT_S)

    async def stop(self, worker: WorkerProcess) -> int:
        """Stop one, which is started again; return its exit status."""
        self._told_to_end.add(worker)
        return await asyncio.to_thread(worker.stop, STOP_LIMIT_S)

    def kill(self, worker: WorkerProcess) -> None:
        """Kill one, which is started again."""
        self._told_to_end.add(worker)
        worker.kill()

    async def supervise(self) -> None:
        """Start again what has ended, until it is cancelled."""
        while True:
            self._start_again()
            await asyncio.sleep(LOOK_EVERY_S)

    def _start_again(self) -> None:
        for worker, role in list(self.members.items()):
            if worker.running:
                continue
            del self.members[worker]
            if worker not in self._told_to_end:
                self.ended_by_themselves.append(last_words_of(worker.log, worker.wait(1)))
            self.join(role)
