"""The real application on real services, as programs and browsers ask it."""

from tests.site.fixtures import (
    _counts_take_their_time,
    ana,
    api_settings,
    client,
    storing_system,
    system,
    visitor,
)

__all__ = [
    "_counts_take_their_time",
    "ana",
    "api_settings",
    "client",
    "storing_system",
    "system",
    "visitor",
]
