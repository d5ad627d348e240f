"""How object storage is reached, where exports are kept: anything that speaks S3."""

from typing import Annotated, ClassVar, Self

from pydantic import model_validator

from app.settings.area import Area
from app.settings.errors import ConfigurationError
from app.settings.values import EmptyIsUnset, OptionalSecret, OptionalUrl, matching

BucketName = Annotated[
    str,
    matching(
        r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at both ends",
    ),
]
RegionName = Annotated[str, matching(r"[a-z0-9-]{1,63}", "such as us-east-1")]


class StorageSettings(Area):
    """Where the bucket is, and the keys that may write it."""

    prefix: ClassVar[str] = "storage_"

    bucket: Annotated[BucketName | None, EmptyIsUnset] = None
    endpoint: OptionalUrl = None
    public_endpoint: OptionalUrl = None
    region: RegionName = "us-east-1"
    access_key: OptionalSecret = None
    secret_key: OptionalSecret = None
    path_style: bool = False

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY go together: set both or neither")
        return self

    def require_bucket(self) -> str:
        """Return STORAGE_BUCKET.

        Raises:
            ConfigurationError: it is not set.
        """
        if self.bucket is None:
            raise ConfigurationError(
                "STORAGE_BUCKET is not set: exports have nowhere to go; accepted: the name of a bucket that "
                "exists (see STORAGE_ENDPOINT, STORAGE_ACCESS_KEY, STORAGE_SECRET_KEY)"
            )
        return self.bucket
