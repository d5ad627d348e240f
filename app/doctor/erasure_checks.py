"""Whether learners wait to be erased for longer than that takes, as `chatlog check` tells it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg

from app.doctor.findings import Finding, Level
from app.privacy.erasing import overdue_in
from app.web.words import counted, duration
from sinks.sql import statements

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

_SEE_ALL = statements("doctor").see_all_tenants


async def check_erasures(connection: Connection) -> list[Finding]:
    """Tell that learners wait for over an hour to be erased.

    Nothing if none does, or if the table is not there yet, or is not for this user to read.
    """
    try:
        async with connection.transaction(readonly=True):
            await connection.execute(_SEE_ALL)
            overdue = await overdue_in(connection, None)
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        return []
    if overdue is None:
        return []
    since = duration((datetime.now(UTC) - overdue.since).total_seconds())
    return [
        Finding(
            "erasure",
            Level.WRONG,
            f"{counted(overdue.many, 'learner')} asked to be erased and not yet, the first for {since}",
            "start an API, which erases; `trouble` in chat_deletion_logs says what holds it up",
        )
    ]
