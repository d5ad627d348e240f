"""`chatlog up` as a person sees it: one command, everything arrives, nothing is left."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import asyncpg
import pytest

import samples
from app.embedded import EmbeddedPostgres
from tests.services import as_environment, eventually
from tests.up.running import Up, lives
from tests.workers import prepare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.settings import Settings

ROWS = """
SELECT userid, pageid, (extract(epoch FROM timestamp) * 1000)::bigint AS timestamp, direction, message_type,
       question_ref, shortcode, surveyid::varchar, content
FROM chat_log
"""

#: Rows of one person vanish on their way, as if a worker had lost them.
LOSE_TOMAS = """
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE WHEN NEW.userid = '59382746105827391' AND NEW.direction = 'bot' THEN NULL ELSE NEW END;
END $$;
CREATE TRIGGER lose BEFORE INSERT ON chat_log FOR EACH ROW EXECUTE FUNCTION lose();
"""


async def test_every_sample_arrives_and_played_again_adds_no_row(
    up: Callable[..., Up], service_directory: Path
) -> None:
    data = service_directory / "data"
    first = up("--once", "--data", str(data))
    assert await first.until_ended() == 0
    assert await _rows(data) == {row.key: row for each in samples.conversations() for row in each.expected}

    second = up("--once", "--data", str(data))
    assert await second.until_ended() == 0

    rows = len(samples.expected().entries)
    assert (first.counted("rows written"), first.counted("duplicates")) == (rows, 0)
    assert (second.counted("rows written"), second.counted("duplicates")) == (0, rows)
    for run in (first, second):
        assert run.counted("events read") == len(samples.events())
        assert run.counted("entries captured") == rows
        assert run.counted("dead letters") == samples.expected().dead_letters
        assert "السلام عليكم" in run.output


async def test_ctrl_c_stops_everything_and_leaves_nothing(
    up: Callable[..., Up], service_directory: Path
) -> None:
    run = up()
    await run.until_printed("Running until Ctrl-C")
    family = run.family()
    # Kafka, PostgreSQL with its helpers, two workers.
    assert len(family) >= 4

    status = await run.stop_by(signal.SIGINT)

    assert status == 0
    assert not [process for process in family if lives(process)]
    assert not list((service_directory / "scratch").iterdir())


async def test_killed_with_9_it_takes_its_children_along(up: Callable[..., Up]) -> None:
    run = up("--no-samples")
    await run.until_printed("Starting the persist worker")
    await eventually(lambda: any("persist" in part for each in run.family() for part in each.cmdline()))
    family = run.family()

    await run.kill()

    await eventually(lambda: not any(map(lives, family)), what="all processes of the run end")


async def test_the_same_data_is_not_used_twice_at_once(
    up: Callable[..., Up], service_directory: Path
) -> None:
    data = service_directory / "data"
    first = up("--data", str(data))
    await first.until_printed("Starting Kafka")

    second = up("--data", str(data))

    assert await second.until_ended() == 1
    assert second.output == (
        f"chatlog: chatlog already runs on {data}, started by process {first.process.pid}: stop that one, or "
        "choose another directory\n"
    )
    # A Ctrl-C while it starts is one too.
    assert await first.stop_by(signal.SIGTERM) == 0


async def test_a_sample_that_does_not_arrive_is_named(
    up: Callable[..., Up], settings: Callable[..., Settings]
) -> None:
    system = settings()
    await prepare(system)
    connection = await asyncpg.connect(system.require_database_url())
    await connection.execute(LOSE_TOMAS)
    await connection.close()

    run = up("--once", environment=as_environment(system))

    assert await run.until_ended() == 1
    assert "tomas (59382746105827391): 2 of 5 messages are not in chat_log" in run.output
    assert "Every sample arrived" not in run.output


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "says"),
    [
        ([], {"DATABASE_URL": "postgresql://u:secret@127.0.0.1:9/db"}, 1, "PostgreSQL at 127.0.0.1:9/db"),
        (
            [],
            {"XDG_CACHE_HOME": "{directory}/cache", "HTTPS_PROXY": "http://127.0.0.1:9"},
            1,
            "to the internet",
        ),
        (["--data", "/dev/null/data"], {}, 1, "choose one that you can write"),
        ([], {"SESSION_TIMEOUT_S": "soon"}, 2, "SESSION_TIMEOUT_S"),
    ],
    ids=["a database that is down", "no network for Kafka", "a directory that is none", "a wrong setting"],
)
async def test_what_keeps_it_from_starting_is_told_in_one_line(
    up: Callable[..., Up],
    service_directory: Path,
    arguments: list[str],
    environment: dict[str, str],
    status: int,
    says: str,
) -> None:
    values = {name: value.format(directory=service_directory) for name, value in environment.items()}

    run = up("--once", *arguments, environment=values)

    assert await run.until_ended() == status
    last_line = run.output.splitlines()[-1]
    assert last_line.startswith("chatlog: ")
    assert says in last_line
    assert "secret" not in run.output


async def _rows(data: Path) -> dict[samples.Key, samples.ExpectedRow]:
    """Return what is in chat_log while nobody else is."""
    async with EmbeddedPostgres(data / "postgres") as postgres:
        connection = await asyncpg.connect(postgres.url)
        try:
            rows = [samples.ExpectedRow(**row) for row in await connection.fetch(ROWS)]
        finally:
            await connection.close()
    return {row.key: row for row in rows}
