"""Threads of learners: how much they hold, how long they are to be kept, and which browsers may ask."""

import json
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from app.settings.area import Area
from app.settings.turns import Days
from app.settings.values import OptionalText, check_origin, split_on_commas

#: Of any site: none gets more than its own user's token gives it, since no cookie is sent along.
ANY_ORIGIN = "*"


def _origins_in(value: object) -> object:
    """Return origins that are given as a JSON list, or with commas between."""
    if isinstance(value, str) and value.strip().startswith("["):
        return tuple(json.loads(value))
    return split_on_commas(value)


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(origin if origin == ANY_ORIGIN else check_origin(origin) for origin in origins)


Origins = Annotated[tuple[str, ...], BeforeValidator(_origins_in), AfterValidator(_check_origins)]


class ThreadSettings(Area):
    """What threads hold, how long they are to be kept, and whether learners' data can be had and erased."""

    environment: OptionalText = None
    cors_origins: Origins = (ANY_ORIGIN,)
    max_messages_per_thread: int = Field(default=1000, ge=1, le=1_000_000)
    message_retention_days: Days = 365
    privacy_enabled: bool = True
