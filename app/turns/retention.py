"""For how long an assistant's messages are kept, where a setting says so: as the rule of the platform.

Each API sets it when it starts, so that CHAT_LOG_RETENTION_DAYS holds. Who changes the rule otherwise has it
until then. Without the setting, rules are left alone.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from app.channels.rows import ALL
from models.access import ASSISTANT, whoever_has_the_shell
from models.errors import ChatlogError
from sinks.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.channels.service import ChannelRules

log = logging.getLogger(__name__)

#: Whose word it is that a setting gives.
_OPERATOR = whoever_has_the_shell(acting_for="settings")


@asynccontextmanager
async def keeping_rule(rules: ChannelRules, days: int | None) -> AsyncIterator[None]:
    """Have the rule set, as soon as the database is there, while other things go on.

    Args:
        rules: of channels.
        days: how long messages are kept; None leaves the rule alone.
    """
    if days is None:
        yield
        return
    setting = asyncio.create_task(_set(rules, days), name="retention of assistants")
    try:
        yield
    finally:
        setting.cancel()
        with suppress(asyncio.CancelledError):
            await setting


async def _set(rules: ChannelRules, days: int) -> None:
    try:
        await RetryPolicy("CHAT_LOG_RETENTION_DAYS").run(lambda: _set_once(rules, days))
    except ChatlogError as error:
        log.error("CHAT_LOG_RETENTION_DAYS is not in force", extra={"error": str(error)})  # noqa: TRY400  said so


async def _set_once(rules: ChannelRules, days: int) -> None:
    known = await rules.in_force(_OPERATOR, ASSISTANT, ALL)
    if known and (known[0].platform, known[0].channel, known[0].retention_days) == (ASSISTANT, ALL, days):
        return
    await rules.set(_OPERATOR, ASSISTANT, ALL, {"retention_days": days})
    log.info("For how long an assistant's messages are kept is set", extra={"days": days})
