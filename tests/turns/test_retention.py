"""For how long an assistant's messages are kept: what the setting says is the rule of the platform."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.services import changed, eventually
from tests.site.fixtures import serve
from tests.site.owners import execute, fetch_value

if TYPE_CHECKING:
    from app.settings import Settings

_RULES = "SELECT array_agg(platform || '/' || channel || ' ' || retention_days) FROM chat_logging_config"
_VERSIONS = "SELECT count(*) FROM chat_logging_config_versions WHERE platform = 'assistant'"


async def test_the_setting_is_the_rule_of_the_platform_once_an_api_has_started(system: Settings) -> None:
    await execute(
        system, "INSERT INTO chat_logging_config (platform, channel, bots) VALUES ('assistant', '*', false)"
    )

    async def is_90_days() -> bool:
        rules = await fetch_value(system, _RULES)
        return "assistant/* 90" in rules

    def is_set() -> bool:
        return "retention of assistant" not in {task.get_name() for task in asyncio.all_tasks()}

    for _ in range(2):
        async with serve(changed(system, chat_log_retention_days=90)):
            await eventually(is_set)
        assert await is_90_days()
    versions = await fetch_value(system, _VERSIONS)
    async with serve(system):
        pass

    assert await is_90_days(), "unset, the rule stays as it is"
    assert versions == await fetch_value(system, _VERSIONS) == 2, "and what is set already is not set again"
    assert (
        await fetch_value(system, "SELECT bots FROM chat_logging_config WHERE platform = 'assistant'")
        is False
    )
