"""Bytes a message on the disk: of every table that it is written to or counted in, with indexes and TOAST."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app.postgres.connections import create_pool
from sinks.postgres.settling import Settler
from sinks.sql import statements

if TYPE_CHECKING:
    from benchmarks.services import Services

_SQL = statements("crowd", "benchmarks.sql")

#: What a message of Messenger is written to, and one of any other platform.
CHAT_LOG = ("chat_log",)
MESSAGES = (
    *("messages", "conversations", "message_days", "message_day_deltas"),
    *("people", "stays", "stay_deltas", "sampled_out"),
)
#: The document's crowd: so many messages an hour, for so many hours.
HOURLY, MONTH_H = 2_100_000, 30 * 24


async def settle(services: Services, platform: str) -> None:
    """Fold what waits to be counted, as a worker does every few seconds."""
    pool = await create_pool(services.settings.database, application_name="benchmarks", max_size=1)
    try:
        gap, at_once = timedelta(minutes=30), timedelta()
        await Settler(pool, [platform], (), stay_gap=gap, settle_after=at_once).settle()
    finally:
        await pool.close()


async def bytes_a_row(services: Services, tables: tuple[str, ...], rows: int) -> float:
    """Return what a message takes; room of deleted rows that others can use again is in it."""
    connection = await services.connect()
    try:
        await connection.execute(f"VACUUM {', '.join(tables)}")
        size_bytes: int = await connection.fetchval(_SQL.bytes_of, list(tables))
    finally:
        await connection.close()
    return round(size_bytes / rows, 1)


def gb_a_month(bytes_a_message: float) -> float:
    """Return what the document's crowd would take in a month, in GB (10^9 bytes)."""
    return round(bytes_a_message * HOURLY * MONTH_H / 1e9)
