"""What is written only by members of the group: what counts as confirmed, and for how long."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest

from app.kafka.topic_admin import ensure_topics
from app.settings import Role
from app.stream.membership import Membership
from app.worker.build import build
from sinks.errors import ServiceDown
from tests.faults.freezing import frozen
from tests.services import eventually, settings_for_tests
from tests.stream.readers import Reader, running
from tests.workers import prepare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.local.embedded import EmbeddedKafka
    from app.settings import Settings
    from app.stream.transport import ChunkConsumer
    from app.worker.roles.capture import CaptureWork


async def test_who_was_confirmed_of_late_may_write() -> None:
    await Membership(20, lambda: time.monotonic() - 19).check()


@pytest.mark.parametrize("confirmed_at", [time.monotonic() - 21, float("-inf")], ids=["long ago", "never"])
async def test_who_was_not_confirmed_of_late_is_to_wait(confirmed_at: float) -> None:
    with pytest.raises(ServiceDown, match="has not confirmed"):
        await Membership(20, lambda: confirmed_at).check()


async def test_a_member_is_confirmed_by_every_answer_of_its_group_and_by_nothing_else(
    dedicated_kafka: EmbeddedKafka, unique_env: str, database_url: str, tmp_path: Path
) -> None:
    settings = settings_for_tests(unique_env, dedicated_kafka.bootstrap_servers, database_url, tmp_path)
    await prepare(settings)
    reader = Reader(settings)
    assert reader.consumer.confirmed_at() == float("-inf")

    async with running(reader):
        await eventually(reader.is_at_work)
        confirmed_at: Callable[[], float] = reader.consumer.confirmed_at
        # By joining, and then by heartbeats.
        for _ in range(3):
            assert confirmed_at() <= time.monotonic()
            await eventually(partial(is_later_than, confirmed_at, confirmed_at()))

        with frozen(dedicated_kafka.pid):
            # What was on its way is here by then; a heartbeat is due every second, and goes unanswered.
            frozen_at = time.monotonic()
            await eventually(lambda: time.monotonic() > frozen_at + 3)
            assert confirmed_at() <= frozen_at
        await eventually(lambda: confirmed_at() > frozen_at)


async def test_capture_holds_a_write_to_its_table_until_the_group_confirms_it(
    settings: Callable[..., Settings],
) -> None:
    made = settings()
    await ensure_topics(made.kafka, made.topology)
    app = build(made, Role.CAPTURE)
    work = cast("CaptureWork", app.work)
    await work.start()
    writing = asyncio.create_task(work.table.write(0, {b"a": b"1"}))
    try:
        # It never joined: as if the group had given its partitions away.
        waits_for = "The group has not confirmed that this worker is in it"
        await eventually(lambda: work.retry_policy.reason == waits_for)
        assert not writing.done()
        assert work.table.reader(0)(b"a") is None

        cast("ChunkConsumer", app.consumer)._thread.confirmed_at = time.monotonic()
        await writing
        assert work.table.reader(0)(b"a") == b"1"
    finally:
        writing.cancel()
        await work.stop()


def is_later_than(confirmed_at: Callable[[], float], before: float) -> bool:
    return confirmed_at() > before
