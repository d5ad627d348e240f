"""What an operator sees while a service is away: not ready, with the part that waits; one line; a metric.

Making a service go away, and what became of the messages, is the tests' and the ledger's matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import ClientConnectionError

from tests.app.looking import get, metrics
from tests.services import eventually

if TYPE_CHECKING:
    from tests.workers import WorkerProcess

#: A part tries again at least every 5 s, and a statement that gets no answer is given up within 10 s in the
#: tests that freeze or lock something.
SEEN_WITHIN_S = 30
_WAITING = "Waiting for a service"
#: A worker warns of it whenever a group starts, as every group of a test does.
_NEW_GROUP = "No committed offset"


async def is_seen_to_wait(worker: WorkerProcess, part: str, at_least_s: float = 0.0) -> None:
    """Return when the worker says everywhere that `part` waits, and has done so for a while.

    It lives on meanwhile: a restart would not bring the service back.
    """
    await eventually(lambda: _has_waited(worker, part, at_least_s), SEEN_WITHIN_S + at_least_s)
    assert (await get(worker, "/health/live")).status == 200


async def is_ready_again(worker: WorkerProcess) -> None:
    """Return when the worker is ready, and nothing in it waits."""

    async def ready() -> bool:
        waited = (await metrics(worker))["chatlog_waiting_seconds"]
        return (await get(worker, "/health/ready")).status == 200 and not any(waited.values())

    await eventually(ready, SEEN_WITHIN_S)


def said(worker: WorkerProcess, *words: str) -> list[str]:
    """Return the lines of the worker's log that hold all these words."""
    lines = worker.log.read_text(errors="replace").splitlines()
    return [line for line in lines if all(word in line for word in words)]


def waits_said(worker: WorkerProcess, part: str) -> list[str]:
    """Return the lines in which the worker told that `part` waits."""
    return said(worker, "WARNING", _WAITING, f"part={part} ")


def complaints(worker: WorkerProcess) -> list[str]:
    """Return the lines of the worker's log that are warnings or worse, without what a new group says."""
    lines = [*said(worker, " WARNING "), *said(worker, " ERROR "), *said(worker, " CRITICAL ")]
    return [line for line in lines if _NEW_GROUP not in line]


async def _has_waited(worker: WorkerProcess, part: str, at_least_s: float) -> bool:
    assert worker.running, "the worker has ended"
    try:
        readiness = await get(worker, "/health/ready")
    except ClientConnectionError as error:
        raise AssertionError("the worker does not answer yet") from error
    assert readiness.status == 503, "the worker says that it is ready"
    assert f"{part} has waited" in readiness.text, readiness.text
    waited_s = (await metrics(worker))["chatlog_waiting_seconds"][("part", part),]
    assert waited_s > at_least_s, f"{part} has waited for {waited_s:.1f} s"
    assert waits_said(worker, part), "no line in the log says that it waits"
    return True
