"""One connection to Twitch's chat: IRC over TLS, with tags; lines are handed in as they come.

Streams of asyncio and no library of Twitch's or IRC's: those hand over events that they have parsed, and keep
what they do not know to themselves; here the line is what is kept. There is little to the protocol: a login,
JOIN, PING, and lines to read.

Twitch confirms nothing, and has no history. So the connection asks for a sign of life every few seconds: the
answer to a PING comes after all that was sent before it, and says up to when everything was heard.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.connect.handing_in import RawEvent
from app.connect.hearing import Missed
from app.settings import ConfigurationError
from models.platforms.twitch_irc import parse_line
from models.text import decode_text

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from app.connect.connector import Connector
    from app.connect.rate_limit import RateLimit
    from models.platforms.twitch_irc import IrcLine

log = logging.getLogger(__name__)

CONNECT_WITHIN_S = 10.0
#: How often a sign of life is asked for; a gap is told too long by that.
PING_EVERY_S = 5.0
#: A connection that says nothing for so long, although it is asked, is dead: a network that is cut is silent.
SILENT_AFTER_S = 20.0
#: How long Twitch may take to let us into channels. Of one that does not exist, it says nothing.
JOIN_WITHIN_S = 20.0
#: How often it is tried again with channels that we are not in.
REJOIN_EVERY_S = 60.0
#: Twitch's lines have 8 KiB of tags, and 512 bytes else.
MOST_LINE_BYTES = 64 * 1024
_READ_BYTES = 64 * 1024
#: With fewer PINGs than that under way, another makes sense: what Twitch does not read, it need not be sent.
_MOST_PINGS = 4

#: In these nothing is said or done in a room. All else is handed in, also what is not known.
_NOT_HANDED_IN = frozenset(
    {
        *("CAP", "GLOBALUSERSTATE", "HOSTTARGET", "JOIN", "NOTICE", "PART", "PING", "PONG", "RECONNECT"),
        *("ROOMSTATE", "USERSTATE", "WHISPER"),
    }
)
#: Why Twitch does not let anybody, or us, into a room: `msg-id` of its NOTICE.
_SHUT_OUT = frozenset(
    {"msg_banned", "msg_channel_blocked", "msg_channel_suspended", "msg_room_not_found", "tos_ban"}
)
#: So begin the NOTICEs that refuse a login.
_LOGIN_REFUSED = (
    "Login authentication failed",
    "Login unsuccessful",
    "Improperly formatted auth",
    "Invalid NICK",
)


@dataclass(frozen=True, slots=True)
class TwitchAccount:
    """As whom chat is read.

    Attributes:
        login: of an account; or `justinfan` and a number, by which one reads and cannot write.
        token: a user access token of that account; None for nobody's.
    """

    login: str
    token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Chat:
    """Where chat is, as whom it is read, and which rooms.

    Attributes:
        host: the server's name, which its certificate is for.
        port: its port.
        tls: by whose word it is trusted.
        account: as whom.
        logins: of the channels, in lower case.
        joins: how many rooms may be joined when.
    """

    host: str
    port: int
    tls: ssl.SSLContext
    account: TwitchAccount
    logins: tuple[str, ...]
    joins: RateLimit


class TwitchSession:
    """One connection, from its beginning to its end.

    Args:
        chat: what is read.
        connector: takes the lines.
        rooms: the ids of rooms by the channels' logins; what is learned is put there.
        before: connections that this one takes the place of, once it is in their rooms.

    Attributes:
        is_asked_to_go: whether Twitch has asked for another connection in its place.
    """

    def __init__(
        self, chat: Chat, connector: Connector, rooms: dict[str, str], before: Iterable[TwitchSession]
    ) -> None:
        self._chat = chat
        self._connector = connector
        self._rooms = rooms
        self._before = list(before)
        self._ear = connector.hearing.new_ear()
        #: When each PING was sent that is not answered yet; ms since 1970.
        self._pings: deque[int] = deque()
        self._writer: asyncio.StreamWriter | None = None
        #: The rooms, by login, that it is in. `_rooms_changed` is set when there are more, or fewer.
        self._joined: set[str] = set()
        self._rooms_changed = asyncio.Event()
        self._is_in = asyncio.Event()
        #: Since when a PING must have been answered for it to be closed; None while it is not to be.
        self._retires_at: int | None = None
        self.is_asked_to_go = asyncio.Event()

    @property
    def has_joined(self) -> bool:
        """Whether it was let into any room."""
        return bool(self._ear.since)

    async def run(self) -> None:
        """Connect and listen until the connection ends.

        Raises:
            OSError: there is no connection, or it ends without a word.
            ConfigurationError: Twitch refuses the login.
        """
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                reader, self._writer = await asyncio.open_connection(
                    self._chat.host, self._chat.port, ssl=self._chat.tls, limit=_READ_BYTES
                )
            self._log_in()
            async with asyncio.TaskGroup() as beside:
                tasks = [beside.create_task(self._keep_joined()), beside.create_task(self._ping())]
                try:
                    await self._listen(reader)
                finally:
                    for task in tasks:
                        task.cancel()
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            # Of a process that stops, nothing is heard any more for another reason than the connection's.
            if not _is_being_cancelled():
                self._ear.ends(Missed.ASKED if self.is_asked_to_go.is_set() else Missed.CONNECTION)
                self._connector.gap_log.wake()
            if self._writer is not None:
                self._writer.transport.abort()

    def retire(self) -> None:
        """Have it end as soon as it has heard all that was said up to now."""
        self._retires_at = _now_ms()
        self._send_ping()

    def _log_in(self) -> None:
        self._send("CAP REQ :twitch.tv/tags twitch.tv/commands")
        if self._chat.account.token is not None:
            self._send(f"PASS oauth:{self._chat.account.token.removeprefix('oauth:')}")
        self._send(f"NICK {self._chat.account.login}")

    def _send(self, line: str) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(f"{line}\r\n".encode())

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Read until the end of the stream, or of this connection's time."""
        rest = b""
        while not self._is_retired():
            # While Kafka is away, `put` keeps us from reading; that is no silence of Twitch's.
            async with asyncio.timeout(SILENT_AFTER_S):
                chunk = await reader.read(_READ_BYTES)
            if not chunk:
                raise ConnectionError("Twitch has ended the connection")
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > MOST_LINE_BYTES:
                raise ConnectionError("what comes is no line of IRC: it does not end")
            await self._take(line for part in lines if (line := part.removesuffix(b"\r")))

    async def _take(self, lines: Iterable[bytes]) -> None:
        """Hand lines in, in order with what is told between them."""
        events: list[RawEvent] = []
        for raw in lines:
            line = parse_line(decode_text(raw))
            if not (line.command in _NOT_HANDED_IN or line.command.isdigit()):
                events.append(RawEvent(self._key_of(line), raw))
                continue
            if line.command == "PONG" and self._pings:
                if events:
                    await self._connector.handing_in.put(*events)
                    events = []
                self._ear.reached(self._pings.popleft())
            self._mind(line)
        if events:
            await self._connector.handing_in.put(*events)

    def _key_of(self, line: IrcLine) -> str | None:
        """Return the room's id; of a line that does not tell it, as the room told it when we came in."""
        login = line.target.removeprefix("#")
        return line.tags.get("room-id") or self._rooms.get(login) or login or None

    def _mind(self, line: IrcLine) -> None:
        """Do what a line asks for that is of the connection, and of no room's talk."""
        login = line.target.removeprefix("#")
        if line.command == "PING":
            self._send(f"PONG :{line.target.removeprefix(':')}")
        elif line.command == "001":
            self._is_in.set()
        elif line.command == "CAP" and " NAK " in f" {line.text} ":
            raise ConnectionError("Twitch does not give us tags and commands")
        elif line.command == "ROOMSTATE" and (room := line.tags.get("room-id")):
            self._rooms[login] = room
            self._joined.add(login)
            self._ear.hears(room, _now_ms())
            self._rooms_changed.set()
        elif line.command == "RECONNECT":
            self.is_asked_to_go.set()
        elif line.command == "NOTICE":
            self._mind_notice(login, line)

    def _mind_notice(self, login: str, line: IrcLine) -> None:
        said = line.text or ""
        if said.startswith(_LOGIN_REFUSED):
            raise ConfigurationError(
                f"TWITCH_LOGIN, TWITCH_TOKEN: Twitch refuses them ({said}); accepted: the login of an "
                "account and a user access token of it with the scope chat:read, or neither of both"
            )
        if line.tags.get("msg-id") in _SHUT_OUT:
            log.warning("Twitch does not let us into a channel", extra={"channel": login, "said": said})
            if login in self._joined:
                self._joined.remove(login)
                self._connector.hearing.shut_out(self._ear, self._rooms[login])
                self._connector.gap_log.wake()

    async def _keep_joined(self) -> None:
        """Join the rooms, as fast as one may; have the connections before this one end; and try again."""
        await self._is_in.wait()
        told: list[str] | None = None
        while True:
            await self._join()
            if (missing := self._missing()) != told:
                told = missing
                log.info("In Twitch's chat", extra={"channels": len(self._joined)})
                if missing:
                    log.warning(
                        "Twitch has not let us into channels: do they exist? It is tried again and again",
                        extra={"channels": missing},
                    )
            self._connector.gap_log.wake()
            for session in self._before:
                session.retire()
            self._before.clear()
            await asyncio.sleep(REJOIN_EVERY_S)

    async def _join(self) -> None:
        """Join what is missing; return when we are in, or Twitch has had its time."""
        for login in self._missing():
            await self._chat.joins.turn()
            self._send(f"JOIN #{login}")
        try:
            async with asyncio.timeout(JOIN_WITHIN_S):
                while self._missing():
                    self._rooms_changed.clear()
                    await self._rooms_changed.wait()
        except TimeoutError:
            return  # the caller sees what is missing

    def _missing(self) -> list[str]:
        return [login for login in self._chat.logins if login not in self._joined]

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_EVERY_S)
            if len(self._pings) < _MOST_PINGS:
                self._send_ping()

    def _send_ping(self) -> None:
        self._pings.append(_now_ms())
        self._send("PING :chatlog")

    def _is_retired(self) -> bool:
        return self._retires_at is not None and self._ear.reaches >= self._retires_at


def _now_ms() -> int:
    return round(time.time() * 1000)


def _is_being_cancelled() -> bool:
    """Tell whether the process stops: then it is not heard for another reason than the connection's."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
