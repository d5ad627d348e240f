"""Asks Discord's REST API, one question after another, and keeps within its limits.

https://docs.discord.com/developers/topics/rate-limits: each answer tells how many more there are in its
bucket, and after how long it is full again; one that comes too early is answered by 429 and how long to wait.
"""

from __future__ import annotations

import asyncio
import logging
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeVar

import aiohttp
import msgspec

from app.settings import ConfigurationError
from models.errors import ChatlogError, MustAct
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

#: How long one answer may take.
ANSWER_WITHIN_S = 30.0
#: Between two tries of what did not work, at first and at most.
RETRY_AFTER_S = 1.0
RETRY_AFTER_MOST_S = 60.0
#: Where it is said who asks, as Discord wants it; without it, answers are refused.
USER_AGENT = f"DiscordBot (chatlog, {version('chatlog')})"

Answer = TypeVar("Answer")


class NotForUs(ChatlogError):
    """Discord does not let the bot see this, or there is no such thing any more."""

    must_act = MustAct.OPERATOR


class _TooMany(msgspec.Struct, frozen=True):
    """What 429 tells: for how long nothing must be asked, in seconds, and whether of anything."""

    retry_after: float = RETRY_AFTER_S
    is_global: bool = msgspec.field(default=False, name="global")


class Rest:
    """Asks with a bot's token, one question at a time.

    Args:
        http: for the questions.
        base_url: of the API, with its version.
        token: of the bot.
    """

    def __init__(self, http: aiohttp.ClientSession, base_url: str, token: str) -> None:
        self._http = http
        self._base_url = base_url
        self._headers = {"Authorization": f"Bot {token}", "User-Agent": USER_AGENT}
        self._asking = asyncio.Lock()
        #: When what may be asked again, by the part of the path that has a limit of its own (monotonic).
        self._not_before: dict[str, float] = {}
        self._nothing_before = 0.0
        self._trouble = Trouble(log, over="Discord's REST API answers again")

    async def get(self, path: str, kind: type[Answer], **query: str | int) -> Answer:
        """Return what is at a path, however long it takes: what does not work is tried again.

        Args:
            path: after the base; its first two parts have limits of their own, with what kind of thing it is.
            kind: of the answer.
            query: goes with it.

        Raises:
            NotForUs: 403 or 404, or another answer that trying again does not mend, or none that can be read.
            ConfigurationError: the token is refused.
        """
        retry_after_s = RETRY_AFTER_S
        async with self._asking:
            while True:
                await self._wait_for(path)
                try:
                    async with self._http.get(
                        self._base_url + path,
                        params=query,
                        headers=self._headers,
                        timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN_S),
                    ) as answer:
                        body = await answer.read()
                except (TimeoutError, OSError, aiohttp.ClientError) as error:
                    problem = type(error).__name__
                else:
                    self._keep_within(path, answer.headers)
                    if answer.status == 200:
                        self._trouble.end()
                        return _read(path, body, kind)
                    if answer.status == 429:
                        self._hold(path, body)
                        continue
                    if answer.status == 401:
                        raise ConfigurationError(
                            "Discord does not know DISCORD_TOKEN: copy it anew from the developer portal"
                        )
                    if answer.status < 500:
                        raise NotForUs(f"Discord answers {answer.status} for {path}")
                    problem = f"status {answer.status}"
                self._trouble.note(
                    "Discord's REST API does not answer; it is asked again",
                    {"path": path, "problem": problem},
                )
                await asyncio.sleep(retry_after_s)
                retry_after_s = min(retry_after_s * 2, RETRY_AFTER_MOST_S)

    async def _wait_for(self, path: str) -> None:
        until = max(self._not_before.pop(path, 0.0), self._nothing_before)
        await asyncio.sleep(until - time.monotonic())

    def _keep_within(self, path: str, headers: Mapping[str, str]) -> None:
        """Note when the bucket of a path is full again, if it is empty."""
        if headers.get("X-RateLimit-Remaining") == "0":
            self._not_before[path] = time.monotonic() + float(headers.get("X-RateLimit-Reset-After", 0))

    def _hold(self, path: str, body: bytes) -> None:
        try:
            told = msgspec.json.decode(body, type=_TooMany)
        except msgspec.DecodeError:
            # Not by Discord's API, but by what is before it.
            told = _TooMany(retry_after=RETRY_AFTER_MOST_S, is_global=True)
        until = time.monotonic() + told.retry_after
        if told.is_global:
            self._nothing_before = until
        else:
            self._not_before[path] = until


def _read(path: str, body: bytes, kind: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise NotForUs(f"Discord's answer for {path} cannot be read: {type(error).__name__}") from None
