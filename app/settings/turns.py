"""What is kept of an assistant's turns that are logged by the API."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from app.settings.area import Area
from app.settings.values import EmptyIsUnset


class AddressKept(StrEnum):
    """How much is kept of the address that a person asked from."""

    FULL = "full"
    ANONYMOUS = "anonymous"
    """The network: /24 of IPv4, /48 of IPv6."""
    NONE = "none"


Days = Annotated[int, Field(ge=1, le=36_500)]


class TurnSettings(Area):
    """Whether turns are logged, for how long they are to be kept, and how much of where they came from."""

    enable_chat_logging: bool = True
    chat_log_retention_days: Annotated[Days | None, EmptyIsUnset] = None
    chat_log_addresses: AddressKept = AddressKept.ANONYMOUS
