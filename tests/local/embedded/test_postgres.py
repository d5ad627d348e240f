"""The embedded PostgreSQL: its life, its data, and what it says when it cannot start."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from app.local.embedded import (
    AlreadyRunningError,
    DirectoryError,
    EmbeddedPostgres,
    PortTakenError,
    StartError,
    scratch_directory,
)
from tests.local.embedded.processes import addresses_listened_on, family_of, freeze, lives
from tests.services import eventually, in_own_loop

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL refuses nobody but root")


@pytest.fixture(scope="module")
def described() -> Iterator[EmbeddedPostgres]:
    """A server, running or not, on a directory whose name tries what paths may hold."""
    with scratch_directory() as directory:
        server = EmbeddedPostgres(directory / "dáta, of mine" / "postgres")
        yield server
        in_own_loop(server.stop())


@pytest.fixture
async def server(described: EmbeddedPostgres) -> EmbeddedPostgres:
    """A running server with an empty table `kept`; the test may kill it, the next one finds it running."""
    await described.start()
    await _execute(
        described.url, "DROP TABLE IF EXISTS kept; CREATE TABLE kept (content varchar PRIMARY KEY)"
    )
    return described


async def test_the_next_process_finds_the_data_under_the_same_url(server: EmbeddedPostgres) -> None:
    await _execute(server.url, "INSERT INTO kept VALUES ('this')")
    await server.stop()

    async with EmbeddedPostgres(server.directory, port=server.port) as other:
        assert other.url == server.url
        assert await _value(other.url, "SELECT content FROM kept") == "this"


async def test_kill_9_loses_nothing_committed_and_it_restarts_on_its_port(
    server: EmbeddedPostgres,
) -> None:
    port = server.port
    await _execute(server.url, "INSERT INTO kept SELECT generate_series(1, 1000)")

    await server.kill()
    assert not server.running
    await server.start()

    assert server.port == port
    assert await _value(server.url, "SELECT count(*) FROM kept") == 1000


async def test_it_starts_again_after_its_main_process_alone_was_killed(server: EmbeddedPostgres) -> None:
    await _execute(server.url, "INSERT INTO kept VALUES ('this')")
    family = family_of(server.pid)
    os.kill(server.pid, signal.SIGKILL)
    # On a busy machine its helpers may end later than a start waits for them.
    await eventually(lambda: not any(map(lives, family)), what="its helpers end")

    await server.restart()

    assert await _value(server.url, "SELECT content FROM kept") == "this"


async def test_it_stops_at_once_with_sessions_open_and_leaves_no_process(server: EmbeddedPostgres) -> None:
    session = await asyncpg.connect(server.url)
    family = family_of(server.pid)

    await server.stop("immediate")
    await server.stop()

    assert not any(map(lives, family))
    session.terminate()


async def test_a_frozen_server_is_killed_after_the_deadline(server: EmbeddedPostgres) -> None:
    family = family_of(server.pid)
    freeze(family)

    await server.stop(deadline_s=0.2)

    # On a busy machine, what was killed takes its time to end.
    await eventually(lambda: not any(map(lives, family)))


async def test_it_speaks_utf8(server: EmbeddedPostgres) -> None:
    query = "SELECT lower('ÀÉ') || current_setting('server_encoding')"

    assert await _value(server.url, query) == "àéUTF8"


async def test_only_loopback_is_listened_on(server: EmbeddedPostgres) -> None:
    assert addresses_listened_on(server.pid) == {"127.0.0.1"}


async def test_a_wrong_password_is_refused(server: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url, password="a guess")


async def test_only_its_owner_may_read_the_password(server: EmbeddedPostgres) -> None:
    assert (server.directory / "password").stat().st_mode & 0o777 == 0o600


async def test_its_log_holds_no_content_of_rows(server: EmbeddedPostgres) -> None:
    insert = "INSERT INTO kept VALUES ('a private matter')"
    await _execute(server.url, insert)

    with pytest.raises(asyncpg.UniqueViolationError, match="kept_pkey"):
        await _execute(server.url, insert)

    assert "private" not in server.log.read_text()


async def test_a_second_start_on_the_directory_says_that_it_runs_already(
    server: EmbeddedPostgres,
) -> None:
    with pytest.raises(AlreadyRunningError, match=f"already runs on .*process {os.getpid()}: stop that one"):
        await EmbeddedPostgres(server.directory).start()

    assert await _value(server.url, "SELECT 1") == 1


async def test_a_pid_file_left_behind_whose_number_another_program_has_is_no_obstacle(
    server: EmbeddedPostgres,
) -> None:
    pid_file = server.directory / "data" / "postmaster.pid"
    left_behind = pid_file.read_text()
    await server.kill()
    pid_file.write_text(left_behind.replace(left_behind.split("\n")[0], str(os.getpid()), 1))

    await server.start()

    assert await _value(server.url, "SELECT 1") == 1


async def test_when_it_cannot_start_the_message_shows_its_own_words(server: EmbeddedPostgres) -> None:
    await server.stop()
    configuration = server.directory / "data" / "postgresql.auto.conf"
    before = configuration.read_text()
    configuration.write_text("no_such_setting = on\n")

    with pytest.raises(StartError, match=r"(?s)ended while starting.*postgresql.log.*no_such_setting"):
        await server.start()

    assert not server.running
    configuration.write_text(before)


async def test_preparing_that_was_cut_short_begins_anew(service_directory: Path) -> None:
    (service_directory / "data.new").mkdir()
    (service_directory / "data.new" / "PG_VERSION").write_text("18\n")

    async with EmbeddedPostgres(service_directory) as server:
        assert await _value(server.url, "SELECT 1") == 1


async def test_a_taken_port_is_named(service_directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"127.0.0.1:{port}, the port is in use: stop what uses it"):
            await EmbeddedPostgres(service_directory, port=port).start()


async def test_a_directory_that_cannot_be_made_is_named(service_directory: Path) -> None:
    (service_directory / "file").touch()

    with pytest.raises(DirectoryError, match=r"cannot use the directory .*file/postgres .*choose one that"):
        await EmbeddedPostgres(service_directory / "file" / "postgres").start()


async def test_data_of_another_version_is_left_alone(service_directory: Path) -> None:
    (service_directory / "data").mkdir()
    (service_directory / "data" / "PG_VERSION").write_text("12\n")

    with pytest.raises(DirectoryError, match="holds data of PostgreSQL 12, and this is 18"):
        await EmbeddedPostgres(service_directory).start()


@only_root
async def test_root_is_told_when_the_user_it_lends_cannot_enter(
    service_directory: Path,
) -> None:
    closed = service_directory / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(DirectoryError, match=r"refuses to run as root, and user .* cannot enter .*: choose"):
        await EmbeddedPostgres(closed / "postgres").start()


@only_root
async def test_root_runs_it_as_the_owner_of_the_data(server: EmbeddedPostgres) -> None:
    owner = (server.directory / "data").stat().st_uid

    assert psutil.Process(server.pid).uids().effective == owner != 0


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()
