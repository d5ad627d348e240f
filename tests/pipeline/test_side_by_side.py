"""Two installations on one Kafka: what one environment is asked for never reaches the other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.exports.outgoing import outgoing_jobs
from app.kafka.clients import client_settings
from app.kafka.topics import groups_of, topics_of
from app.outbox import Outbox
from app.postgres.connections import create_pool
from app.settings import Role
from tests.exporting import ask, is_in, make_survey
from tests.faults.cluster import ends
from tests.services import eventually, settings_for_tests, storage_overrides
from tests.workers import prepare, workers_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import asyncpg

    from app.settings import Settings
    from sinks.storage.bucket import BucketSettings
    from tests.exporting import Asked

EXPORTS = 6


async def test_exports_of_one_environment_never_reach_the_other(
    settings: Callable[..., Settings],
    unique_env: str,
    kafka: str,
    second_database_url: str,
    storage: BucketSettings,
    tmp_path: Path,
) -> None:
    here = settings(**storage_overrides(storage))
    there = settings_for_tests(
        f"{unique_env}-prod", kafka, second_database_url, tmp_path, **storage_overrides(storage)
    )
    for system in (here, there):
        await prepare(system)
        await make_survey(system, 10)

    with workers_of(here, tmp_path / "here") as ours, workers_of(there, tmp_path / "there") as theirs:
        for workers in (ours, theirs):
            await eventually(workers.start(Role.EXPORT).is_ready)
        asked = [(system, await ask(system)) for _ in range(EXPORTS) for system in (here, there)]
        for system in (here, there):
            await publish(system, [export for of, export in asked if of is system])
        for system, export in asked:
            await eventually(partial(is_in, system, export, "Finished"))

    for system in (here, there):
        assert sum((await ends(system, topics_of(system.topology).exports.name)).values()) == EXPORTS
        assert sum((await ends(system, topics_of(system.topology).dead_letters.name)).values()) == 0


async def publish(system: Settings, exports: list[Asked]) -> None:
    """Send the jobs as the API does."""
    async with (
        await create_pool(system.database, application_name="chatlog-api") as pool,
        Outbox(client_settings(system.kafka), pool, [outgoing_jobs(system.kafka, system.topology)]),
    ):
        ids = [export.id for export in exports]
        await pool.execute("UPDATE export_status SET published = NULL WHERE id = ANY ($1)", ids)
        await eventually(lambda: are_published(pool, exports))


async def are_published(pool: asyncpg.Pool[asyncpg.Record], exports: list[Asked]) -> bool:
    statement = "SELECT bool_and(published IS NOT NULL) FROM export_status WHERE id = ANY ($1)"
    return bool(await pool.fetchval(statement, [export.id for export in exports]))


@pytest.mark.parametrize("capture_is_on", [True, False])
def test_two_environments_have_no_name_in_common(
    settings: Callable[..., Settings], *, capture_is_on: bool
) -> None:
    here, there = (
        settings(vlab_env=env, vlab_chat_log_topic=f"vlab-{env}-chat-log" if capture_is_on else None)
        for env in ("local", "prod")
    )
    assert len(names_of(here)) == len(names_of(there)) == len(topics_of(here.topology).all()) + len(Role)
    assert not names_of(here) & names_of(there)


def names_of(settings: Settings) -> set[str]:
    groups = groups_of(settings.topology)
    return {*(spec.name for spec in topics_of(settings.topology).all()), *(groups.of(role) for role in Role)}
