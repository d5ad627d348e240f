"""Threads of learners: how much they hold, and for how long their messages are kept."""

from typing import Annotated

from pydantic import Field

from app.settings.area import Area
from app.settings.turns import Days
from app.settings.values import EmptyIsUnset


class ThreadSettings(Area):
    """What threads hold at most, for how long, and whether learners' data can be asked for and erased."""

    max_messages_per_thread: int = Field(default=1000, ge=1, le=1_000_000)
    message_retention_days: Annotated[Days | None, EmptyIsUnset] = None
    privacy_enabled: bool = True
