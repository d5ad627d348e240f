"""`chatlog up` as a person sees it: one command, everything arrives, nothing is left."""

from __future__ import annotations

import html
import signal
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import asyncpg
import pytest
from yarl import URL

import samples
from app.local.embedded import EmbeddedPostgres, free_port
from app.local.sample_owners import load_owners
from samples.rooms import rooms
from samples.surveys import owners, responses
from tests.local.embedded.processes import lives
from tests.local.running import TIMEOUT_S, Up
from tests.services import as_environment, eventually, migrate, settings_from
from tests.workers import prepare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from app.settings import Settings

#: Two runs one after the other, on a busy machine.
pytestmark = pytest.mark.timeout(600)

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
    assert await _rows(data) == {
        row.key: row for each in samples.conversations(media=True) for row in each.expected_with_surveys
    }

    second = up("--once", "--data", str(data))
    assert await second.until_ended() == 0

    assert first.addresses() == second.addresses()
    assert len(first.addresses()) == 8
    entries = len(samples.expected(media=True).entries)
    messages = sum(len(room.expected) for room in rooms())
    assert (first.counted("entries written"), first.counted("messages written")) == (entries, messages)
    assert (second.counted("entries written"), second.counted("messages written")) == (0, 0)
    for run in (first, second):
        assert run.counted("events read") == len(samples.events()) + sum(len(room.events) for room in rooms())
        assert run.counted("dead letters") == (
            samples.expected().dead_letters + sum(room.dead_letters for room in rooms())
        )
        assert "✓ Every sample arrived." in run.output
        assert "السلام عليكم" in run.output
        # Told three times, each time with another time.
        assert run.output.count("qué bonito el craquelado") == 1
        assert (
            "✓ Exported the chat log of “المساعدة النقدية / Cash transfer 2025”: Finished, 16 rows"
            in run.output
        )
        assert (
            "✓ Exported the responses of “المساعدة النقدية / Cash transfer 2025”: Finished, 5 rows"
            in run.output
        )
    async with _database(data) as connection:
        assert await connection.fetchval("SELECT count(*) FROM responses") == len(responses())


async def test_ctrl_c_stops_everything_and_leaves_nothing(
    up: Callable[..., Up], service_directory: Path
) -> None:
    run = up()
    await run.until_printed("Running until Ctrl-C")
    family = run.family()
    # Kafka, PostgreSQL with its helpers, the storage, four workers, the API, maintenance.
    assert len(family) >= 9

    status = await run.stop_by(signal.SIGINT)

    assert status == 0
    assert not [process for process in family if lives(process)]
    assert not list((service_directory / "scratch").iterdir())


async def test_the_printed_link_signs_in_as_the_owner_of_the_samples(up: Callable[..., Up]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        wanted = taken.getsockname()[1]
        run = up("--api-port", str(wanted))
        await run.until_printed("Running until Ctrl-C")
    (link,) = [line.split()[-1] for line in run.output.splitlines() if line.startswith("sign in ")]
    page, _, token = link.partition("#token=")

    assert f"! Port {wanted} is taken: the API is on {URL(page).port}" in run.output
    # The cookie of an address instead of a name is kept only by who says so.
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        form = {"token": token, "next": "/surveys"}
        async with browser.post(page, data=form) as answer:
            shown = html.unescape(await answer.text())
            assert all(survey.name in shown for survey in owners()[0].surveys)
            assert "Kazi Pulse" not in shown
        # Pages lead from one to the other: a worker's view to the pages, these to each worker and to the API.
        api, worker = str(URL(page).origin()), f"http://{run.addresses()['The persist worker']}"
        async with browser.get(worker) as answer:
            assert f'href="{api}/system"' in await answer.text()
        async with browser.get(f"{api}/system") as answer:
            shown = await answer.text()
            assert f'href="{api}"' in shown
            assert f'href="{worker}"' in shown
    assert await run.stop_by(signal.SIGTERM) == 0


async def test_an_export_that_lacks_rows_is_told(up: Callable[..., Up], service_directory: Path) -> None:
    data = service_directory / "data"
    async with EmbeddedPostgres(data / "postgres") as postgres:
        settings = settings_from(database_url=postgres.url)
        await migrate(postgres.url)
        await load_owners(settings.database)
        connection = await asyncpg.connect(postgres.url)
        # So the messages that the survey's export is to hold belong to another one.
        await connection.execute(
            "UPDATE surveys SET survey_name = 'Other' WHERE id = 'c7e4b6a1-0d58-4f3c-9b27-5a86d19f40e3'"
        )
        await connection.close()

    run = up("--once", "--data", str(data))

    assert await run.until_ended() == 1
    assert "✓ Every sample arrived." in run.output
    assert "Cash transfer 2025” has 0 rows, the table 16" in run.output


async def test_killed_with_9_it_takes_its_children_along(up: Callable[..., Up]) -> None:
    run = up("--no-samples")
    await run.until_printed("Starting the persist worker")
    ours = {"capture", "persist", "export", "api", "maintain"}
    await eventually(lambda: ours <= run.parts(), TIMEOUT_S, "all its processes run")
    family = run.family()

    await run.kill()

    await eventually(lambda: not any(map(lives, family)), TIMEOUT_S, "all processes of the run end")


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
    connection = await asyncpg.connect(system.database.require_url())
    await connection.execute(LOSE_TOMAS)
    await connection.close()

    run = up("--once", environment=as_environment(system))

    assert await run.until_ended() == 1
    assert "tomas (59382746105827391): 2 of 8 messages are not in chat_log" in run.output
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
    """Return what is in chat_log."""
    async with _database(data) as connection:
        rows = [samples.ExpectedRow(**row) for row in await connection.fetch(ROWS)]
    return {row.key: row for row in rows}


@asynccontextmanager
async def _database(data: Path) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Connect to the database of a run while there is none."""
    async with EmbeddedPostgres(data / "postgres") as postgres:
        connection = await asyncpg.connect(postgres.url)
        try:
            yield connection
        finally:
            await connection.close()
