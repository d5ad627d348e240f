"""The bucket itself: what a check finds, links as browsers follow them, removing, and who may."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from app.local.embedded import free_port
from sinks.errors import CannotGoOn, ServiceDown
from sinks.storage.bucket import BucketSettings, ObjectStorage, signs_content
from sinks.storage.content_disposition import attachment
from sinks.storage.lifecycle import Lifecycle
from tests.services import eventually, s3_client
from tests.services.storage import settings_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.local.embedded import EmbeddedStorage

KEY = "exports/an owner/a survey=F0=9F=98=80 (1).csv"
HOUR_S = 3600


async def put(storage: ObjectStorage, key: str = KEY, content: bytes = b"userid\r\n") -> None:
    async with storage.upload(key, content_type="text/csv; charset=utf-8", file_name="a.csv") as upload:
        await upload.write(content)
        await upload.complete()


async def get(url: str) -> tuple[int, bytes, str]:
    """Follow a link as a browser does, without any header of ours."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.read(), answer.headers.get("Content-Disposition", "")


@pytest.fixture
async def opened(storage: BucketSettings) -> AsyncIterator[ObjectStorage]:
    async with ObjectStorage(storage) as opened:
        yield opened


async def checked(settings: BucketSettings, retry_s: float = 30) -> None:
    async with ObjectStorage(settings, retry_s=retry_s) as storage:
        await storage.check()


