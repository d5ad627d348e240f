"""One scrape of a worker of each role, at work, of the API and a connector, for all tests here."""

from __future__ import annotations

import secrets
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from app.kafka.topics import topics_of
from app.settings import Role
from models.platforms import WITHOUT_STATE
from tests import services
from tests.connect.processes import connector_of
from tests.conversations import conversations
from tests.looking import get_from, metrics, ready, samples_of
from tests.services import eventually
from tests.site import served as site
from tests.site.fixtures import SECRET
from tests.workers import WorkerProcess, Workers, count, prepare, produce, workers_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.settings import Settings
    from sinks.storage.bucket import BucketSettings
    from tests.deploy.promql import Served

    Metrics = dict[str, dict[tuple[tuple[str, str], ...], float]]

#: What is served only when it was looked at, or done, for the first time.
LATER = {
    Role.CAPTURE: ("chatlog_events_total", "chatlog_lag_messages"),
    Role.CAPTURE_PLATFORMS: ("chatlog_lag_messages",),
    Role.PERSIST: (
        "chatlog_lag_messages",
        "chatlog_dead_letters_pending",
        "chatlog_default_partition_rows",
    ),
    Role.EXPORT: ("chatlog_lag_messages",),
}


@pytest.fixture(scope="session")
def served(
    kafka: str,
    postgres: str,
    migrated_database: str,
    storage_server: BucketSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """Every metric that the API and a worker of each role serve once they have worked, with its labels."""
    env, directory = f"t-{secrets.token_hex(6)}", tmp_path_factory.mktemp("scrapes")
    with services.fresh_database(postgres, like=migrated_database) as database_url:
        system = services.settings_for_tests(
            env,
            kafka,
            database_url,
            directory,
            api_jwt_secret=SECRET,
            platforms=WITHOUT_STATE,
            **services.storage_overrides(storage_server),
        )
        try:
            services.in_own_loop(prepare(system))
            with workers_of(system, directory) as workers:
                yield services.in_own_loop(_scrape(system, workers, directory))
        finally:
            services.in_own_loop(services.remove_topics(kafka, env))


async def _scrape(system: Settings, workers: Workers, directory: Path) -> Served:
    said, topics = conversations(users=2, turns=2), topics_of(system.topology)
    await produce(system, topics.state.name, said.states)
    await produce(system, topics.events.name, [*said.events, (b"u", b"no JSON")])
    roles = [role for role in Role if system.topology.idle_because(role) is None]
    at_work = [workers.start(role) for role in roles]
    for worker in at_work:
        await ready(worker)
    await eventually(lambda: _has_rows(system, len(said.expected)))
    found: Served = defaultdict(list)
    for role, worker in zip(roles, at_work, strict=True):
        # What was served once may not be the next time: a lag is left out where it is old.
        scraped = await eventually(
            lambda: _scraped(worker, *LATER[role]),  # noqa: B023  awaited here
            what=f"{role} has looked",
        )
        for name, samples in scraped.items():
            found[name] += [dict(labels) for labels in samples]
    with connector_of(system, directory / "connect.log", "vrchat", "--log-dir", str(directory)) as connector:
        await connector.hears("log")
        _, text = await connector.get("/metrics")
        for name, samples in samples_of(text).items():
            found[name] += [dict(labels) for labels in samples]
    async with site.served(system, directory) as api:
        scraped = samples_of((await get_from(api.port, "/metrics")).text)
        for name, samples in scraped.items():
            found[name] += [dict(labels) for labels in samples]
    return dict(found)


async def _has_rows(system: Settings, rows: int) -> bool:
    return await count(system) >= rows


async def _scraped(worker: WorkerProcess, *names: str) -> Metrics:
    """Return all metrics, once these are among them."""
    found = await metrics(worker)
    missing = set(names) - found.keys()
    assert not missing, missing
    return found
