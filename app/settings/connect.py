"""How connectors hold what they hear until Kafka has it."""

from typing import ClassVar

from pydantic import Field

from app.settings.area import Area


class ConnectSettings(Area):
    """What all connectors share."""

    prefix: ClassVar[str] = "connect_"

    # How much may wait for Kafka before a connector stops listening
    buffer_bytes: int = Field(default=64 * 1024 * 1024, ge=64 * 1024, le=16 * 1024 * 1024 * 1024)
