"""What an operator sees while a service is away: not ready, with the part that waits; one line; a metric.

Making a service go away, and what became of the messages, is the tests' and the ledger's matter.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from aiohttp import ClientConnectionError

from sinks.trouble import BRIEF_S, REPEAT_EVERY_S
from tests.looking import get, metrics
from tests.services import eventually

if TYPE_CHECKING:
    from tests.workers import WorkerProcess

#: A part tries again at least every 5 s, and a statement that gets no answer is given up within 10 s in the
#: tests that freeze or lock something. The rest is for a busy machine.
SEEN_WITHIN_S = 90
_WAITING = "Waiting for a service"
_BACK = "The service is back"
#: What comes of the time, and not of the outage: a group that starts, as every group of a test does, and the
#: surveys, which are read again every minute.
_BESIDES = ("No committed offset", "Surveys cannot be read again")
#: Time and figures in the log are rounded.
_ROUNDED_S = 0.2


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


async def was_one_outage(worker: WorkerProcess, part: str) -> None:
    """Return when the worker is ready again, if it told of one outage, and of nothing else."""
    await was_told_as_one_outage(worker, part)
    assert complaints(worker) == waits_said(worker, part), complaints(worker)


async def was_told_as_one_outage(worker: WorkerProcess, part: str) -> None:
    """Return when the worker is ready again, if it told that `part` waited as it should.

    That is, when it began to, every half minute while it lasted, and when it was over.
    """
    await is_ready_again(worker)
    lines = waits_said(worker, part)
    waited_s = [_figure(line, "waiting_s") for line in lines]
    assert waited_s[0] == 0, lines
    assert all(later - sooner >= REPEAT_EVERY_S - _ROUNDED_S for sooner, later in pairwise(waited_s)), lines
    assert len(said(worker, _BACK, _field("part", part))) == 1


async def was_no_flood(worker: WorkerProcess, part: str) -> None:
    """Return when the worker is ready again, if it told of many outages seldom, and of nothing else.

    That is, at most every half minute, but for an outage that lasts.
    """
    await is_ready_again(worker)
    lines = waits_said(worker, part)
    assert lines, "it did not tell at all"
    for sooner, later in pairwise(lines):
        after_s = (_time_of(later) - _time_of(sooner)).total_seconds()
        lasts = _figure(later, "waiting_s") >= BRIEF_S
        assert lasts or after_s >= REPEAT_EVERY_S - _ROUNDED_S, lines
    assert complaints(worker) == lines, complaints(worker)


def said(worker: WorkerProcess, *words: str) -> list[str]:
    """Return the lines of the worker's log that hold all these words."""
    lines = worker.log.read_text(errors="replace").splitlines()
    return [line for line in lines if all(word in line for word in words)]


def waits_said(worker: WorkerProcess, part: str) -> list[str]:
    """Return the lines in which the worker told that `part` waits."""
    return said(worker, "WARNING", _WAITING, _field("part", part))


def complaints(worker: WorkerProcess) -> list[str]:
    """Return the lines of the worker's log that are warnings or worse, and come of an outage."""
    lines = [*said(worker, " WARNING "), *said(worker, " ERROR "), *said(worker, " CRITICAL ")]
    return [line for line in lines if not any(what in line for what in _BESIDES)]


def _field(name: str, value: str) -> str:
    """Return a field as a line of the log has it."""
    return f'{name}="{value}"' if " " in value else f"{name}={value} "


def _figure(line: str, name: str) -> float:
    """Return the value of a field of a line of the log."""
    return float(line.partition(f" {name}=")[2].split()[0])


def _time_of(line: str) -> datetime:
    return datetime.fromisoformat(line.partition(" ")[0])


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
