"""For how long messages of threads are kept is a rule of the platform, which a setting may say."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.channels.rows import ALL, CannotSet
from app.channels.service import ChannelRules
from app.postgres.connections import create_pool
from models.access import THREADS, whoever_has_the_shell
from tests.services import changed, eventually
from tests.site.fixtures import serve

if TYPE_CHECKING:
    from app.settings import Settings

OPERATOR = whoever_has_the_shell()


def names_of_tasks() -> set[str]:
    """Return what is under way in this process, the application's own among it."""
    return {task.get_name() for task in asyncio.all_tasks()}


async def test_it_is_a_year_until_somebody_says_otherwise(system: Settings) -> None:
    pool = await create_pool(system.database)
    rules = ChannelRules(pool)

    async def days() -> int | None:
        return (await rules.in_force(OPERATOR, THREADS, ALL))[0].retention_days

    try:
        async with serve(system):

            async def is_a_year() -> bool:
                known = await rules.in_force(OPERATOR, THREADS, ALL)
                return bool(known) and known[0].retention_days == 365

            await eventually(is_a_year)
        async with serve(changed(system, message_retention_days=30)):

            async def is_set() -> bool:
                return await days() == 30

            await eventually(is_set)
        async with serve(system):
            # The default of the setting is no reason to set it; and it was looked at.
            await eventually(lambda: "retention of threads" not in names_of_tasks())
            assert await days() == 30
        with pytest.raises(CannotSet, match="retention_days alone"):
            await rules.set(OPERATOR, THREADS, ALL, {"sampling_rate": 0.5})
        await rules.set(OPERATOR, THREADS, "acme", {"retention_days": 7, "sampling_rate": None})
    finally:
        await pool.close()
