"""A file on its way in parts: whole or not at all, in bounded memory, through cuts, kills and freezes."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import random
import signal
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from sinks.errors import CannotGoOn, ServiceDown
from sinks.storage.bucket import BucketSettings, ObjectStorage
from sinks.storage.errors import UploadLost
from sinks.storage.multipart import FIRST_PART_BYTES, IN_FLIGHT_BYTES, MIB, Upload, part_bytes
from tests.services import eventually, s3_client
from tests.services.storage import settings_of
from tests.sinks.storage.line import Line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.local.embedded import EmbeddedStorage

KEY = "exports/an owner/a survey=20.csv"
CSV = "text/csv; charset=utf-8"


def content_of(size: int) -> bytes:
    """Return bytes of which no two parts are alike."""
    return random.Random(size).randbytes(size)


def begin(storage: ObjectStorage, key: str = KEY) -> Upload:
    return storage.upload(key, content_type=CSV, file_name="a survey.csv")


async def store(storage: ObjectStorage, content: bytes, piece_bytes: int = MIB) -> Upload:
    async with begin(storage) as upload:
        for start in range(0, len(content), piece_bytes):
            await upload.write(content[start : start + piece_bytes])
        await upload.complete()
    return upload


async def stored(settings: BucketSettings, key: str = KEY) -> bytes | None:
    async with s3_client(settings) as client:
        try:
            found = await client.get_object(Bucket=settings.bucket, Key=key)
        except client.exceptions.NoSuchKey:
            return None
        content: bytes = await found["Body"].read()
        return content


async def unfinished(settings: BucketSettings) -> int:
    async with s3_client(settings) as client:
        try:
            found = await client.list_multipart_uploads(Bucket=settings.bucket)
        except client.exceptions.NoSuchUpload:  # what rclone says when there are none
            return 0
        return len(found.get("Uploads", []))


@pytest.fixture
async def opened(storage: BucketSettings) -> AsyncIterator[ObjectStorage]:
    async with ObjectStorage(storage, retry_s=30) as opened:
        yield opened


@pytest.fixture
async def line(storage: BucketSettings) -> AsyncIterator[Line]:
    """A line to the storage of the test."""
    port = urlsplit(storage.endpoint or "").port
    assert port is not None
    async with Line(port) as line:
        yield line


@pytest.fixture
async def over_line(storage: BucketSettings, line: Line) -> AsyncIterator[ObjectStorage]:
    async with ObjectStorage(dataclasses.replace(storage, endpoint=line.endpoint), retry_s=30) as opened:
        yield opened


@pytest.mark.parametrize(
    "size",
    [0, 1, FIRST_PART_BYTES - 1, FIRST_PART_BYTES, FIRST_PART_BYTES + 1, 3 * FIRST_PART_BYTES + 12_345],
)
async def test_a_file_of_any_size_arrives_as_it_was_written(
    opened: ObjectStorage, storage: BucketSettings, size: int
) -> None:
    content = content_of(size)

    upload = await store(opened, content)

    assert await stored(storage) == content
    assert upload.bytes_done == size
    assert await unfinished(storage) == 0


async def test_the_pieces_it_is_written_in_do_not_matter(
    opened: ObjectStorage, storage: BucketSettings
) -> None:
    content = content_of(2 * FIRST_PART_BYTES + 7)

    await store(opened, content, piece_bytes=3 * MIB + 1)
    assert await stored(storage) == content
    await store(opened, content, piece_bytes=len(content))
    assert await stored(storage) == content


@pytest.mark.parametrize("size", [10, FIRST_PART_BYTES + 1])
async def test_its_type_and_name_are_stored_with_it(
    opened: ObjectStorage, storage: BucketSettings, size: int
) -> None:
    await store(opened, content_of(size))

    async with s3_client(storage) as client:
        found = await client.head_object(Bucket=storage.bucket, Key=KEY)
    assert found["ContentType"] == CSV
    assert found["ContentDisposition"].startswith('attachment; filename="a survey.csv"')


async def test_the_same_on_another_storage(moto: BucketSettings) -> None:
    content = content_of(2 * FIRST_PART_BYTES + 3)
    async with ObjectStorage(moto) as opened:
        await store(opened, content)
        await store(opened, b"")
        assert await stored(moto) == b""
        await store(opened, content)

    assert await stored(moto) == content


async def test_what_is_there_stays_until_the_new_file_is_complete(
    opened: ObjectStorage, storage: BucketSettings
) -> None:
    await store(opened, b"the old one")
    content = content_of(FIRST_PART_BYTES + 1)

    async with begin(opened) as upload:
        await upload.write(content)
        assert await stored(storage) == b"the old one"
        await upload.complete()

    assert await stored(storage) == content


async def test_leaving_it_incomplete_leaves_nothing(opened: ObjectStorage, storage: BucketSettings) -> None:
    async with begin(opened) as upload:
        await upload.write(content_of(3 * FIRST_PART_BYTES))

    assert await stored(storage) is None
    assert await unfinished(storage) == 0


async def test_an_error_while_it_is_made_leaves_nothing(moto: BucketSettings) -> None:
    async def fail(opened: ObjectStorage) -> None:
        async with begin(opened) as upload:
            await upload.write(content_of(2 * FIRST_PART_BYTES))
            raise ZeroDivisionError

    async with ObjectStorage(moto) as opened:
        with pytest.raises(ZeroDivisionError):
            await fail(opened)

    assert await stored(moto) is None
    assert await unfinished(moto) == 0


async def test_a_cancelled_task_leaves_nothing(opened: ObjectStorage, storage: BucketSettings) -> None:
    uploads: list[Upload] = []

    async def write_without_end() -> None:
        async with begin(opened) as upload:
            uploads.append(upload)
            while True:
                await upload.write(bytes(MIB))

    task = asyncio.create_task(write_without_end())
    await eventually(lambda: uploads and uploads[0].bytes_done > 0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert await unfinished(storage) == 0
    assert await stored(storage) is None


async def test_nothing_can_be_added_when_it_is_over(opened: ObjectStorage) -> None:
    async with begin(opened) as completed:
        await completed.complete()
        with pytest.raises(RuntimeError, match="over"):
            await completed.write(b"more")
    async with begin(opened) as left:
        await left.write(b"some")
    with pytest.raises(RuntimeError, match="over"):
        await left.complete()


async def test_writing_waits_while_storage_does(dedicated_storage: EmbeddedStorage) -> None:
    settings = settings_of(dedicated_storage)
    content = content_of(8 * FIRST_PART_BYTES)
    written = 0

    async def write(opened: ObjectStorage) -> None:
        nonlocal written
        async with begin(opened) as upload:
            for start in range(0, len(content), MIB):
                await upload.write(content[start : start + MIB])
                written = start + MIB
                if written == FIRST_PART_BYTES:
                    os.kill(dedicated_storage.pid, signal.SIGSTOP)
            await upload.complete()

    async with ObjectStorage(settings) as opened:
        task = asyncio.create_task(write(opened))
        # What may be on its way, and the part after it but for its last piece, which the write waits with.
        await eventually(lambda: written >= IN_FLIGHT_BYTES + FIRST_PART_BYTES - MIB)
        most = FIRST_PART_BYTES + IN_FLIGHT_BYTES + FIRST_PART_BYTES
        with pytest.raises(AssertionError):
            await eventually(lambda: written >= most, 2)
        os.kill(dedicated_storage.pid, signal.SIGCONT)
        await task

    assert await stored(settings) == content


async def test_a_line_cut_in_the_middle_of_a_part_costs_that_part_alone(
    over_line: ObjectStorage, line: Line, storage: BucketSettings
) -> None:
    content = content_of(3 * FIRST_PART_BYTES)
    line.cut_after_bytes = FIRST_PART_BYTES + MIB

    upload = await store(over_line, content)

    assert line.losses == 1
    assert upload.bytes_done == len(content)
    assert await stored(storage) == content


@pytest.mark.parametrize("call", [b"?uploads", b"partNumber=2", b"uploadId="])
async def test_an_answer_that_was_lost_does_no_harm(
    over_line: ObjectStorage, line: Line, storage: BucketSettings, call: bytes
) -> None:
    content = content_of(2 * FIRST_PART_BYTES + 1)
    line.lose_answer_to = call

    await store(over_line, content)

    assert line.losses == 1
    assert await stored(storage) == content


async def test_completing_whose_answer_was_lost_is_known_to_have_succeeded(
    over_line: ObjectStorage, line: Line, storage: BucketSettings
) -> None:
    content = content_of(2 * FIRST_PART_BYTES)
    async with begin(over_line) as upload:
        await upload.write(content)
        await eventually(lambda: upload.bytes_done == len(content))
        line.lose_answer_to = b"POST "
        await upload.complete()

    assert line.losses == 1
    assert sum(head.startswith(b"POST ") for head in line.heads) > 2
    assert await stored(storage) == content


async def test_completing_an_upload_that_is_gone_is_no_success_though_an_old_file_has_its_size(
    opened: ObjectStorage, storage: BucketSettings
) -> None:
    content = content_of(FIRST_PART_BYTES + 1)
    await store(opened, bytes(len(content)))

    async with begin(opened) as upload:
        await upload.write(content)
        await eventually(lambda: upload.bytes_done == FIRST_PART_BYTES)
        async with s3_client(storage) as client:
            found = await client.list_multipart_uploads(Bucket=storage.bucket)
            (gone,) = found["Uploads"]
            await client.abort_multipart_upload(Bucket=storage.bucket, Key=KEY, UploadId=gone["UploadId"])
        with pytest.raises(UploadLost):
            await upload.complete()

    assert await stored(storage) == bytes(len(content))


async def test_nothing_is_sent_that_only_aws_takes(
    over_line: ObjectStorage, line: Line, storage: BucketSettings
) -> None:
    await store(over_line, content_of(FIRST_PART_BYTES + 1))
    await store(over_line, b"small")

    sent = b"\n".join(line.heads).lower()
    assert line.heads
    assert b"x-amz-checksum" not in sent
    assert b"x-amz-trailer" not in sent
    assert b"aws-chunked" not in sent


async def test_storage_that_comes_back_in_time_gets_the_file(dedicated_storage: EmbeddedStorage) -> None:
    content = content_of(2 * FIRST_PART_BYTES + 1)
    async with ObjectStorage(settings_of(dedicated_storage), retry_s=60) as opened:
        await dedicated_storage.kill()
        task = asyncio.create_task(store(opened, content))
        await asyncio.wait({task}, timeout=1)
        assert not task.done()
        await dedicated_storage.start()
        await task

    assert await stored(settings_of(dedicated_storage)) == content


async def test_storage_that_forgot_the_upload_is_told_apart(dedicated_storage: EmbeddedStorage) -> None:
    async def be_interrupted(opened: ObjectStorage) -> None:
        async with begin(opened) as upload:
            await upload.write(content_of(FIRST_PART_BYTES))
            await eventually(lambda: upload.bytes_done > 0)
            await dedicated_storage.kill()
            await dedicated_storage.start()
            await upload.write(content_of(2 * FIRST_PART_BYTES))
            await upload.complete()

    async with ObjectStorage(settings_of(dedicated_storage), retry_s=60) as opened:
        with pytest.raises(UploadLost, match="lost an unfinished upload"):
            await be_interrupted(opened)
        await store(opened, b"made anew")

    assert await stored(settings_of(dedicated_storage)) == b"made anew"


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_storage_that_stays_away_is_given_up_in_time(
    dedicated_storage: EmbeddedStorage, how: str
) -> None:
    loop = asyncio.get_running_loop()
    gone_at = 0.0

    async def be_interrupted(opened: ObjectStorage) -> None:
        nonlocal gone_at
        async with begin(opened) as upload:
            await upload.write(content_of(FIRST_PART_BYTES))
            await eventually(lambda: upload.bytes_done > 0)
            if how == "killed":
                await dedicated_storage.kill()
            else:
                os.kill(dedicated_storage.pid, signal.SIGSTOP)
            gone_at = loop.time()
            await upload.write(content_of(FIRST_PART_BYTES))
            await upload.complete()

    async with ObjectStorage(settings_of(dedicated_storage), retry_s=5) as opened:
        with pytest.raises(ServiceDown, match=r"Object storage (cannot be reached|does not answer)"):
            await be_interrupted(opened)
    if how == "frozen":
        os.kill(dedicated_storage.pid, signal.SIGCONT)
    assert gone_at, "it was given up before"
    # Two tries of 5 s, and 5 s for the abort; the rest is for a busy machine.
    assert loop.time() - gone_at < 60


async def test_storage_that_begins_to_refuse_stops_it_at_once(dedicated_storage: EmbeddedStorage) -> None:
    async with (
        ObjectStorage(settings_of(dedicated_storage), retry_s=600) as opened,
        begin(opened) as upload,
    ):
        await dedicated_storage.stop()
        (dedicated_storage.directory / "keys").unlink()
        await dedicated_storage.start()
        with pytest.raises(CannotGoOn, match="correct STORAGE_ACCESS_KEY"):
            await upload.write(content_of(FIRST_PART_BYTES))


def test_ten_thousand_parts_hold_the_largest_file_there_can_be() -> None:
    sizes = [part_bytes(number) for number in range(1, 10_001)]

    assert sum(sizes) > 5 * 1024 * 1024 * MIB
    assert max(sizes) <= 5 * 1024 * MIB
    assert sizes == sorted(sizes)
    assert set(sizes[:900]) == {FIRST_PART_BYTES}
