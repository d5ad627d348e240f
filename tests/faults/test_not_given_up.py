"""An outage ends no worker that starts in it: it waits, says for what, and goes on."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.kafka.topics import topics_of
from app.settings import Role
from tests.faults.ledger import Ledger, events_and_states
from tests.looking import ready
from tests.services import eventually
from tests.stream.readers import STOP_S, Reader
from tests.workers import STOPS_WITHIN_S

if TYPE_CHECKING:
    from typing import Literal

    from mode import Service

    from app.local.embedded import EmbeddedKafka
    from app.settings import Settings
    from tests.faults.report import FaultReport
    from tests.workers import WorkerProcess, Workers

pytestmark = pytest.mark.long

MESSAGES = 2_000


async def test_workers_that_are_started_while_the_broker_is_away_wait_for_it(
    system_on_own_kafka: Settings,
    workers_on_own_kafka: Workers,
    dedicated_kafka: EmbeddedKafka,
    fault_report: FaultReport,
) -> None:
    system, start = system_on_own_kafka, workers_on_own_kafka.start
    ledger, topics = Ledger(system), topics_of(system.topology)
    events, states = events_and_states(MESSAGES, "before")
    with fault_report("workers are started while the broker is stopped", ledger) as fault:
        await ledger.produce(topics.state.name, states)
        await ledger.produce(topics.events.name, events)
        await dedicated_kafka.stop()
        waiting = [start(Role.CAPTURE), start(Role.PERSIST), start(Role.CAPTURE)]
        for worker in waiting:
            await eventually(partial(waits_for_kafka, worker))
        # Nobody has to wait with it.
        assert waiting.pop().stop(STOPS_WITHIN_S) == 0
        await dedicated_kafka.start()
        fault.over()
        for worker in waiting:
            await ready(worker)
        await ledger.settle()


@pytest.mark.parametrize("client", ["producer", "consumer"])
async def test_a_client_that_finds_no_broker_when_it_starts_waits_for_one(
    system_on_own_kafka: Settings,
    dedicated_kafka: EmbeddedKafka,
    caplog: pytest.LogCaptureFixture,
    client: Literal["producer", "consumer"],
) -> None:
    """The worker's own question before was answered, and then the broker went away."""
    reader = Reader(system_on_own_kafka)
    reader.app.finalize()
    service: Service = getattr(reader.app, client)
    await dedicated_kafka.stop()
    starting = asyncio.create_task(service.start())
    try:
        await eventually(lambda: "Kafka cannot be reached: it is tried again" in caplog.text)
        assert not starting.done()
        await dedicated_kafka.start()
        await starting
        assert service.started
        assert not service.crashed
    finally:
        starting.cancel()
        await asyncio.wait_for(service.stop(), STOP_S)


def waits_for_kafka(worker: WorkerProcess) -> bool:
    """Tell whether a worker says that it waits; one that has ended never will."""
    said = worker.log.read_text()
    if not worker.running:
        raise RuntimeError(f"it has ended: {said}")
    return "Waiting for a service" in said and "Kafka cannot be used" in said
