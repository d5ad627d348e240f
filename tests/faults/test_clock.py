"""The wall clock jumps while workers run: what was joined and stored does not depend on it."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from app.kafka.topics import topics_of
from app.settings import Role
from tests.conversations import conversations
from tests.faults.joined import assert_joined_as_expected
from tests.faults.ledger import Ledger
from tests.faults.messages import events_of, states_of
from tests.faults.turned_clock import Clock
from tests.looking import get, metrics, ready
from tests.services import eventually
from tests.workers import count

if TYPE_CHECKING:
    from pathlib import Path

    from app.settings import Settings
    from tests.faults.report import FaultReport
    from tests.workers import WorkerProcess, Workers

pytestmark = pytest.mark.long

MESSAGES = 12_000
HOUR_S = 3600.0


@pytest.mark.parametrize(("hours", "way"), [(1, "forward"), (-1, "back")])
async def test_the_clock_jumps_while_workers_run(
    system: Settings, workers: Workers, fault_report: FaultReport, tmp_path: Path, hours: int, way: str
) -> None:
    said = conversations(users=MESSAGES // 20, turns=10)
    third = MESSAGES // 3
    ledger, topics, clock = Ledger(system), topics_of(system.topology), Clock(tmp_path / "clock")
    # Their watchdog, if it took the wall clock for time that passed, would complain at once.
    both = [workers.start(role, extra=clock.environment) for role in (Role.CAPTURE, Role.PERSIST)]
    with fault_report(f"the clock jumps by an hour {way}, and back", ledger) as fault:
        for worker in both:
            await ready(worker)
        await ledger.produce(topics.state.name, states_of(said))
        await ledger.produce(topics.events.name, events_of(said)[:third])
        await eventually(lambda: has_rows(system), what="the workers work")
        clock.turn(hours * HOUR_S)
        await ledger.produce(topics.events.name, events_of(said)[third : 2 * third])
        await eventually(lambda: is_done(system, 2 * third), what="work goes on")
        for worker in both:
            assert (await get(worker, "/health/live")).status == 200
            await is_not_behind(worker)
        wrong_by_s = await last_write_of(both[1]) - time.time()
        assert abs(wrong_by_s - hours * HOUR_S) < HOUR_S / 2, "the worker's clock was not turned"
        clock.turn(0)
        await ledger.produce(topics.events.name, events_of(said)[2 * third :])
        fault.over()
        await ledger.settle()

    await assert_joined_as_expected(system, said)
    for worker in both:
        assert (await get(worker, "/health/live")).status == 200
        assert worker.stop() == 0


async def is_not_behind(worker: WorkerProcess) -> None:
    """Return when the worker says that it has no lag, in messages and in seconds."""

    async def without_lag() -> bool:
        figures = await metrics(worker)
        lags = {name: figures[name] for name in ("chatlog_lag_messages", "chatlog_lag_seconds")}
        assert all(value == 0 for lag in lags.values() for value in lag.values()), lags
        return True

    await eventually(without_lag)


async def last_write_of(worker: WorkerProcess) -> float:
    """Return when the worker says that it wrote last, in seconds since 1970."""
    found = (await get(worker, "/api/sink")).json["last_write"]
    return datetime.fromisoformat(found).timestamp()


async def has_rows(system: Settings) -> bool:
    return await count(system) > 0


async def is_done(system: Settings, number: int) -> bool:
    return await count(system) >= number
