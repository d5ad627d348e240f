"""Whether object storage is as exports need it: reachable, writable, with links that work, and kept tidy.

Leaves nothing behind but, where it is asked to, the lifecycle rule.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import aiohttp

from app.doctor.findings import Finding, Level
from app.storage import open_storage
from sinks.errors import SinkError
from sinks.storage.bucket import PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.settings.exports import ExportSettings
    from app.settings.storage import StorageSettings
    from sinks.storage.bucket import ObjectStorage
    from sinks.storage.lifecycle import Lifecycle

_FOLLOW_S = 10.0
_CONTENT = b"Written by `chatlog storage check`.\n"
_SET_IT = "chatlog storage check --set-lifecycle"


async def check_storage(
    place: StorageSettings, exports: ExportSettings, *, set_lifecycle: bool = False
) -> list[Finding]:
    """Look at the bucket of STORAGE_BUCKET. Never raises for what it finds.

    Args:
        place: where it is, and our keys.
        exports: how long they are kept.
        set_lifecycle: whether to add our lifecycle rule, or mend it.

    Raises:
        ConfigurationError: STORAGE_BUCKET is not set.
    """
    findings: list[Finding] = []
    storage = open_storage(place, retry_s=exports.retry_s)
    try:
        async with storage:
            await storage.check()
            findings.append(
                Finding(
                    "bucket",
                    Level.OK,
                    f"{_told(place)} can be written, read and deleted from below {PREFIX}",
                )
            )
            findings += [finding async for finding in _check_links(storage, place)]
            findings.append(await _check_lifecycle(storage, exports.keep_days, set_it=set_lifecycle))
    except SinkError as error:
        findings.append(Finding("bucket", Level.WRONG, f"{_told(place)}: {error}"))
    return findings


def _told(place: StorageSettings) -> str:
    return f"{place.bucket} at {place.endpoint or 'AWS'}"


async def _check_links(storage: ObjectStorage, place: StorageSettings) -> AsyncIterator[Finding]:
    """Follow a link as a browser would, and the same address without its signature."""
    key = f"{PREFIX}.check-{uuid.uuid4()}"
    async with storage.upload(key, content_type="text/plain", file_name="check.txt") as upload:
        await upload.write(_CONTENT)
        await upload.complete()
    try:
        link = await storage.link(key, file_name="check.txt", expires_s=60)
        signed, unsigned = await _get(link), await _get(link.partition("?")[0])
    except (aiohttp.ClientError, TimeoutError) as error:
        # Those who follow links may be elsewhere, and find what we do not.
        yield Finding(
            "link",
            Level.NOTE,
            f"a link cannot be followed from here ({type(error).__name__})",
            "follow one from where people are; STORAGE_PUBLIC_ENDPOINT is what it begins with",
        )
        return
    finally:
        await storage.delete(key)
    if signed == (200, _CONTENT):
        yield Finding("link", Level.OK, "a link gives the file to who has it")
    else:
        yield Finding(
            "link",
            Level.WRONG,
            f"a link is refused with status {signed[0]}",
            "correct STORAGE_PUBLIC_ENDPOINT, STORAGE_PATH_STYLE or STORAGE_REGION",
        )
    if unsigned[0] == 200:
        yield Finding(
            "link",
            Level.WRONG,
            f"files of {place.bucket} can be had without a link",
            "take away the public's right to read it",
        )


async def _get(url: str) -> tuple[int, bytes]:
    timeout = aiohttp.ClientTimeout(total=_FOLLOW_S)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
        return answer.status, await answer.content.read(len(_CONTENT) + 1)


async def _check_lifecycle(storage: ObjectStorage, keep_days: int, *, set_it: bool) -> Finding:
    try:
        lifecycle = await storage.read_lifecycle()
        if lifecycle is None or not lifecycle.is_understood:
            return Finding(
                "lifecycle",
                Level.NOTE,
                "this storage has no lifecycle rules of S3: nothing removes old exports by itself",
                f"have it remove, by its own means, what is below {PREFIX} and older than EXPORT_KEEP_DAYS",
            )
        if set_it and not _is_as_it_should(lifecycle, keep_days):
            lifecycle = lifecycle.with_rule(PREFIX, keep_days)
            await storage.write_lifecycle(lifecycle)
    except SinkError as error:
        level = Level.WRONG if set_it else Level.NOTE
        return Finding("lifecycle", level, f"the bucket's lifecycle rules cannot be had: {error}")
    if _is_as_it_should(lifecycle, keep_days):
        return Finding("lifecycle", Level.OK, f"what is below {PREFIX} goes after {_days(keep_days)}")
    return _what_is_wrong(lifecycle, keep_days)


def _is_as_it_should(lifecycle: Lifecycle, keep_days: int) -> bool:
    return lifecycle.aborts_unfinished(PREFIX) and (lifecycle.expires_after(PREFIX) == keep_days)


def _what_is_wrong(lifecycle: Lifecycle, keep_days: int) -> Finding:
    found = lifecycle.expires_after(PREFIX)
    mend = _SET_IT
    if not _is_as_it_should(lifecycle.with_rule(PREFIX, keep_days), keep_days):
        mend = f"another rule removes them sooner: change that, or set EXPORT_KEEP_DAYS={found}"
    if found is None:
        message = f"no rule removes what is below {PREFIX}"
    elif found == keep_days:
        message = f"no rule removes unfinished uploads below {PREFIX}"
    else:
        message = f"what is below {PREFIX} goes after {_days(found)}, and EXPORT_KEEP_DAYS is {keep_days}"
    return Finding("lifecycle", Level.WRONG, message, mend)


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"
