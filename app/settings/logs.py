"""How the log is written."""

from typing import ClassVar, Literal

from app.settings.area import Area


class LogSettings(Area):
    """What the log tells, and as what."""

    prefix: ClassVar[str] = "log_"

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["json", "text"] = "json"
