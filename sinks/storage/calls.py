"""Calls to one bucket: each within a time limit, its errors told in our words, and retried where asked.

What is called, and when, is not here: see `sinks.storage.bucket` and `sinks.storage.multipart`.
"""

from __future__ import annotations

import asyncio
import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_delay,
    wait_exponential_jitter,
)

from sinks.errors import ServiceDown
from sinks.storage.errors import STORAGE_ERRORS, UploadLost, classify

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

log = logging.getLogger(__name__)

Result = TypeVar("Result")

#: How long a call may take, without what it carries.
CALL_S = 30.0
#: The slowest line that we wait for: 256 KiB/s.
SLOWEST_BYTES_S = 256 * 1024
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class BucketCalls:
    """Calls operations of an aiobotocore client on one bucket.

    Args:
        client: an S3 client that does not retry by itself.
        bucket: goes into every call.
        retry_s: how long `patiently` goes on, and the most that one call may take.
    """

    def __init__(self, client: Any, bucket: str, *, retry_s: float) -> None:
        self._client = client
        self.bucket = bucket
        self.retry_s = retry_s

    async def once(
        self,
        operation: str,
        *,
        carries_bytes: int = 0,
        instead: Mapping[str, Any] = _NOTHING,
        **parameters: Any,
    ) -> Any:
        """Call `operation`, and return its answer.

        Args:
            operation: the client's method, such as `put_object`.
            carries_bytes: how much goes with it, for which it gets more time.
            instead: what to return where a refusal is an answer, by its code.
            parameters: the operation's, but for the bucket.

        Raises:
            ServiceDown: it may work in a moment; UploadLost: not for this upload.
            CannotGoOn: it never will; says which setting to mend.
        """
        call = getattr(self._client, operation)
        limit_s = min(CALL_S + carries_bytes / SLOWEST_BYTES_S, self.retry_s)
        try:
            async with asyncio.timeout(limit_s):
                return await call(Bucket=self.bucket, **parameters)
        except STORAGE_ERRORS as error:
            if isinstance(error, ClientError) and (code := error.response["Error"].get("Code")) in instead:
                return instead[code]
            raise classify(error) from error

    async def size(self, key: str) -> int | None:
        """Return the size of the object at `key` in bytes, or None if there is none.

        Raises:
            ServiceDown, CannotGoOn: storage cannot tell; so it is without its bucket.
        """
        found = await self.once("head_object", Key=key, instead={"404": None})
        if found is not None:
            return int(found["ContentLength"])
        # An answer to HEAD has no body: a missing bucket looks like a missing object. This one tells.
        await self.once("list_objects_v2", Prefix=key, MaxKeys=1)
        return None

    async def patiently(
        self, work: Callable[[], Awaitable[Result]], *, retry_s: float | None = None
    ) -> Result:
        """Run `work` until storage does it, for `retry_s` at most.

        Raises:
            ServiceDown: it did not within that time; what it said last.
            CannotGoOn, UploadLost: at once.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception(_may_pass),
            wait=wait_exponential_jitter(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S, jitter=FIRST_WAIT_S),
            stop=stop_after_delay(self.retry_s if retry_s is None else retry_s),
            before_sleep=_tell_once,
            reraise=True,
        )
        result: Result = await retrying(work)
        return result


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, ServiceDown) and not isinstance(error, UploadLost)


def _tell_once(state: RetryCallState) -> None:
    if state.attempt_number == 1 and state.outcome is not None:
        log.warning("Waiting for object storage", extra={"error": str(state.outcome.exception())})
