"""Monthly partitions of chat_log, made ahead while a worker runs, so that nobody has to remember to.

Rows of a month without a partition go to the default partition and are moved when it is made: being late
costs time, never a row.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements

if TYPE_CHECKING:
    import asyncpg

log = logging.getLogger(__name__)

_MAKE = statements("partitions").make_partitions
#: Often enough for three months ahead, by any number of workers: when nothing is missing, nothing is locked.
EVERY_S = 6 * 60 * 60.0
#: After a failure: PostgreSQL was away, or a long query held the table.
AGAIN_AFTER_S = 5 * 60.0


async def keep_partitions_ahead(pool: asyncpg.Pool) -> None:
    """Make the partitions that are missing, now and again, until cancelled.

    A failure is logged and tried again later. It never stops the worker, as rows have a place meanwhile.
    """
    while True:
        made = await _make(pool)
        await asyncio.sleep(EVERY_S if made else AGAIN_AFTER_S)


async def _make(pool: asyncpg.Pool) -> bool:
    try:
        made = await pool.fetch(_MAKE)
    except DRIVER_ERRORS as error:
        log.warning(
            "Partitions could not be made ahead; tried again later", extra={"error": str(classify(error))}
        )
        return False
    if made:
        log.info("Partitions were made ahead", extra={"partitions": [row[0] for row in made]})
    return True
