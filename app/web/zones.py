"""In which time zone a reader sees times: what their browser says, unless they chose another.

The pages' script keeps the browser's zone in one cookie, the page Appearance the chosen one in another, so
that one's own is always to be had again. What is in neither, or is no zone, is UTC.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    from fastapi import Request

#: The zone of the browser, an IANA name; kept by pages.js.
ZONE_COOKIE = "chatlog_zone"
#: The zone that the reader chose instead.
CHOSEN_ZONE_COOKIE = "chatlog_chosen_zone"

UTC_ZONE = ZoneInfo("UTC")


@cache
def known_zones() -> frozenset[str]:
    """Return the names of all zones there are."""
    return frozenset(available_timezones())


def zone_of(request: Request) -> ZoneInfo:
    """Return the zone in which this reader sees times; UTC if nothing usable says another."""
    for cookie in (CHOSEN_ZONE_COOKIE, ZONE_COOKIE):
        found = known_zone(request.cookies.get(cookie, ""))
        if found is not None:
            return found
    return UTC_ZONE


def chosen_zone_of(request: Request) -> str:
    """Return the name of the zone that the reader chose; empty if they go by their browser's."""
    found = known_zone(request.cookies.get(CHOSEN_ZONE_COOKIE, ""))
    return found.key if found is not None else ""


def known_zone(name: str) -> ZoneInfo | None:
    """Return a zone by its IANA name; None if there is none of that name."""
    return ZoneInfo(name) if name in known_zones() else None
