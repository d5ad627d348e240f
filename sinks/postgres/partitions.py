"""Monthly partitions of chat_log and messages, made ahead while a worker runs: nobody has to remember to.

Rows of a month without a partition go to a default partition and are moved when it is made: being late costs
time, never a row.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

log = logging.getLogger(__name__)

_SQL = statements("partitions")
_MAKE = _SQL.make_partitions
_MAKE_OF_MESSAGES = _SQL.make_message_partitions
#: Often enough for three months ahead, by any number of workers: when nothing is missing, nothing is locked.
EVERY_S = 6 * 60 * 60.0
#: After a failure: PostgreSQL was away, or a long query held the table.
AGAIN_AFTER_S = 5 * 60.0


async def keep_partitions_ahead(pool: asyncpg.Pool, platforms: Sequence[str]) -> None:
    """Make the partitions that are missing, now and again, until cancelled.

    A failure is logged and tried again later. It never stops the worker, as rows have a place meanwhile.

    Args:
        pool: connections of a user who may.
        platforms: those with a partition of `messages`. What holds one up does not hold up the others.
    """
    while True:
        made = [await _make(pool, _MAKE)]
        made += [await _make(pool, _MAKE_OF_MESSAGES, [platform]) for platform in platforms]
        await asyncio.sleep(EVERY_S if all(made) else AGAIN_AFTER_S)


async def keep_message_partitions_ahead(pool: asyncpg.Pool, platforms: Sequence[str]) -> None:
    """Make the partitions of `messages` that are missing, now and again, until cancelled.

    For a user who may not make those of chat_log; else as `keep_partitions_ahead` does.
    """
    while True:
        made = [await _make(pool, _MAKE_OF_MESSAGES, [platform]) for platform in platforms]
        await asyncio.sleep(EVERY_S if all(made) else AGAIN_AFTER_S)


async def _make(pool: asyncpg.Pool, statement: str, *arguments: list[str]) -> bool:
    try:
        made = await pool.fetch(statement, *arguments)
    except DRIVER_ERRORS as error:
        log.warning(
            "Partitions could not be made ahead; tried again later", extra={"error": str(classify(error))}
        )
        return False
    if made:
        log.info("Partitions were made ahead", extra={"partitions": [row[0] for row in made]})
    return True
