"""Twitch's chat as its IRC is spoken, in a process of its own: what the tests of the connector connect to.

    python -m tests.connect.irc_server CERTIFICATE KEY

TLS, a login, CAP, JOIN with the limit that Twitch has (who goes over it is cut off), PING and RECONNECT. A
line of JSON on standard input tells it what to do, and it answers with one: first with its port.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections import deque
from typing import Any
from zlib import crc32

JOINS, JOINS_WITHIN_S = 20, 10.0
#: What Twitch wants in place of a password.
TOKEN = "oauth:right"
SUSPENDED = "suspended"
#: Channels that nobody has: Twitch says nothing when they are joined.
NOWHERE = "nowhere"


def room_id(login: str) -> str:
    return str(crc32(login.encode()))


class Client:
    """One connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.nick = "*"
        self.password = ""
        self.channels: set[str] = set()
        self.capabilities: set[str] = set()

    def send(self, line: str | bytes) -> None:
        self.writer.write((line if isinstance(line, bytes) else line.encode()) + b"\r\n")


class IrcServer:
    """All that a test may have it do."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.joins: dict[str, deque[float]] = {}
        self.seen = {"connections": 0, "over_the_limit": 0, "joins": 0, "most_at_once": 0}
        self.logins: list[str] = []
        #: Takes what it is sent, and says nothing, as a network that is cut.
        self.is_silent = False
        self.refuses = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(writer)
        if self.refuses:
            writer.transport.abort()
            return
        self.clients.append(client)
        self.seen["connections"] += 1
        self.seen["most_at_once"] = max(self.seen["most_at_once"], len(self.clients))
        try:
            while line := await reader.readline():
                if not self.is_silent:
                    self._answer(client, line.decode().rstrip("\r\n"))
        except OSError:
            writer.transport.abort()
        finally:
            self.clients.remove(client)
            writer.transport.abort()

    def _answer(self, client: Client, line: str) -> None:
        command, _, rest = line.partition(" ")
        if command == "CAP":
            asked = rest.partition(":")[2]
            client.capabilities.update(asked.split())
            client.send(f":tmi.twitch.tv CAP * ACK :{asked}")
        elif command == "PASS":
            client.password = rest
        elif command == "NICK":
            self._log_in(client, rest)
        elif command == "PING":
            client.send(f":tmi.twitch.tv PONG tmi.twitch.tv {rest}")
        elif command == "JOIN":
            for channel in rest.split(","):
                self._join(client, channel.removeprefix("#"))

    def _log_in(self, client: Client, nick: str) -> None:
        if not nick.startswith("justinfan") and client.password != TOKEN:
            client.send(":tmi.twitch.tv NOTICE * :Login authentication failed")
            client.writer.close()
            return
        client.nick = nick
        self.logins.append(nick)
        for number, text in (("001", "Welcome, GLHF!"), ("002", "Your host is tmi.twitch.tv"), ("376", ">")):
            client.send(f":tmi.twitch.tv {number} {nick} :{text}")

    def _join(self, client: Client, login: str) -> None:
        self.seen["joins"] += 1
        recent = self.joins.setdefault(client.nick, deque())
        recent.append(time.monotonic())
        while recent[0] < time.monotonic() - JOINS_WITHIN_S:
            recent.popleft()
        if len(recent) > JOINS:
            self.seen["over_the_limit"] += 1
            client.writer.transport.abort()
        elif login == SUSPENDED:
            client.send(
                f"@msg-id=msg_channel_suspended :tmi.twitch.tv NOTICE #{login} "
                ":This channel does not exist or has been suspended."
            )
        elif login != NOWHERE:
            client.channels.add(login)
            nick = client.nick
            client.send(f":{nick}!{nick}@{nick}.tmi.twitch.tv JOIN #{login}")
            client.send(f":{nick}.tmi.twitch.tv 353 {nick} = #{login} :{nick}")
            client.send(f"@emote-only=0;room-id={room_id(login)};slow=0 :tmi.twitch.tv ROOMSTATE #{login}")

    async def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Do what a test asks for."""
        what = order["do"]
        if what == "say":
            return {"heard_by": sum(map(self._say, order["lines"]))}
        if what == "reconnect":
            for client in list(self.clients):
                client.send(":tmi.twitch.tv RECONNECT")
                if order["cut"]:
                    client.writer.close()
        elif what == "cut":
            for client in list(self.clients):
                client.writer.transport.abort()
        elif what == "set":
            self.is_silent = order.get("silent", self.is_silent)
            self.refuses = order.get("refuses", self.refuses)
        elif what == "send":
            for client in self.clients:
                client.writer.write(bytes.fromhex(order["hex"]))
        here = {login for client in self.clients for login in client.channels}
        return self.seen | {"now": len(self.clients), "channels": sorted(here), "logins": self.logins}

    def _say(self, line: str) -> bool:
        """Send a line to all who are in its channel; nobody else will ever hear it."""
        channel = line.partition(" #")[2].split(" ")[0]
        if self.is_silent:
            return False
        there = [one for one in self.clients if channel in one.channels and not one.writer.is_closing()]
        for client in there:
            client.send(line)
        return bool(there)


async def main(certificate: str, key: str) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server = IrcServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    print(json.dumps({"port": listening.sockets[0].getsockname()[1]}), flush=True)  # noqa: T201  to the test
    orders = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    while line := await orders.readline():
        print(json.dumps(await server.obey(json.loads(line))), flush=True)  # noqa: T201  to the test


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
