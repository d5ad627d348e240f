"""A process says that it runs, as a user of any part may; without a database it goes on in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from app.postgres.connections import connect
from app.postgres.heartbeat import Heartbeat, beating
from models.processes import Beat, ProcessKind, ProcessStanding
from tests.services import changed, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.settings import Settings


async def rows_of(settings: Settings) -> list[tuple[str, str, str, list[str], str]]:
    connection = await connect(settings.database)
    try:
        rows = await connection.fetch("SELECT kind, role, verdict, reasons, partitions FROM processes")
    finally:
        await connection.close()
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("part", ["chatlog_writer", "chatlog_exporter", "chatlog_api"])
async def test_a_process_is_known_while_it_runs_and_gone_when_it_ends(
    settings: Callable[..., Settings], part: str
) -> None:
    made = settings()
    url = urlsplit(made.database.require_url())
    user = f"beats_{part}_{url.path.lstrip('/')}"
    owner = await connect(made.database)
    await owner.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'beats' IN ROLE {part}")
    as_user = url._replace(netloc=f"{user}:beats@{url.netloc.rpartition('@')[2]}").geturl()
    database = changed(made, database_url=SecretStr(as_user)).database
    beat = Beat(ProcessStanding.UNREADY, ["Kafka is away"], None, {"chat-log": [0, 2]})
    try:
        async with beating(Heartbeat(database, ProcessKind.WORKER, "persist", lambda: beat)):

            async def is_known() -> bool:
                return bool(await rows_of(made))

            await eventually(is_known)
            known = await rows_of(made)
        left = await rows_of(made)
    finally:
        await owner.execute(f"DROP ROLE {user}")
        await owner.close()

    assert known == [("worker", "persist", "unready", ["Kafka is away"], '{"chat-log": [0, 2]}')]
    assert left == []


async def test_what_was_last_seen_long_ago_is_forgotten(settings: Callable[..., Settings]) -> None:
    made = settings()
    connection = await connect(made.database)
    await connection.execute(
        "INSERT INTO processes (id, kind, role, host, version, verdict, started, seen) "
        "SELECT gen_random_uuid(), 'api', 'api', 'host', '1', 'ok', now(), now() - make_interval(hours => h) "
        "FROM unnest(ARRAY[1, 25]) AS h"
    )
    await connection.close()
    heartbeat = Heartbeat(made.database, ProcessKind.CONNECTOR, "twitch", Beat)

    await heartbeat.beat()
    heartbeat.close()

    assert sorted(kind for kind, *_ in await rows_of(made)) == ["api", "connector"]


async def test_a_database_that_is_away_stops_nobody(settings: Callable[..., Settings]) -> None:
    away = changed(settings(), database_url=SecretStr("postgresql://nobody@127.0.0.1:9/nothing"))
    heartbeat = Heartbeat(away.database, ProcessKind.API, "api", Beat)

    await heartbeat.beat()
    await heartbeat.leave()
