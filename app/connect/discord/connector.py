"""All shards of a bot, together: as whom, how many, where they were left, and what is remembered of them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import aiohttp
import msgspec

from agents.side_by_side import side_by_side
from app.connect.discord.identifying import GatewayForBots, SessionTurns
from app.connect.discord.positions import Positions
from app.connect.discord.progress import Position
from app.connect.discord.protocol import intents_of
from app.connect.discord.rest import Rest
from app.connect.discord.shard import Bot, Shard
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from app.connect.connector import Connector
    from app.settings.discord import DiscordSettings

log = logging.getLogger(__name__)

#: Where the REST API is, unless DISCORD_API_URL says otherwise.
API_URL = "https://discord.com/api/v10"
#: How often what shards have come to is written: after a kill, so much is told again.
REMEMBER_EVERY_S = 2.0
#: How long a stop may wait for Kafka, so that nothing has to be told again.
CONFIRM_WITHIN_S = 0.5


class Me(msgspec.Struct, frozen=True):
    """The bot that the token is of."""

    id: str


async def listen(connector: Connector, discord: DiscordSettings, data_dir: Path, shards: int | None) -> None:
    """Hear all servers that a bot is in, until cancelled.

    Args:
        connector: takes what is heard.
        discord: as which bot, and to what.
        data_dir: where to remember how far it came.
        shards: into how many to divide the servers; None for as many as Discord recommends.

    Raises:
        ConfigurationError: there is no token, or Discord refuses it, the intents or the number of shards.
        NotForUs: Discord does not talk to this machine.
    """
    token = discord.require_token()
    async with aiohttp.ClientSession(trust_env=True) as http:
        rest = Rest(http, discord.api_url or API_URL, token)
        me = await rest.get("/users/@me", Me)
        gateway = await rest.get("/gateway/bot", GatewayForBots)
        bot = Bot(
            token,
            intents_of(discord.intents),
            gateway.url,
            shards or gateway.shards,
            SessionTurns(gateway.session_start_limit),
        )
        positions = Positions(data_dir / f"connect-discord-{me.id}.json")
        remembered = await positions.read()
        known = {} if remembered else await connector.gap_log.heard_until()
        has_begun = asyncio.Event()
        by_name = {
            name: Shard(number, bot, http, rest, connector, _position(remembered, name), known, has_begun.set)
            for number in range(bot.shards)
            if (name := f"{number}/{bot.shards}")
        }
        try:
            await side_by_side(
                *(shard.run() for shard in by_name.values()), _remember(by_name, positions, has_begun)
            )
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CONFIRM_WITHIN_S):
                    await connector.handing_in.flush()
            with suppress(OSError):
                await positions.write(_now(by_name))


def _position(remembered: Mapping[str, Position], name: str) -> Position | None:
    """Return where a shard was left; if the servers were divided otherwise, since when none was heard."""
    if name in remembered or not remembered:
        return remembered.get(name)
    return Position(min(position.unheard_ms for position in remembered.values()))


async def _remember(shards: Mapping[str, Shard], positions: Positions, has_begun: asyncio.Event) -> NoReturn:
    """Write what shards have come to, now and then, and when a session has begun."""
    trouble = Trouble(log, over="What Discord's sessions have come to is remembered again")
    while True:
        try:
            await positions.write(_now(shards))
        except OSError as error:
            trouble.note(
                "What Discord's sessions have come to cannot be remembered: after a restart, edits and "
                "deletions of the meantime are missed; see to DATA_DIR",
                {"error": repr(error)},
            )
        else:
            trouble.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(REMEMBER_EVERY_S):
                await has_begun.wait()
        has_begun.clear()


def _now(shards: Mapping[str, Shard]) -> dict[str, Position]:
    return {name: position for name, shard in shards.items() if (position := shard.position) is not None}
