"""Zones are known by their names, also where the machine has no table of them."""

from __future__ import annotations

import zoneinfo
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from models.days import zone_named

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def no_table_of_the_system() -> Iterator[None]:
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath(to=before)


@pytest.mark.usefixtures("no_table_of_the_system")
def test_zones_are_known_where_the_machine_has_no_table_of_them() -> None:
    assert datetime(2026, 7, 1, tzinfo=zone_named("Africa/Lagos")).utcoffset() == timedelta(hours=1)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Africa", "Africa/La\x00gos"])
def test_what_is_no_zone_is_refused_with_what_is_accepted(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone; accepted: the name of a zone such as Africa/Lagos"):
        zone_named(name)
