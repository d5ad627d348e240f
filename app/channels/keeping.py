"""For how long the messages of a platform are to be kept, where a setting says so: noted as its rule.

Each API sets it when it starts, so that the setting holds. Who changes the rule otherwise has it until then.
Without the setting, rules are left alone.
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
async def keeping_rule(
    rules: ChannelRules,
    days: int | None,
    *,
    platform: str = ASSISTANT,
    setting: str = "CHAT_LOG_RETENTION_DAYS",
    is_default: bool = False,
) -> AsyncIterator[None]:
    """Have the rule set, as soon as the database is there, while other things go on.

    Args:
        rules: of channels.
        days: how long messages are to be kept; None leaves the rule alone.
        platform: of which platform.
        setting: what says so.
        is_default: whether nobody set it: then it holds where there is no rule of the platform.
    """
    if days is None:
        yield
        return
    task = asyncio.create_task(
        _set(rules, days, platform, setting, is_default=is_default), name=f"retention of {platform}"
    )
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _set(rules: ChannelRules, days: int, platform: str, setting: str, *, is_default: bool) -> None:
    try:
        await RetryPolicy(setting).run(lambda: _set_once(rules, days, platform, is_default=is_default))
    except ChatlogError as error:
        log.error("A setting is not in force", extra={"setting": setting, "error": str(error)})  # noqa: TRY400  said so


async def _set_once(rules: ChannelRules, days: int, platform: str, *, is_default: bool) -> None:
    known = await rules.in_force(_OPERATOR, platform, ALL)
    of_the_platform = next((rule for rule in known if (rule.platform, rule.channel) == (platform, ALL)), None)
    if of_the_platform is not None and (is_default or of_the_platform.retention_days == days):
        return
    await rules.set(_OPERATOR, platform, ALL, {"retention_days": days})
    log.info("It is noted for how long messages are to be kept", extra={"platform": platform, "days": days})
