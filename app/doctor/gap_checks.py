"""What connectors missed, as `chatlog check` tells it: a note for each platform."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg

from app.doctor.findings import Finding, Level
from app.web.words import counted, duration
from sinks.postgres.connector_gaps import sum_up_missed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinks.postgres.connector_gaps import MissedOfPlatform

#: What was missed longer ago, whoever runs this knows.
TOLD_FOR_DAYS = 7


async def check_gaps(connection: asyncpg.Connection[asyncpg.Record]) -> list[Finding]:
    """Tell which channels no connector hears, and what was missed lately and not fetched.

    Nothing, if the table is not there yet, or is not for this user to read.
    """
    now = datetime.now(UTC)
    try:
        missed = await sum_up_missed(connection, now - timedelta(days=TOLD_FOR_DAYS))
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        return []
    return [finding for of in missed for finding in gap_findings(of, now)]


def gap_findings(missed: MissedOfPlatform, now: datetime) -> Iterator[Finding]:
    """Say what it means that so much of a platform is missing.

    Args:
        missed: what is.
        now: the present time.
    """
    listed = f"chatlog connect gaps --platform {missed.platform}"
    if missed.silent_since is not None:
        channels = counted(missed.silent, "channel")
        since = duration((now - missed.silent_since).total_seconds())
        yield Finding(
            "connectors",
            Level.NOTE,
            f"nobody hears {channels} of {missed.platform} that a connector heard, the first for {since}",
            f"chatlog connect {missed.platform}; which they are: {listed}",
        )
    if missed.gaps:
        yield Finding(
            "connectors",
            Level.NOTE,
            f"{counted(missed.gaps, 'gap')} of {missed.platform} in the last {TOLD_FOR_DAYS} days, "
            f"{duration(missed.lasted.total_seconds())} in all, could not be filled in",
            listed,
        )
