"""What the probe tells of PostgreSQL: whether it is there and how not, and what it keeps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from app.postgres import probe as database_probe
from app.postgres.connections import connect
from app.postgres.probe import ANSWER_WITHIN_S, DatabaseProbe
from tests.local.embedded.processes import family_of, freeze, thaw
from tests.services import LIMIT_S, changed, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from app.local.embedded import EmbeddedPostgres
    from app.settings import Settings


@pytest.fixture
def migrated(settings: Callable[..., Settings]) -> Settings:
    return settings()


@pytest.fixture
async def as_writer(migrated: Settings) -> AsyncIterator[Settings]:
    """Settings with a user that has the rights of a worker, and no others."""
    url = urlsplit(migrated.database.require_url())
    user = f"writer_{url.path.lstrip('/')}"
    owner = await connect(migrated.database)
    await owner.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{user}' IN ROLE chatlog_writer")
    as_user = url._replace(netloc=f"{user}:{user}@{url.netloc.rpartition('@')[2]}").geturl()
    yield changed(migrated, database_url=SecretStr(as_user))
    await owner.execute(f"DROP ROLE {user}")
    await owner.close()


async def test_a_server_that_is_gone_frozen_or_back_is_told(
    settings: Callable[..., Settings], dedicated_postgres: EmbeddedPostgres
) -> None:
    probe = DatabaseProbe(changed(settings(), database_url=SecretStr(dedicated_postgres.url)).database)
    await eventually(lambda: is_well(probe))

    processes = family_of(dedicated_postgres.pid)
    freeze(processes)
    for _ in range(2):
        # With the connection it has, and when it needs a new one.
        began = time.monotonic()
        assert await error_of(probe) == "TimeoutError"
        # A client would wait for its own limits, which are five times as long.
        assert time.monotonic() - began < 4 * ANSWER_WITHIN_S
    thaw(processes)
    await eventually(lambda: is_well(probe))

    await dedicated_postgres.kill()
    await probe.check()
    assert await error_of(probe) == "ConnectionRefusedError"
    probe.close()


async def test_what_is_kept_can_be_seen_with_the_rights_of_a_worker(
    migrated: Settings, as_writer: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_probe, "ANSWER_WITHIN_S", LIMIT_S)
    monkeypatch.setattr(database_probe, "WATCH_EVERY_S", 0.0)
    monkeypatch.setattr(database_probe, "TOTALS_GOOD_FOR_S", 0.0)
    probe = DatabaseProbe(as_writer.database)
    await probe.watch()
    assert probe.pending == {}
    assert probe.partitions is not None
    assert probe.partitions.months_ahead == 4
    assert probe.partitions.default_rows == 0

    owner = await connect(migrated.database)
    await owner.execute(
        'INSERT INTO dead_letters (topic, partition, "offset", reason, detail, headers) '
        "VALUES ('t', 0, 1, 'not_json', 'd', '[]'), ('t', 0, 2, 'not_json', 'd', '[]')"
    )
    await owner.execute('UPDATE dead_letters SET replayed_at = now() WHERE "offset" = 1')
    await owner.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content) "
        "SELECT n::text, '2001-02-03', 'user', '' FROM generate_series(1, 30) AS n"
    )
    in_two_months = await owner.fetchval("SELECT to_char(now() + interval '2 months', 'YYYY_MM')")
    await owner.execute(f"DROP TABLE chat_log_{in_two_months}")
    await owner.close()

    assert await eventually(lambda: default_rows(probe)) == 30
    assert probe.pending == {"not_json": 1}
    assert probe.partitions.months_ahead == 2
    probe.close()


async def test_what_cannot_be_seen_stays_as_it_was(
    settings: Callable[..., Settings], empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database without our tables, as before `chatlog migrate up`."""
    monkeypatch.setattr(database_probe, "ANSWER_WITHIN_S", LIMIT_S)
    probe = DatabaseProbe(settings(database_url=empty_database_url).database)
    await probe.check()
    await probe.watch()

    assert (probe.error, probe.pending) == (None, None)
    assert probe.partitions is None or probe.partitions.months_ahead == 0
    probe.close()


async def error_of(probe: DatabaseProbe) -> str | None:
    await probe.check()
    return probe.error


async def is_well(probe: DatabaseProbe) -> bool:
    return await error_of(probe) is None


async def default_rows(probe: DatabaseProbe) -> int:
    await probe.watch()
    return probe.partitions.default_rows if probe.partitions else 0
