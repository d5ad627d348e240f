"""One shard of a bot: stays connected to the gateway, hands in what it hears, and has fetched what it missed.

A session outlives its connections, and this process: as long as Discord keeps it, it is taken up after the
last event that is in Kafka. Only what no session tells any more is a gap, and is fetched from the history.
While Kafka is away, so much is kept (CONNECT_BUFFER_BYTES); then nobody reads, and the rest is Discord's to
keep, or is a gap.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import msgspec

from agents.side_by_side import side_by_side
from app.connect.discord.catching_up import CatchingUp
from app.connect.discord.connection import Connection, ConnectionEnded, connected
from app.connect.discord.history import Time
from app.connect.discord.progress import GatewaySession, Position, ShardProgress
from app.connect.discord.protocol import (
    REFUSALS,
    Ending,
    Intent,
    Op,
    Payload,
    SessionBegun,
    UnavailableGuild,
    ending_by,
    identify,
    resume,
)
from app.connect.discord.servers import Server, told_threads
from app.connect.handing_in import RawEvent
from app.connect.hearing import Ear, Missed
from app.settings import ConfigurationError
from models.platforms import PLATFORMS
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import aiohttp

    from app.connect.connector import Connector
    from app.connect.discord.identifying import SessionTurns
    from app.connect.discord.rest import Rest

log = logging.getLogger(__name__)

#: As what the gap log knows direct messages, which are in no server. They cannot be fetched.
DIRECT_MESSAGES = "@me"
#: How long to wait before connecting again, at most; less at first.
RECONNECT_MOST_S = 30.0
#: How long to wait after a session was refused, at least and at most, as Discord asks for.
BEGIN_ANEW_S = (1.0, 5.0)

_key_of = PLATFORMS["discord"].key_of


@dataclass(frozen=True, slots=True)
class Bot:
    """As whom to listen, where, and to what.

    Attributes:
        token: of the bot; a secret.
        intents: which events it asks for.
        gateway: where sessions begin.
        shards: into how many its servers are divided.
        turns: lets them begin their sessions.
    """

    token: str
    intents: Intent
    gateway: str
    shards: int
    turns: SessionTurns


class Shard:
    """A shard, which listens while `run` runs.

    Args:
        number: which of the bot's.
        bot: whose.
        http: for the connections.
        rest: for the history.
        connector: takes what is heard.
        position: as it was remembered; None if nothing was.
        known: up to when each server was heard, as far as the gap log knows; for want of a position.
        has_begun: is called when a session has begun, which is to be remembered.
    """

    def __init__(
        self,
        number: int,
        bot: Bot,
        http: aiohttp.ClientSession,
        rest: Rest,
        connector: Connector,
        position: Position | None,
        known: Mapping[str, int],
        has_begun: Callable[[], None],
    ) -> None:
        self._number = number
        self._bot = bot
        self._http = http
        self._connector = connector
        self._progress = ShardProgress(position)
        self._catching_up = CatchingUp(rest, connector, self._put, self._have_fetched)
        self._known = known
        self._has_begun = has_begun
        self._ear: Ear | None = None
        #: Servers that have a fault of their own, and since when.
        self._away: dict[str, int] = {}
        self._failures = 0
        self._trouble = Trouble(log, over="Discord is heard again")
        #: Why what comes after the present session would be missed.
        self._reason = Missed.NOT_RUNNING
        if position is not None:
            self._go_on(position)

    @property
    def position(self) -> Position | None:
        """What is to be remembered now."""
        self._progress.confirm(self._connector.handing_in.confirmed)
        return self._progress.position

    async def run(self) -> None:
        """Listen, over all connections and sessions, and fetch what was missed, until cancelled.

        Raises:
            ConfigurationError: Discord refuses the token, the intents or the shards.
        """
        await side_by_side(self._stay_connected(), self._catching_up.run())

    async def _stay_connected(self) -> NoReturn:
        while True:
            session = self._progress.session
            # Where a session is to be taken up may be gone; the gateway takes it from anywhere.
            url = session.url if session is not None and self._failures % 2 == 0 else self._bot.gateway
            try:
                async with connected(self._http, url, self._sequence) as connection:
                    await self._listen(connection)
            except ConnectionEnded as ended:
                await self._after(ended)

    async def _listen(self, connection: Connection) -> NoReturn:
        if (session := self._progress.session) is not None:
            await connection.send(resume(self._bot.token, session.id, self._sequence() or session.sequence))
        else:
            await self._bot.turns.take(self._number)
            await connection.send(
                identify(self._bot.token, self._bot.intents, self._number, self._bot.shards)
            )
        while True:
            payload, text = await connection.receive()
            match payload.op:
                case Op.DISPATCH:
                    await self._hear(payload, text)
                case Op.HEARTBEAT_ACK if self._ear is not None:
                    self._reach(self._ear, connection.heard_ms)
                case Op.RECONNECT:
                    raise ConnectionEnded("asked to reconnect")
                case Op.INVALID_SESSION:
                    if bytes(payload.d) != b"true":
                        self._lose_session()
                    await asyncio.sleep(random.uniform(*BEGIN_ANEW_S))  # noqa: S311
                    raise ConnectionEnded("the session is not valid")

    async def _after(self, ended: ConnectionEnded) -> None:
        """Wait as long as is fit before the next connection."""
        ending = ending_by(ended.close_code)
        if ending is Ending.GIVE_UP and ended.close_code is not None:
            raise ConfigurationError(REFUSALS[ended.close_code])
        if ending is Ending.IDENTIFY:
            self._lose_session()
        self._trouble.note(
            "Discord is not heard; connecting again",
            {"shard": self._number, "reason": str(ended), "close_code": ended.close_code},
        )
        # Not all shards at once, after the gateway came back.
        await asyncio.sleep(min(2**self._failures - 1, RECONNECT_MOST_S) * random.uniform(0.5, 1))  # noqa: S311
        self._failures = min(self._failures + 1, 10)

    async def _hear(self, payload: Payload, text: bytes) -> None:
        if payload.s is None:
            return
        if payload.t == "READY":
            self._begin(msgspec.json.decode(payload.d, type=SessionBegun), payload.s)
        elif payload.t == "RESUMED":
            self._be_well("Discord's events go on where they were left")
        if not self._progress.is_new(payload.s):
            # It is on its way to Kafka since an earlier connection.
            return
        if payload.is_worth_keeping():
            await self._put(self._kept(payload, text))
        elif payload.t == "GUILD_DELETE":
            self._lose_sight_of(msgspec.json.decode(payload.d, type=UnavailableGuild))
        self._progress.hear(payload.s, self._connector.handing_in.taken)

    def _kept(self, payload: Payload, text: bytes) -> bytes:
        """Return what is handed in of an event: all of it, but for a server's members and the like."""
        if payload.t != "GUILD_CREATE":
            return text
        server = msgspec.json.decode(payload.d, type=Server)
        self._see(server)
        return told_threads(payload.t, server.id, server.threads, payload.s)

    async def _put(self, *events: bytes) -> None:
        await self._connector.handing_in.put(*(RawEvent(_key_of(event), event) for event in events))

    def _sequence(self) -> int | None:
        """Return the last event of the session that is in Kafka: no later one is ever acknowledged."""
        position = self.position
        return None if position is None or position.session is None else position.session.sequence

    def _reach(self, ear: Ear, heard_ms: int) -> None:
        """Note that all that was said until a time was handed in."""
        self._progress.reach(heard_ms, self._connector.handing_in.taken)
        ear.reached(heard_ms)

    def _go_on(self, position: Position) -> None:
        """Be as the process was that remembered this: its session can perhaps be taken up."""
        self._ear = self._new_ear(position.servers, 0)
        self._ear.reached(position.heard_ms)
        if position.missing_ms is not None:
            time_ = Time(position.missing_ms, _now_ms())
            self._catching_up.need(dict.fromkeys(position.servers, time_))
            for server in position.servers:
                self._catching_up.see(server)

    def _begin(self, ready: SessionBegun, sequence: int) -> None:
        """Begin to hear; what was heard by nobody is fetched, server by server, as they come into sight."""
        now_ms, before = _now_ms(), self.position
        self._lose_session()
        servers = [server.id for server in ready.guilds]
        unheard = {
            server: since_ms
            for server in servers
            if (since_ms := self._known.get(server) if before is None else before.unheard_ms) is not None
        }
        session = GatewaySession(ready.session_id, ready.resume_gateway_url, sequence)
        self._progress.begin(session, servers, min(unheard.values(), default=None), now_ms)
        self._catching_up.need({server: Time(since_ms, now_ms) for server, since_ms in unheard.items()})
        self._ear = self._new_ear(servers, now_ms)
        self._reach(self._ear, now_ms)
        self._be_well("A session with Discord began")
        self._has_begun()

    def _new_ear(self, servers: Iterable[str], since_ms: int) -> Ear:
        ear = self._connector.hearing.new_ear()
        for server in servers:
            ear.hears(server, since_ms)
        if Intent.DIRECT_MESSAGES in self._bot.intents and self._number == 0:
            ear.hears(DIRECT_MESSAGES, since_ms)
        self._connector.gap_log.wake()
        return ear

    def _lose_session(self) -> None:
        self._progress.lose_session()
        if self._ear is not None:
            self._ear.ends(self._reason)
            self._ear = None

    def _see(self, server: Server) -> None:
        """Note that a server is in sight: it was there all along, came back, or the bot was let in."""
        if server.unavailable or self._ear is None:
            return
        now_ms = _now_ms()
        self._progress.hear_of(server.id)
        self._ear.hears(server.id, now_ms)
        if (since_ms := self._away.pop(server.id, None)) is not None:
            # Of two events that are read at once, the gap ends when it began, and is in no time.
            self._catching_up.need_too(server.id, Time(min(since_ms, now_ms - 1), now_ms))
        self._catching_up.see(server.id)

    def _lose_sight_of(self, server: UnavailableGuild) -> None:
        """Note that a server has a fault of its own, or that the bot is in it no more."""
        if self._ear is not None:
            self._connector.hearing.shut_out(self._ear, server.id)
        if server.unavailable:
            now_ms = _now_ms()
            self._away.setdefault(server.id, now_ms)
            self._progress.miss(now_ms)
        else:
            self._progress.forget(server.id)
            self._catching_up.forget(server.id)

    def _have_fetched(self) -> None:
        if not self._away:
            self._progress.fetched()

    def _be_well(self, what: str) -> None:
        self._reason = Missed.CONNECTION
        self._failures = 0
        self._trouble.end()
        log.info(what, extra={"shard": self._number, "missing": len(self._catching_up)})


def _now_ms() -> int:
    return round(time.time() * 1000)
