"""What keeps one test's objects from another's on shared storage, and a plain client to look at it with."""

import dataclasses
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from app.local.embedded import EmbeddedStorage
from sinks.storage.bucket import BucketSettings
from tests.services.waiting import in_own_loop


def storage_named_by(environment: Mapping[str, str]) -> BucketSettings | None:
    """Return the storage that the environment names, if it does; tests make buckets beside its own."""
    if not environment.get("STORAGE_BUCKET"):
        return None
    return BucketSettings(
        bucket=environment["STORAGE_BUCKET"],
        endpoint=environment.get("STORAGE_ENDPOINT") or None,
        region=environment.get("STORAGE_REGION") or "us-east-1",
        access_key=environment.get("STORAGE_ACCESS_KEY") or None,
        secret_key=environment.get("STORAGE_SECRET_KEY") or None,
        path_style=environment.get("STORAGE_PATH_STYLE", "").lower() in {"1", "true", "yes"},
    )


def settings_of(storage: EmbeddedStorage) -> BucketSettings:
    """Return how to reach a running embedded server, and its own bucket."""
    return BucketSettings(
        bucket=storage.bucket,
        endpoint=storage.endpoint,
        access_key=storage.access_key,
        secret_key=storage.secret_key,
        path_style=True,
    )


def storage_overrides(storage: BucketSettings) -> dict[str, Any]:
    """Return the fields of Settings that name this bucket, for `settings(**storage_overrides(storage))`."""
    return {f"storage_{name}": value for name, value in dataclasses.asdict(storage).items()}


@contextmanager
def fresh_bucket(server: BucketSettings) -> Iterator[BucketSettings]:
    """Make an empty bucket, and remove it at the end with all it holds."""
    bucket = dataclasses.replace(server, bucket=f"test-{secrets.token_hex(6)}")
    in_own_loop(_make(bucket))
    try:
        yield bucket
    finally:
        in_own_loop(_remove(bucket))


@asynccontextmanager
async def s3_client(storage: BucketSettings) -> AsyncIterator[Any]:
    """Give a plain S3 client, to see what is really there."""
    async with get_session().create_client(
        "s3",
        endpoint_url=storage.endpoint,
        region_name=storage.region,
        aws_access_key_id=storage.access_key,
        aws_secret_access_key=storage.secret_key,
        config=AioConfig(
            signature_version="s3v4",
            s3={"addressing_style": "path" if storage.path_style else "auto"},
            request_checksum_calculation="when_required",
        ),
    ) as client:
        yield client


async def _make(storage: BucketSettings) -> None:
    async with s3_client(storage) as client:
        await client.create_bucket(Bucket=storage.bucket)


async def _remove(storage: BucketSettings) -> None:
    async with s3_client(storage) as client:
        async for page in client.get_paginator("list_objects_v2").paginate(Bucket=storage.bucket):
            for found in page.get("Contents", []):
                await client.delete_object(Bucket=storage.bucket, Key=found["Key"])
        # rclone leaves the directory of an upload that was aborted, and calls such a bucket not empty.
        with suppress(client.exceptions.ClientError):
            await client.delete_bucket(Bucket=storage.bucket)