async def test_a_bucket_as_it_should_be_passes_and_nothing_is_left_in_it(
    storage: BucketSettings, moto: BucketSettings
) -> None:
    for settings in (storage, moto):
        await checked(settings)
        async with s3_client(settings) as client:
            assert "Contents" not in await client.list_objects_v2(Bucket=settings.bucket)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"bucket": "not-there"}, "STORAGE_BUCKET"),
        ({"access_key": "an-unknown-access-key"}, "correct STORAGE_ACCESS_KEY"),
        ({"secret_key": "wrong"}, "correct STORAGE_SECRET_KEY"),
        ({"region": "not a region"}, "STORAGE_"),
    ],
)
async def test_a_wrong_setting_is_named(storage: BucketSettings, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(CannotGoOn, match=told) as raised:
        await checked(dataclasses.replace(storage, **wrong))
    assert str(storage.secret_key) not in str(raised.value)


async def test_a_host_that_does_not_exist_is_named(storage: BucketSettings) -> None:
    settings = dataclasses.replace(storage, endpoint="http://no-such-host.invalid:9000")
    with pytest.raises(socket.gaierror) as unknown:
        socket.getaddrinfo("no-such-host.invalid", 9000)
    # A machine that reaches no name server cannot know that, and waits for one.
    told = CannotGoOn if unknown.value.errno == socket.EAI_NONAME else ServiceDown
    with pytest.raises(told, match="" if told is ServiceDown else "STORAGE_ENDPOINT"):
        await checked(settings, retry_s=5)


async def test_tls_where_there_is_none_is_told(storage: BucketSettings) -> None:
    endpoint = (storage.endpoint or "").replace("http:", "https:")
    with pytest.raises(CannotGoOn, match="does not speak TLS: let STORAGE_ENDPOINT begin with http:"):
        await checked(dataclasses.replace(storage, endpoint=endpoint))


@asynccontextmanager
async def website(status: bytes) -> AsyncIterator[str]:
    """Give the URL of a web server that is no object storage."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        page = b"<!doctype html><p>Welcome"
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(page), page))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_website_is_no_object_storage(storage: BucketSettings) -> None:
    async with website(b"403 Forbidden") as endpoint:
        with pytest.raises(CannotGoOn, match=r"STORAGE_ENDPOINT|the keys may not"):
            await checked(dataclasses.replace(storage, endpoint=endpoint))


async def test_a_server_that_is_in_trouble_is_one_to_wait_for(storage: BucketSettings) -> None:
    async with website(b"503 Service Unavailable") as endpoint:
        with pytest.raises(ServiceDown, match="refuses for now"):
            await checked(dataclasses.replace(storage, endpoint=endpoint))


async def test_a_server_that_is_not_there_is_one_to_wait_for(storage: BucketSettings) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ServiceDown, match=r"cannot be reached \(ConnectionRefusedError\): start what is at"):
        await checked(dataclasses.replace(storage, endpoint=endpoint))


async def test_a_frozen_server_is_given_up_in_time(dedicated_storage: EmbeddedStorage) -> None:
    os.kill(dedicated_storage.pid, signal.SIGSTOP)
    try:
        with pytest.raises(ServiceDown, match="does not answer"):
            await checked(settings_of(dedicated_storage), retry_s=1)
    finally:
        os.kill(dedicated_storage.pid, signal.SIGCONT)


async def test_without_keys_those_of_the_machine_are_taken(
    storage: BucketSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", storage.access_key or "")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", storage.secret_key or "")

    await checked(dataclasses.replace(storage, access_key=None, secret_key=None))


async def test_a_machine_without_keys_is_told_what_to_set(
    storage: BucketSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(CannotGoOn, match="set STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY"):
        await checked(dataclasses.replace(storage, access_key=None, secret_key=None))


async def test_the_environment_does_not_say_where_storage_is(
    storage: BucketSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", storage.endpoint or "")
    async with ObjectStorage(dataclasses.replace(storage, endpoint=None)) as elsewhere:
        link = await elsewhere.link(KEY, file_name="a.csv", expires_s=HOUR_S)
    assert (urlsplit(link).hostname or "").endswith(".amazonaws.com")


async def test_a_link_gives_the_file_under_its_name_to_anyone(opened: ObjectStorage) -> None:
    await put(opened, content=b"userid\r\n1\r\n")

    link = await opened.link(KEY, file_name="a survey 😀.csv", expires_s=HOUR_S)
    status, content, disposition = await get(link)

    assert (status, content) == (200, b"userid\r\n1\r\n")
    assert disposition == attachment("a survey 😀.csv")


async def test_the_longest_name_fits_into_a_link(opened: ObjectStorage) -> None:
    key, name = (
        f"exports/{'a' * 32}/{'b' * 36}/{'=F0=9F=98=80' * 16}_chat_log.csv.gz",
        "😀" * 50 + "_chat_log.csv.gz",
    )
    await put(opened, key)

    status, _, disposition = await get(await opened.link(key, file_name=name, expires_s=HOUR_S))

    assert status == 200
    assert disposition == attachment(name)


async def test_a_link_is_refused_when_it_has_expired(opened: ObjectStorage) -> None:
    await put(opened)
    link = await opened.link(KEY, file_name="a.csv", expires_s=2)

    async def is_refused() -> bool:
        return (await get(link))[0] in {400, 403}

    await eventually(is_refused)
    assert b"userid" not in (await get(link))[1]


async def test_a_link_to_one_file_is_none_to_another(opened: ObjectStorage) -> None:
    await put(opened, "exports/mine/a.csv")
    await put(opened, "exports/theirs/a.csv", b"a secret")
    link = await opened.link("exports/mine/a.csv", file_name="a.csv", expires_s=HOUR_S)

    assert (await get(link))[0] == 200
    for altered in (
        link.replace("/mine/", "/theirs/"),
        link.replace("/mine/", "/mine/../theirs/"),
        link.replace("X-Amz-Expires=3600", "X-Amz-Expires=604800"),
        link.replace("a.csv%22", "b.csv%22"),
        link.partition("?")[0],
        link.partition("?")[0].replace("/mine/", "/theirs/"),
        link.partition("/exports/")[0],
    ):
        assert altered != link
        status, content, _ = await get(altered)
        assert status in {400, 403}, altered
        assert b"secret" not in content


async def test_a_link_is_signed_for_the_endpoint_of_those_who_follow_it(storage: BucketSettings) -> None:
    public = (storage.endpoint or "").replace("127.0.0.1", "localhost")
    async with ObjectStorage(dataclasses.replace(storage, public_endpoint=public)) as opened:
        await put(opened)
        link = await opened.link(KEY, file_name="a.csv", expires_s=HOUR_S)

    assert link.startswith(f"{public}/{storage.bucket}/")
    assert (await get(link))[0] == 200
    assert (await get(link.replace("localhost", "127.0.0.1")))[0] == 403


async def test_without_path_style_the_bucket_is_in_the_host_name(storage: BucketSettings) -> None:
    named = dataclasses.replace(storage, endpoint="https://storage.example", path_style=False)
    async with ObjectStorage(named) as opened:
        link = await opened.link("exports/a.csv", file_name="a.csv", expires_s=HOUR_S)
    assert link.startswith(f"https://{storage.bucket}.storage.example/exports/a.csv?")


@pytest.mark.parametrize("expires_s", [0, 8 * 24 * 3600])
async def test_a_link_that_no_storage_would_take_is_not_made(opened: ObjectStorage, expires_s: float) -> None:
    with pytest.raises(ValueError, match="a link lives"):
        await opened.link(KEY, file_name="a.csv", expires_s=expires_s)


async def test_a_removed_file_is_gone_and_removing_it_again_is_no_error(opened: ObjectStorage) -> None:
    await put(opened, content=b"12345")
    assert await opened.size(KEY) == 5

    await opened.delete(KEY)
    await opened.delete(KEY)

    assert await opened.size(KEY) is None
    await opened.check()


async def test_a_file_is_not_called_missing_where_its_bucket_is(
    storage: BucketSettings, moto: BucketSettings
) -> None:
    for settings in (storage, moto):
        async with ObjectStorage(settings) as opened:
            assert await opened.size(KEY) is None
        async with ObjectStorage(dataclasses.replace(settings, bucket="not-there")) as opened:
            with pytest.raises(
                CannotGoOn, match="the bucket is not there: make it, or correct STORAGE_BUCKET"
            ):
                await opened.size(KEY)


async def test_other_files_stay_when_one_is_removed(opened: ObjectStorage) -> None:
    await put(opened, "exports/a/1.csv")
    await put(opened, "exports/a/2.csv")

    await opened.delete("exports/a/1.csv")

    assert await opened.size("exports/a/2.csv") == 8


async def test_lifecycle_rules_are_kept_as_they_are_written(moto: BucketSettings) -> None:
    async with ObjectStorage(moto) as opened:
        assert await opened.read_lifecycle() == Lifecycle()

        await opened.write_lifecycle(Lifecycle().with_rule("exports/", 3))

        found = await opened.read_lifecycle()
        assert found is not None
        assert found.expires_after("exports/") == 3
        assert found.aborts_unfinished("exports/")


async def test_storage_without_lifecycle_rules_says_so(opened: ObjectStorage) -> None:
    assert await opened.read_lifecycle() is None


async def test_it_is_used_while_it_is_open(storage: BucketSettings) -> None:
    with pytest.raises(RuntimeError, match="outside of its `async with`"):
        await ObjectStorage(storage).check()


def test_no_secret_is_shown() -> None:
    settings = BucketSettings("b", access_key="the access key", secret_key="the secret key")
    assert "the access key" not in repr(settings)
    assert "the secret key" not in repr(settings)


@pytest.mark.parametrize(
    ("endpoint", "signed"),
    [
        (None, False),
        ("https://storage.example", False),
        ("http://127.0.0.1:9000", False),
        ("http://localhost:9000", False),
        ("http://[::1]:9000", False),
        ("http://minio:9000", True),
        ("http://10.0.0.1", True),
    ],
)
def test_content_is_signed_where_someone_on_the_way_could_alter_it(
    endpoint: str | None, *, signed: bool
) -> None:
    assert signs_content(endpoint) is signed
