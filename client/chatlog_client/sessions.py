"""Sessions and their turns: what a chat tells, and how it is said to the server."""

from __future__ import annotations

import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatlog_client.client import AsyncChatLog, ChatLog
    from chatlog_client.sending import Sender

#: Text, or a list of parts as OpenAI has them.
Said: TypeAlias = "str | list[dict[str, Any] | str]"


@dataclass(slots=True)
class Turn:
    """A question and its answer, in the making.

    Attributes:
        id: which turn of its session; made here, so that it is known at once.
        session_id: which session.
        asked: when it was asked.
        error: what went wrong with the answer, in a word; None for nothing.
    """

    id: str
    session_id: str
    asked: datetime
    error: str | None = field(default=None, init=False)
    _sender: Sender
    _fields: dict[str, Any] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _is_sent: bool = False

    def answer(self, text: Said, *, response_time_ms: float | None = None, **told: Any) -> None:
        """Say what was answered.

        Args:
            text: the answer.
            response_time_ms: how long it took; by default, since the question.
            told: what else is known: `model`, `mood`, `metadata`, `unfinished`, `error`.
        """
        took = (time.monotonic() - self._began) * 1000 if response_time_ms is None else response_time_ms
        self._fields |= {"ai_response": text, "response_time_ms": took} | told

    def feedback(self, value: float | str, *, label: str | None = None, comment: str | None = None) -> None:
        """Say what the person thinks of the answer: better is more, 1 and -1 for thumbs."""
        told = {"value": value, "label": label, "comment": comment}
        self._sender.put("v1", "sessions", self.session_id, "turns", self.id, "feedback", told=told)

    def send(self) -> None:
        """Have the turn sent, as it is now; a second time does nothing."""
        if self._is_sent:
            return
        self._is_sent = True
        told = {"session_id": self.session_id, "turn_id": self.id, "timestamp": self.asked.isoformat()}
        self._sender.put("v1", "turns", told=told | {"error": self.error} | self._fields, is_turn=True)


class _Telling:
    """What a session tells, whichever client it is of."""

    def __init__(self, session_id: str, sender: Sender, fields: Mapping[str, Any]) -> None:
        self.id = session_id
        self._sender = sender
        self._fields = dict(fields)

    @contextmanager
    def asked(self, text: Said, **told: Any) -> Iterator[Turn]:
        """Log a turn, whose answer is said inside; its time is taken by that.

        What goes wrong inside goes on as it is, and is in the turn as its `error`.

        Args:
            text: what was asked.
            told: what else is known: `mood`, `model`, `metadata`, `user_ip`, `user_agent`.
        """
        turn = self._turn({"user_message": text} | told)
        try:
            yield turn
        except BaseException as error:
            turn.error = type(error).__name__
            raise
        finally:
            turn.send()

    def turn(self, user_message: Said | None, ai_response: Said | None, **told: Any) -> Turn:
        """Log a whole turn.

        Args:
            user_message: what was asked.
            ai_response: what was answered.
            told: what else is known: `response_time_ms`, `mood`, `model`, `metadata`, `user_ip`,
                `user_agent`, `error`, `unfinished`.
        """
        turn = self._turn({"user_message": user_message, "ai_response": ai_response} | told)
        turn.send()
        return turn

    def touch(self, metadata: Mapping[str, Any] | None = None) -> None:
        """Have the session known before its first turn, or as in use."""
        told = {"session_id": self.id, "user_id": self._fields.get("user_id"), "metadata": metadata}
        self._sender.put("v1", "sessions", told=told)

    def _turn(self, fields: dict[str, Any]) -> Turn:
        return Turn(f"turn_{uuid.uuid4()}", self.id, datetime.now(UTC), self._sender, self._fields | fields)


class Session(_Telling):
    """A session with an assistant; `ChatLog.session` makes one."""

    def __init__(self, session_id: str, client: ChatLog, sender: Sender, fields: Mapping[str, Any]) -> None:
        super().__init__(session_id, sender, fields)
        self._client = client

    def history(self, *, limit: int = 50) -> list[dict[str, Any]]:
        """Return the turns of the session, the oldest first.

        Raises:
            ChatlogError: they cannot be read now, or at all.
        """
        items: list[dict[str, Any]] = self._client.read(_reading(self.id, "history"), limit=limit)["items"]
        return items

    def stats(self) -> dict[str, Any]:
        """Return how many turns there are, from when to when, and how long answers took.

        Raises:
            ChatlogError: they cannot be read now, or at all.
        """
        return self._client.read(_reading(self.id, "stats"))


class AsyncSession(_Telling):
    """A session as `Session` is one, for asyncio: telling does not wait, so only reading is awaited."""

    def __init__(
        self,
        session_id: str,
        client: AsyncChatLog,
        sender: Sender,
        fields: Mapping[str, Any],
    ) -> None:
        super().__init__(session_id, sender, fields)
        self._client = client

    async def history(self, *, limit: int = 50) -> list[dict[str, Any]]:
        """Return the turns of the session, the oldest first.

        Raises:
            ChatlogError: they cannot be read now, or at all.
        """
        answer = await self._client.read(_reading(self.id, "history"), limit=limit)
        items: list[dict[str, Any]] = answer["items"]
        return items

    async def stats(self) -> dict[str, Any]:
        """Return how many turns there are, from when to when, and how long answers took.

        Raises:
            ChatlogError: they cannot be read now, or at all.
        """
        return await self._client.read(_reading(self.id, "stats"))


def new_session_id() -> str:
    """Return a name for a session that has none: `session_<uuid>_<ms>`."""
    return f"session_{uuid.uuid4()}_{time.time_ns() // 1_000_000}"


def _reading(session_id: str, what: str) -> str:
    return f"/v1/sessions/{quote(session_id, safe='')}/{what}"
