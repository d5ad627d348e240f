"""Rules of channels, for the benchmarks: as if they had held for a year."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.chatter import channel_of
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.services import Services

_SQL = statements("crowd", "benchmarks.sql")


async def set_rules(
    services: Services, platform: str, rates: Sequence[float], *, keep_raw: bool = True
) -> None:
    """Give channels a rule each, and have the platform keep events as they came, or not.

    Args:
        services: with empty tables of rules.
        platform: whose channels.
        rates: at which the first channels are sampled, the largest first.
        keep_raw: what holds for all of its channels.
    """
    connection = await services.connect()
    try:
        channels = [channel_of(room) for room in range(len(rates))]
        days = [7 * (1 + room % 8) for room in range(len(rates))]
        await connection.execute(_SQL.set_rules, platform, channels, list(rates), days)
        await connection.execute(_SQL.set_default, platform, keep_raw)
    finally:
        await connection.close()
