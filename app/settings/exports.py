"""How exports are made and kept."""

from typing import ClassVar, Literal

from pydantic import Field

from app.settings.area import Area


class ExportSettings(Area):
    """How many exports at once, under which keys, and for how long."""

    prefix: ClassVar[str] = "export_"

    concurrency: int = Field(default=2, ge=1, le=32)
    link_hours: float = Field(default=7.0, gt=0, le=7 * 24)
    keep_days: int = Field(default=3, ge=1, le=3650)
    keys: Literal["owner", "flat"] = "owner"
    retry_s: float = Field(default=120.0, gt=0, le=3600)
