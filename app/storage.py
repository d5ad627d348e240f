"""How this application reaches object storage: `sinks.storage.bucket`, made from settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.storage.bucket import BucketSettings, ObjectStorage

if TYPE_CHECKING:
    from pydantic import SecretStr

    from app.settings.storage import StorageSettings


def bucket_settings_of(storage: StorageSettings) -> BucketSettings:
    """Return where the bucket is.

    Raises:
        ConfigurationError: STORAGE_BUCKET is not set.
    """
    return BucketSettings(
        bucket=storage.require_bucket(),
        endpoint=storage.endpoint,
        public_endpoint=storage.public_endpoint,
        region=storage.region,
        access_key=_in_clear(storage.access_key),
        secret_key=_in_clear(storage.secret_key),
        path_style=storage.path_style,
    )


def open_storage(storage: StorageSettings, *, retry_s: float) -> ObjectStorage:
    """Return the storage, to be used as an async context manager.

    Args:
        storage: where it is, and our keys.
        retry_s: how long it is tried again before its user is told.

    Raises:
        ConfigurationError: STORAGE_BUCKET is not set.
    """
    return ObjectStorage(bucket_settings_of(storage), retry_s=retry_s)


def _in_clear(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
