"""What is noted of a request for an export: by what messages were looked for, never what was said. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.exports import ExportOptions


def subject_of(options: ExportOptions) -> dict[str, Any]:
    """Return what messages are exported, as `access_log` keeps it."""
    filter_ = options.filter.model_dump(mode="json", exclude_none=True) if options.filter else {}
    times = {"since": options.since, "until": options.until}
    return {
        **filter_,
        **{name: moment.isoformat() for name, moment in times.items() if moment},
        "rows": options.rows.value,
    }
