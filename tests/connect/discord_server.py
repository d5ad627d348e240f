"""Discord, as far as a bot that listens sees it, in a process of its own: the gateway and the REST API.

    python -m tests.connect.discord_server PORT

It keeps to the protocol, and counts who does not. What happens in it, tests tell it by `POST /control/NAME`;
what it knows, they read by `GET /control/state`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import zlib
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

TOKEN = "a-bot's-token"
BOT = "1312000000000000404"
EPOCH_MS = 1_420_070_400_000
#: Short, so that tests need not wait for what takes some of them.
HEARTBEAT_MS = 400
#: Of one path: so many questions in so many seconds.
RATE, RATE_S = 5, 0.2
FINISHED = {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}


@dataclass
class Channel:
    id: str
    guild: str
    type: int = 0
    parent: str | None = None
    #: By id, as the REST API tells them.
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    #: Seen by the bot, though not what was said before.
    hides_history: bool = False
    #: Not seen by the bot.
    is_shut: bool = False
    archived: str | None = None

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "id": self.id,
            "type": self.type,
            "name": f"n-{self.id}",
            "parent_id": self.parent,
        }
        told["last_message_id"] = str(max(self.messages)) if self.messages else None
        if self.parent is not None:
            told["thread_metadata"] = {
                "archived": bool(self.archived),
                "archive_timestamp": self.archived or _iso(),
            }
        return told


@dataclass
class Session:
    id: str
    shard: int
    shards: int
    sequence: int = 0
    sent: deque[tuple[int, str]] = field(default_factory=deque)
    socket: Socket | None = None


class Socket:
    """A websocket whose payloads are compressed in one stream."""

    def __init__(self, ws: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.ws = ws
        self.transport = transport
        self._stream = zlib.compressobj()

    async def send(self, text: str) -> None:
        frame = self._stream.compress(text.encode()) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        with suppress(ConnectionError):
            await self.ws.send_bytes(frame)


class Discord:
    def __init__(self, port: int) -> None:
        self.port = port
        self.shards = 1
        self.guilds: list[str] = ["1312000000000000101"]
        self.channels: dict[str, Channel] = {}
        self.sessions: dict[str, Session] = {}
        self.counts: Counter[str] = Counter()
        self.acknowledged: dict[str, int] = {}
        self.answers_heartbeats = True
        self.is_away = False
        #: Whether what is said is told to nobody, as where a server has a fault of its own.
        self.is_silent = False
        self.refuses: int | None = None
        self._asked: dict[str, deque[float]] = {}
        self._last_id = 0

    # What happens.

    def _new_id(self, ago_s: float = 0) -> int:
        at = int((time.time() - ago_s) * 1000) - EPOCH_MS
        self._last_id = max(self._last_id + 1, at << 22)
        return self._last_id

    async def channel(self, name: str, guild: str | None = None, **how: Any) -> None:
        channel = self.channels[name] = Channel(name, guild or self.guilds[0], **how)
        if channel.parent is not None:
            await self._dispatch(
                "THREAD_CREATE", channel.guild, {**channel.told(), "guild_id": channel.guild}
            )

    async def change(self, channel: str, **how: Any) -> None:
        for name, value in how.items():
            setattr(self.channels[channel], name, value)

    async def say(self, channel: str, texts: list[str]) -> list[str]:
        said = []
        for text in texts:
            message = self._message(channel, text)
            self.channels[channel].messages[int(message["id"])] = message
            said.append(message["id"])
            await self._dispatch("MESSAGE_CREATE", self.channels[channel].guild, message)
        return said

    def _message(self, channel: str, text: str) -> dict[str, Any]:
        author = {"id": "1312000000000001001", "username": "nia", "global_name": "Nia", "discriminator": "0"}
        return {
            "id": str(self._new_id()),
            "type": 0,
            "channel_id": channel,
            "content": text,
            "author": author,
            "timestamp": _iso(),
            "edited_timestamp": None,
            "mentions": [],
            "attachments": [],
            "embeds": [],
        }

    async def edit(self, channel: str, message: str, text: str) -> None:
        edited = self.channels[channel].messages[int(message)]
        edited |= {"content": text, "edited_timestamp": _iso()}
        await self._dispatch("MESSAGE_UPDATE", self.channels[channel].guild, edited)

    async def delete(self, channel: str, message: str) -> None:
        del self.channels[channel].messages[int(message)]
        await self._dispatch(
            "MESSAGE_DELETE", self.channels[channel].guild, {"id": message, "channel_id": channel}
        )

    async def typing(self, channel: str) -> None:
        await self._dispatch("TYPING_START", self.channels[channel].guild, {"channel_id": channel})

    async def event(self, name: str, guild: str, data: dict[str, Any]) -> None:
        await self._dispatch(name, guild, data)

    async def be_gone_for_a_moment(self, guild: str, channel: str) -> list[str]:
        """Have a server have a fault in which something is said, and be over it before anybody can look."""
        await self.event("GUILD_DELETE", guild, {"id": guild, "unavailable": True})
        self.is_silent = True
        missed = await self.say(channel, ["not heard"])
        self.is_silent = False
        await self.event("GUILD_CREATE", guild, {"id": guild, "threads": []})
        return missed

    async def _dispatch(self, name: str, guild: str, data: dict[str, Any]) -> None:
        if self.is_silent and name.startswith("MESSAGE_"):
            return
        for session in list(self.sessions.values()):
            if (int(guild) >> 22) % session.shards == session.shard:
                await self._tell(session, name, {"guild_id": guild, **data})

    async def _tell(self, session: Session, name: str, data: dict[str, Any]) -> None:
        session.sequence += 1
        text = json.dumps({"t": name, "s": session.sequence, "op": 0, "d": data})
        session.sent.append((session.sequence, text))
        if session.socket is not None:
            await session.socket.send(text)

    # What goes wrong.

    async def cut(self) -> None:
        """The network loses every connection, without a word."""
        for session in self.sessions.values():
            if session.socket is not None and session.socket.transport is not None:
                session.socket.transport.abort()
            session.socket = None

    async def ask_to_reconnect(self) -> None:
        for session in list(self.sessions.values()):
            if session.socket is not None:
                await session.socket.send(json.dumps({"op": 7, "d": None, "t": None, "s": None}))

    async def forget_sessions(self) -> None:
        """Nothing can be taken up any more."""
        await self.cut()
        self.sessions.clear()

    async def close_with(self, code: int) -> None:
        for session in list(self.sessions.values()):
            if session.socket is not None:
                socket, session.socket = session.socket, None
                await socket.ws.close(code=code)

    async def set(self, **how: Any) -> None:
        for name, value in how.items():
            setattr(self, name, value)

    # The gateway.

    async def gateway(self, request: web.Request) -> web.StreamResponse:
        if self.is_away:
            return web.Response(status=503)
        if request.query != {"v": "10", "encoding": "json", "compress": "zlib-stream"}:
            return web.Response(status=400)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        transport = request.transport
        assert transport is None or isinstance(transport, asyncio.Transport)
        socket, session = Socket(ws, transport), None
        await socket.send(
            json.dumps({"op": 10, "d": {"heartbeat_interval": HEARTBEAT_MS}, "t": None, "s": None})
        )
        while (message := await ws.receive()).type not in FINISHED:
            payload = json.loads(message.data)
            match payload["op"]:
                case 1:
                    await self._beat(socket, session, payload["d"])
                case 2:
                    session = await self._identify(socket, payload["d"])
                case 6:
                    session = await self._resume(socket, payload["d"])
        if session is not None and session.socket is socket:
            session.socket = None
            if ws.close_code in {1000, 1001}:
                del self.sessions[session.id]
        return ws

    async def _beat(self, socket: Socket, session: Session | None, sequence: int | None) -> None:
        self.counts["heartbeats"] += 1
        if session is not None and sequence is not None:
            self.acknowledged[session.id] = sequence
        if self.answers_heartbeats:
            await socket.send(json.dumps({"op": 11, "d": None, "t": None, "s": None}))

    async def _identify(self, socket: Socket, told: dict[str, Any]) -> Session | None:
        if told["token"] != TOKEN or self.refuses is not None:
            await socket.ws.close(code=self.refuses or 4004)
            return None
        self.counts["identified"] += 1
        shard, shards = told["shard"]
        session = Session(f"s-{self.counts['identified']}-{time.time_ns()}", shard, shards, socket=socket)
        self.sessions[session.id] = session
        mine = [guild for guild in self.guilds if (int(guild) >> 22) % shards == shard]
        await self._tell(
            session,
            "READY",
            {
                "v": 10,
                "session_id": session.id,
                "resume_gateway_url": f"ws://127.0.0.1:{self.port}/gateway",
                "guilds": [{"id": guild, "unavailable": True} for guild in mine],
            },
        )
        for guild in mine:
            told_channels = [each.told() for each in self.channels.values() if each.guild == guild]
            told = {
                "id": guild,
                "channels": [each for each in told_channels if each["parent_id"] is None],
                "threads": [each for each in told_channels if each["parent_id"] is not None],
                "members": [{"user": {"id": "1312000000000001001", "username": "nia"}}],
                "presences": [{"user": {"id": "1312000000000001001"}, "status": "idle"}],
            }
            await self._tell(session, "GUILD_CREATE", told)
        return session

    async def _resume(self, socket: Socket, told: dict[str, Any]) -> Session | None:
        if told["token"] != TOKEN:
            await socket.ws.close(code=4004)
            return None
        session = self.sessions.get(told["session_id"])
        if session is None:
            self.counts["not resumed"] += 1
            await socket.send(json.dumps({"op": 9, "d": False, "t": None, "s": None}))
            return None
        self.counts["resumed"] += 1
        session.socket = socket
        for sequence, text in list(session.sent):
            if sequence > told["seq"]:
                await socket.send(text)
        await self._tell(session, "RESUMED", {})
        return session

    # The REST API.

    async def rest(self, request: web.Request) -> web.Response:
        if self.is_away:
            return web.Response(status=503)
        if request.headers.get("Authorization") != f"Bot {TOKEN}":
            return web.json_response({"message": "401: Unauthorized"}, status=401)
        if not request.headers.get("User-Agent", "").startswith("DiscordBot ("):
            return web.json_response({"message": "no user agent"}, status=403)
        path, now = request.path, time.monotonic()
        asked = self._asked.setdefault(path, deque())
        while asked and asked[0] <= now - RATE_S:
            asked.popleft()
        if len(asked) >= RATE:
            self.counts["too many"] += 1
            retry_after = asked[0] + RATE_S - now
            return web.json_response({"retry_after": retry_after, "global": False}, status=429)
        asked.append(now)
        self.counts["asked"] += 1
        headers = {
            "X-RateLimit-Remaining": str(RATE - len(asked)),
            "X-RateLimit-Reset-After": f"{asked[0] + RATE_S - now:.3f}",
        }
        status, answer = self._answer(path.removeprefix("/api/v10").strip("/").split("/"), request.query)
        return web.json_response(answer, status=status, headers=headers)

    def _answer(self, path: list[str], query: Any) -> tuple[int, Any]:
        match path:
            case ["users", "@me"]:
                return 200, {"id": BOT, "username": "a-bot"}
            case ["gateway", "bot"]:
                limit = {"total": 1000, "remaining": 900, "reset_after": 60_000, "max_concurrency": 16}
                url = f"ws://127.0.0.1:{self.port}/gateway"
                return 200, {"url": url, "shards": self.shards, "session_start_limit": limit}
            case ["guilds", guild, "channels"]:
                found = [
                    each for each in self.channels.values() if each.guild == guild and each.parent is None
                ]
                return 200, [each.told() for each in found]
            case ["guilds", guild, "threads", "active"]:
                threads = [each for each in self.channels.values() if each.guild == guild and each.parent]
                return 200, {"threads": [each.told() for each in threads if not each.archived], "members": []}
            case ["channels", channel, "threads", "archived", "private"]:
                return 403, {"message": "Missing Permissions", "code": 50013}
            case ["channels", channel, "threads", "archived", "public"]:
                archived = [
                    each.told()
                    for each in self.channels.values()
                    if each.parent == channel and each.archived and each.archived < query.get("before", "9")
                ]
                archived.sort(key=_archived_at, reverse=True)
                # Few at once, so that one answer is not all.
                return 200, {"threads": archived[:2], "members": [], "has_more": len(archived) > 2}
            case ["channels", channel, "messages"]:
                return self._page(self.channels[channel], int(query["after"]), int(query["limit"]))
        return 404, {"message": "404: Not Found"}

    def _page(self, channel: Channel, after: int, limit: int) -> tuple[int, Any]:
        """The oldest ones after an id; the newest of them first, as Discord has it."""
        if channel.is_shut:
            return 403, {"message": "Missing Access", "code": 50001}
        if channel.hides_history:
            return 200, []
        ids = sorted(each for each in channel.messages if each > after)[:limit]
        return 200, [channel.messages[each] for each in reversed(ids)]

    # For tests.

    async def control(self, request: web.Request) -> web.Response:
        happens = getattr(self, request.match_info["name"])
        return web.json_response(await happens(**await request.json()))

    async def state(self, _: web.Request) -> web.Response:
        connected = [each for each in self.sessions.values() if each.socket is not None]
        return web.json_response(
            {
                "counts": self.counts,
                "connected": sorted(each.shard for each in connected),
                "acknowledged": max(self.acknowledged.values(), default=0),
                "last": {each.id: each.sequence for each in self.sessions.values()},
                "messages": {name: sorted(map(str, each.messages)) for name, each in self.channels.items()},
            }
        )


def _archived_at(thread: dict[str, Any]) -> str:
    return str(thread["thread_metadata"]["archive_timestamp"])


def _iso() -> str:
    now_ms = int(time.time() * 1000)
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ms / 1000))
    return f"{at}.{now_ms % 1000:03d}000+00:00"


def main() -> None:
    port = int(sys.argv[1])
    discord = Discord(port)
    app = web.Application()
    app.router.add_get("/gateway/", discord.gateway)
    app.router.add_get("/api/v10/{path:.*}", discord.rest)
    app.router.add_post("/control/{name}", discord.control)
    app.router.add_get("/control/state", discord.state)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    main()
