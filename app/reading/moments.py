"""Days and times as people and programs write them. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

#: Before and after these nothing that was said can be read. A step further, or another zone, has a calendar.
FIRST, LAST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
#: What is accepted, for messages.
MOMENT_FORM = "a day such as 2026-11-24, or a time such as 2026-11-24T09:30:00Z"


def moment_of(text: str, zone: ZoneInfo) -> datetime:
    """Return the time that a text means, in UTC: of a day its beginning, in the zone; from FIRST to LAST.

    Raises:
        ValueError: it means none.
    """
    try:
        if len(text) == len("2026-11-24"):
            moment = datetime.combine(date.fromisoformat(text), time(), zone)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        # In UTC, the first and the last year may end before they begin.
        return min(max(moment.astimezone(UTC), FIRST), LAST)
    except (ValueError, OverflowError):
        raise ValueError(f"not a time; accepted: {MOMENT_FORM}") from None


def moment_text(moment: datetime) -> str:
    """Return a time such that `moment_of` means it again in any zone."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
