"""One file on its way to object storage, in parts, as it is made: bounded memory, any size.

`write()` waits while enough is on its way, and so slows down whoever makes the file. A key shows the file
only when it is complete; what is not completed is aborted, so that nobody pays for parts of nothing.
"""

from __future__ import annotations

import asyncio
import io
import logging
from typing import TYPE_CHECKING, Any, Self

from sinks.errors import SinkError
from sinks.storage.errors import UploadLost

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from _typeshed import WriteableBuffer

    from sinks.storage.calls import BucketCalls

log = logging.getLogger(__name__)

MIB = 1024 * 1024
#: The smallest that S3 takes; with 8, an export took 10 MB more memory.
FIRST_PART_BYTES = 5 * MIB
#: After so many parts, the next are twice as large: the 10,000 that S3 allows then hold 7 TiB, more than the
#: 5 TiB that it allows of a file, the last are of the 5 GiB that it allows of a part, and a file of 4 GB is
#: still sent in small parts.
PARTS_OF_A_SIZE = 950
#: What is on its way while the next part is filled: two parts, or one that is larger than the first ones.
IN_FLIGHT_BYTES = 2 * FIRST_PART_BYTES
#: How long an abort may take in all: it must not hold up a stop. A lifecycle rule removes what it leaves.
ABORT_S = 5.0


def part_bytes(number: int) -> int:
    """Return the size of part `number`, the first being 1."""
    return FIRST_PART_BYTES << (number - 1) // PARTS_OF_A_SIZE


class _Reader(io.RawIOBase):
    """Reads a part for one try to send it.

    Given as bytes, a part would be copied whole into the connection's buffer, and stay there as long as the
    kernel goes on trying when a server is frozen; a file is only read as fast as it is sent.
    """

    def __init__(self, part: bytearray) -> None:
        self._part = memoryview(part)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: len(self._part)}
        self._position = bases[whence] + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer)
        piece = self._part[self._position : self._position + len(target)]
        target[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)


class Upload:
    """An upload to one key, begun by the first full part; leaving it without `complete()` aborts it.

    Not for several tasks at once.

    Args:
        calls: the bucket.
        key: where the file will be.
        headers: what is stored with the file.

    Attributes:
        bytes_done: how much storage has confirmed.
    """

    def __init__(self, calls: BucketCalls, key: str, headers: Mapping[str, Any]) -> None:
        self._calls = calls
        self._key = key
        self._headers = headers
        self.bytes_done = 0
        self._upload_id: str | None = None
        self._buffer = bytearray()
        #: Of the part that is being filled.
        self._number = 1
        self._part_bytes = part_bytes(1)
        self._sent_bytes = 0
        #: By part; parts are confirmed in any order.
        self._etags: dict[int, str] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._is_over = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._is_over:
            self._is_over = True
            await self._abort()

    async def write(self, data: bytes) -> None:
        """Add `data` to the file; returns when it is on its way or waits for the rest of its part.

        Raises:
            ServiceDown: storage did not take a part for as long as we try. UploadLost: the file must be made
                anew. Leave the upload either way.
            CannotGoOn: storage refuses; says which setting to mend.
        """
        self._must_go_on()
        rest = memoryview(data)
        while rest:
            taken = rest[: self._part_bytes - len(self._buffer)]
            self._buffer += taken
            rest = rest[len(taken) :]
            if len(self._buffer) == self._part_bytes:
                await self._send_part()

    async def complete(self) -> None:
        """Make the file appear under its key, whole; nothing can be added then.

        Raises:
            ServiceDown, UploadLost, CannotGoOn: as `write`. But for a ServiceDown, which can be an answer
                that was lost, there is no new file.
        """
        self._must_go_on()
        if self._upload_id is None:
            await self._put_whole()
        else:
            if self._buffer:
                await self._send_part()
            await self._until_in_flight(0)
            await self._complete_parts(self._upload_id)
        self._is_over = True

    def _must_go_on(self) -> None:
        if self._is_over:
            raise RuntimeError("the upload is over: nothing can be added to it")

    async def _put_whole(self) -> None:
        """Store a file that is smaller than a part, or empty, which no multipart upload can be."""
        content, self._buffer = self._buffer, bytearray()

        async def put() -> None:
            await self._calls.once(
                "put_object",
                Key=self._key,
                Body=_Reader(content),
                carries_bytes=len(content),
                **self._headers,
            )

        await self._calls.patiently(put)
        self.bytes_done = len(content)

    async def _send_part(self) -> None:
        upload_id = self._upload_id or await self._begin()
        part, self._buffer = self._buffer, bytearray()
        await self._until_in_flight(max(IN_FLIGHT_BYTES // len(part) - 1, 0))
        self._sending.add(asyncio.create_task(self._upload_part(upload_id, self._number, part)))
        self._sent_bytes += len(part)
        self._number += 1
        self._part_bytes = part_bytes(self._number)

    async def _begin(self) -> str:
        async def create() -> str:
            begun = await self._calls.once("create_multipart_upload", Key=self._key, **self._headers)
            return str(begun["UploadId"])

        self._upload_id = await self._calls.patiently(create)
        return self._upload_id

    async def _until_in_flight(self, parts: int) -> None:
        """Wait until at most so many parts are on their way.

        Raises:
            SinkError: what kept a part from being stored.
        """
        while len(self._sending) > parts:
            ended, self._sending = await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
            for part in ended:
                part.result()

    async def _upload_part(self, upload_id: str, number: int, part: bytearray) -> None:
        async def put() -> str:
            stored = await self._calls.once(
                "upload_part",
                Key=self._key,
                UploadId=upload_id,
                PartNumber=number,
                Body=_Reader(part),
                carries_bytes=len(part),
            )
            return str(stored["ETag"])

        self._etags[number] = await self._calls.patiently(put)
        self.bytes_done += len(part)

    async def _complete_parts(self, upload_id: str) -> None:
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(self._etags.items())]
        is_first = True

        async def complete() -> None:
            nonlocal is_first
            may_be_done, is_first = not is_first, False
            try:
                await self._calls.once(
                    "complete_multipart_upload",
                    Key=self._key,
                    UploadId=upload_id,
                    MultipartUpload={"Parts": parts},
                )
            except UploadLost:
                # An earlier try may have succeeded, and only its answer been lost.
                if not may_be_done or await self._calls.size(self._key) != self._sent_bytes:
                    raise

        await self._calls.patiently(complete)

    async def _abort(self) -> None:
        """Give up what is on its way and what was stored. Never raises but when it is cancelled itself."""
        for part in self._sending:
            part.cancel()
        # A part that arrived after the abort would be kept.
        await asyncio.gather(*self._sending, return_exceptions=True)
        self._buffer = bytearray()
        if self._upload_id is None:
            return
        upload_id = self._upload_id

        async def abort() -> None:
            await self._calls.once("abort_multipart_upload", Key=self._key, UploadId=upload_id)

        try:
            async with asyncio.timeout(ABORT_S):
                await self._calls.patiently(abort, retry_s=ABORT_S)
        except UploadLost:
            return
        except (SinkError, TimeoutError) as error:
            log.warning(
                "An unfinished upload could not be aborted; the bucket's lifecycle rule removes it",
                extra={"error": str(error)},
            )
