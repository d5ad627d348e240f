"""The embedded object storage: its life, its keys, what it keeps, and what it says when it cannot start."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING

import psutil
import pytest

from app.local.embedded import (
    AlreadyRunningError,
    DirectoryError,
    EmbeddedStorage,
    NotAvailableError,
    PortTakenError,
    scratch_directory,
)
from app.local.embedded.packages import program
from sinks.storage.bucket import ObjectStorage
from tests.local.embedded.processes import addresses_listened_on, family_of, lives
from tests.services import in_own_loop, s3_client
from tests.services.storage import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "exports/a.csv"


@pytest.fixture(scope="module")
def described() -> Iterator[EmbeddedStorage]:
    """A server, running or not, on a directory whose name tries what paths may hold."""
    with scratch_directory() as directory:
        server = EmbeddedStorage(directory / "dáta, of mine:" / "storage")
        yield server
        in_own_loop(server.stop())


@pytest.fixture
async def server(described: EmbeddedStorage) -> EmbeddedStorage:
    """A running server; the test may kill it, the next one finds it running."""
    await described.start()
    return described


async def put(server: EmbeddedStorage, content: bytes, key: str = KEY) -> None:
    async with s3_client(settings_of(server)) as client:
        await client.put_object(Bucket=server.bucket, Key=key, Body=content)


async def get(server: EmbeddedStorage, key: str = KEY) -> bytes:
    async with s3_client(settings_of(server)) as client:
        found = await client.get_object(Bucket=server.bucket, Key=key)
        content: bytes = await found["Body"].read()
        return content


async def test_it_is_ready_with_a_bucket(server: EmbeddedStorage) -> None:
    async with ObjectStorage(settings_of(server)) as storage:
        await storage.check()


async def test_the_next_process_finds_files_and_keys_as_they_were(server: EmbeddedStorage) -> None:
    await put(server, b"this")
    await server.stop()

    async with EmbeddedStorage(server.directory, port=server.port) as other:
        assert settings_of(other) == settings_of(server)
        assert await get(other) == b"this"


async def test_kill_9_loses_no_file_and_it_restarts_on_its_port(server: EmbeddedStorage) -> None:
    port = server.port
    await put(server, b"x" * 1_000_000)

    await server.kill()
    assert not server.running
    await server.start()

    assert server.port == port
    assert await get(server) == b"x" * 1_000_000


async def test_what_a_killed_server_was_writing_is_cleared_away(server: EmbeddedStorage) -> None:
    async with s3_client(settings_of(server)) as client:
        begun = await client.create_multipart_upload(Bucket=server.bucket, Key=KEY)
        await client.upload_part(
            Bucket=server.bucket,
            Key=KEY,
            UploadId=begun["UploadId"],
            PartNumber=1,
            Body=b"x" * 6_000_000,
        )
    await server.kill()

    await server.start()

    kept = [path for path in (server.directory / "data").rglob("*") if path.is_file()]
    assert not [path for path in kept if path.name.startswith(".rclone")]


async def test_the_bucket_stays_when_the_last_file_goes(server: EmbeddedStorage) -> None:
    await put(server, b"this", "exports/only/one.csv")
    async with s3_client(settings_of(server)) as client:
        for found in (await client.list_objects_v2(Bucket=server.bucket))["Contents"]:
            await client.delete_object(Bucket=server.bucket, Key=found["Key"])
        assert (await client.list_buckets())["Buckets"][0]["Name"] == server.bucket
    await server.restart()
    await put(server, b"again")


async def test_it_stops_at_once_and_leaves_no_process(server: EmbeddedStorage) -> None:
    family = family_of(server.pid)

    await server.stop()
    await server.stop()

    assert not any(map(lives, family))


async def test_a_frozen_server_is_killed_after_the_deadline(server: EmbeddedStorage) -> None:
    family = family_of(server.pid)
    os.kill(server.pid, signal.SIGSTOP)

    await server.stop(deadline_s=0.2)

    assert not any(map(lives, family))


async def test_only_loopback_is_listened_on(server: EmbeddedStorage) -> None:
    assert addresses_listened_on(server.pid) == {"127.0.0.1"}


async def test_nobody_else_sees_the_keys_or_the_files(server: EmbeddedStorage) -> None:
    assert (server.directory / "keys").stat().st_mode & 0o777 == 0o600
    assert (server.directory / "data").stat().st_mode & 0o777 == 0o700
    shown = " ".join(psutil.Process(server.pid).cmdline())
    assert server.secret_key not in shown + server.log.read_text()
    assert server.access_key not in shown


async def test_two_servers_have_other_keys(server: EmbeddedStorage, service_directory: Path) -> None:
    async with EmbeddedStorage(service_directory) as other:
        assert other.secret_key != server.secret_key
        assert other.access_key != server.access_key


async def test_the_settings_of_whoever_starts_it_are_not_its_own(
    service_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RCLONE_READ_ONLY", "true")
    monkeypatch.setenv("RCLONE_ADDR", "0.0.0.0:1")
    async with EmbeddedStorage(service_directory) as server:
        await put(server, b"this")


async def test_a_second_start_on_the_directory_says_that_it_runs_already(server: EmbeddedStorage) -> None:
    with pytest.raises(AlreadyRunningError, match=f"already runs on .*process {os.getpid()}: stop that one"):
        await EmbeddedStorage(server.directory).start()

    await put(server, b"still here")


async def test_a_taken_port_is_named(service_directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"127.0.0.1:{port}, the port is in use: stop what uses it"):
            await EmbeddedStorage(service_directory, port=port).start()


async def test_a_directory_that_cannot_be_made_is_named(service_directory: Path) -> None:
    (service_directory / "file").touch()

    with pytest.raises(DirectoryError, match=r"cannot use the directory .*file/storage .*choose one that"):
        await EmbeddedStorage(service_directory / "file" / "storage").start()


async def test_keys_that_are_none_are_not_used(service_directory: Path) -> None:
    (service_directory / "keys").write_text("one\n")

    with pytest.raises(DirectoryError, match="does not hold two keys: delete it"):
        await EmbeddedStorage(service_directory).start()


def test_a_program_that_is_not_installed_is_named() -> None:
    with pytest.raises(NotAvailableError, match=r"no-such-package.*pip install 'chatlog\[embedded\]'"):
        program("no-such-package", "rclone")
