"""How this application reaches object storage: `sinks.storage.bucket`, made from settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.storage.bucket import ObjectStorage, StorageSettings

if TYPE_CHECKING:
    from pydantic import SecretStr

    from app.settings import Settings


def storage_settings_of(settings: Settings) -> StorageSettings:
    """Return where the bucket is.

    Raises:
        ConfigurationError: STORAGE_BUCKET is not set.
    """
    return StorageSettings(
        bucket=settings.storage.require_bucket(),
        endpoint=settings.storage.endpoint,
        public_endpoint=settings.storage.public_endpoint,
        region=settings.storage.region,
        access_key=_in_clear(settings.storage.access_key),
        secret_key=_in_clear(settings.storage.secret_key),
        path_style=settings.storage.path_style,
    )


def open_storage(settings: Settings) -> ObjectStorage:
    """Return the storage, to be used as an async context manager.

    Raises:
        ConfigurationError: STORAGE_BUCKET is not set.
    """
    return ObjectStorage(storage_settings_of(settings), retry_s=settings.exports.retry_s)


def _in_clear(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
