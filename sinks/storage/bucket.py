"""Object storage: one bucket of anything that speaks S3, for files of any size in bounded memory.

AWS, GCS by its S3 interface, MinIO, Ceph, rclone: told apart by settings alone. What is stored under which
key is decided elsewhere (`models.exports`), and so is who may have a link.

botocore's newer checksums travel as trailers, which GCS and others refuse; they are only sent where the
protocol requires one.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from models.hosts import is_loopback
from sinks.storage.calls import CALL_S, BucketCalls
from sinks.storage.content_disposition import attachment
from sinks.storage.errors import STORAGE_ERRORS, classify
from sinks.storage.lifecycle import Lifecycle
from sinks.storage.multipart import Upload

if TYPE_CHECKING:
    from types import TracebackType

log = logging.getLogger(__name__)

#: Where everything of ours is, and what a lifecycle rule is for.
PREFIX = "exports/"
#: For a host that does not answer at all; a call as a whole has `storage_calls.CALL_S`.
CONNECT_TIMEOUT_S = 5
CLOSE_S = 5.0
#: The longest that a link of signature version 4 can live.
LINK_MAX_S = 7 * 24 * 60 * 60
#: As long as a job goes on trying, unless told otherwise.
RETRY_S = 120.0


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """Where the bucket is, and who we are to it.

    Attributes:
        bucket: its name; it exists.
        endpoint: the server's URL; None for AWS.
        public_endpoint: the server's URL as those who follow a link know it, if another.
        region: the bucket's.
        access_key: None, as the secret key, for what this machine has by the ways of AWS (role, profile).
        secret_key: the access key's.
        path_style: whether the bucket is in the path of a URL rather than in its host name.
    """

    bucket: str
    endpoint: str | None = None
    public_endpoint: str | None = None
    region: str = "us-east-1"
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    path_style: bool = False


class ObjectStorage:
    """One bucket, connected to between `async with` and its end.

    But for uploads, nothing is tried twice: who asks is a person or another retry.

    Args:
        settings: where the bucket is.
        retry_s: how long an upload tries each of its steps while storage is down.
    """

    def __init__(self, settings: BucketSettings, *, retry_s: float = RETRY_S) -> None:
        self.settings = settings
        self._retry_s = retry_s
        self._clients = AsyncExitStack()
        self._connected: BucketCalls | None = None
        self._signer: Any = None

    async def __aenter__(self) -> Self:
        """Get ready; nothing is asked of storage yet.

        Raises:
            CannotGoOn: the settings make no sense to the client.
        """
        session = get_session()
        settings = self.settings
        try:
            client = await self._clients.enter_async_context(self._client(session, settings.endpoint))
            self._signer = client
            if settings.public_endpoint not in {None, settings.endpoint}:
                public = self._client(session, settings.public_endpoint)
                self._signer = await self._clients.enter_async_context(public)
        except (*STORAGE_ERRORS, ValueError) as error:
            await self._clients.aclose()
            raise classify(error) from error
        self._connected = BucketCalls(client, settings.bucket, retry_s=self._retry_s)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connected = None
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._clients.aclose()
        except TimeoutError:
            # What is on its way to a frozen server is never flushed, and its connection not closed.
            log.warning("Object storage did not let go of a connection", extra={"waited_s": CLOSE_S})

    async def check(self) -> None:
        """Make sure that the bucket is there and that we may write, read and delete below `PREFIX`.

        Raises:
            ServiceDown: storage is down.
            CannotGoOn: a setting or a right is wrong; says which.
        """
        key = f"{PREFIX}.check-{uuid.uuid4()}"
        await self._calls.once("put_object", Key=key, Body=b"")
        await self._calls.once("head_object", Key=key)
        await self._calls.once("delete_object", Key=key)

    def upload(self, key: str, *, content_type: str, file_name: str) -> Upload:
        """Return an upload to `key`; use it as an async context manager, and `complete()` it.

        Args:
            key: what is there already is replaced when the upload is complete, and not before.
            content_type: of the file, as its readers are told.
            file_name: what a browser saves it as.
        """
        return Upload(
            self._calls, key, {"ContentType": content_type, "ContentDisposition": attachment(file_name)}
        )

    async def link(self, key: str, *, file_name: str, expires_s: float) -> str:
        """Return a URL by which anyone can have the object, and only it, until it expires.

        Whether the object is there is not asked. With temporary credentials of AWS, the link ends with them.

        Args:
            key: of the object.
            file_name: what a browser saves it as.
            expires_s: how long the link is good for, from now.

        Raises:
            ServiceDown, CannotGoOn: there are no credentials to sign with.
        """
        seconds = int(expires_s)
        if not 1 <= seconds <= LINK_MAX_S:
            raise ValueError(f"a link lives between a second and {LINK_MAX_S} s, not {seconds} s")
        parameters = {
            "Bucket": self._calls.bucket,
            "Key": key,
            # Beside the one stored with the object, which not every storage keeps.
            "ResponseContentDisposition": attachment(file_name),
        }
        try:
            async with asyncio.timeout(CALL_S):
                url: str = await self._signer.generate_presigned_url(
                    "get_object", Params=parameters, ExpiresIn=seconds
                )
        except STORAGE_ERRORS as error:
            raise classify(error) from error
        return url

    async def delete(self, key: str) -> None:
        """Remove the object; if there is none, that is as well.

        Raises:
            ServiceDown, CannotGoOn: it may still be there.
        """
        await self._calls.once("delete_object", Key=key)

    async def size(self, key: str) -> int | None:
        """Return the object's size in bytes, or None if there is none.

        Raises:
            ServiceDown: storage cannot tell for now.
            CannotGoOn: it never will, as the bucket is missing or a right is; says what to mend.
        """
        return await self._calls.size(key)

    async def read_lifecycle(self) -> Lifecycle | None:
        """Return the bucket's lifecycle rules, or None if this storage has no such thing.

        Raises:
            ServiceDown, CannotGoOn: storage cannot tell.
        """
        answer = await self._calls.once(
            "get_bucket_lifecycle_configuration",
            instead={"NoSuchLifecycleConfiguration": {"Rules": []}, "NotImplemented": {}},
        )
        return Lifecycle.of(answer)

    async def write_lifecycle(self, lifecycle: Lifecycle) -> None:
        """Replace the bucket's lifecycle rules.

        Raises:
            ServiceDown, CannotGoOn: they are as they were.
        """
        await self._calls.once("put_bucket_lifecycle_configuration", **lifecycle.parameters())

    @property
    def _calls(self) -> BucketCalls:
        if self._connected is None:
            raise RuntimeError("ObjectStorage is used outside of its `async with`")
        return self._connected

    def _client(self, session: Any, endpoint: str | None) -> Any:
        settings = self.settings
        # For AWS, the client sees where a bucket's name cannot be in a host name; for others, it never tries.
        own_choice = "auto" if endpoint is None else "virtual"
        return session.create_client(
            "s3",
            endpoint_url=endpoint,
            region_name=settings.region,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            config=_CONFIGURATION.merge(
                AioConfig(
                    s3={
                        "addressing_style": "path" if settings.path_style else own_choice,
                        "payload_signing_enabled": signs_content(endpoint),
                    }
                )
            ),
        )


def signs_content(endpoint: str | None) -> bool:
    """Tell whether what is sent to `endpoint` is signed too: where anyone on the way could alter it.

    To hash it takes as long as all else that an upload does here, and once more in the server: 700 MB took
    3.6 s of CPU with it, and 1.8 s without.
    """
    parts = urlsplit(endpoint or "https://aws")
    return parts.scheme != "https" and not is_loopback(parts.hostname or "")


_CONFIGURATION = AioConfig(
    signature_version="s3v4",
    connect_timeout=CONNECT_TIMEOUT_S,
    read_timeout=CALL_S,
    # Ours are the only retries: those of botocore would multiply them.
    retries={"total_max_attempts": 1},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    # Settings say where storage is, not AWS_ENDPOINT_URL.
    ignore_configured_endpoint_urls=True,
)
