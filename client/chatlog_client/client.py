"""The two clients, for programs with threads and for asyncio: they send alike, and wait differently."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Self

import httpx

from chatlog_client.ends import AT_EXIT_S
from chatlog_client.errors import Refused, Unreachable
from chatlog_client.sending import TIMEOUT_S, Sender
from chatlog_client.sessions import AsyncSession, Session, new_session_id

if TYPE_CHECKING:
    from types import TracebackType

    from chatlog_client.waiting import Figures

#: What may wait to be sent: turns of any size, and MB of them.
QUEUE_MAX, QUEUE_MAX_BYTES = 10_000, 64 * 1024 * 1024
_SERVER_ERRORS = 500


class _Client:
    """What both clients know.

    Args:
        url: where chatlog's API is; by default CHATLOG_URL.
        token: of the role `service`; by default CHATLOG_TOKEN.
        app: which program's sessions these are, where a token is good for several.
        queue_max: how many turns may wait to be sent; those beyond are dropped and counted.
        queue_max_bytes: how much of them may; likewise.
        transport: by which requests go, for tests.

    Raises:
        ValueError: no address, or no token, is given.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        app: str | None = None,
        queue_max: int = QUEUE_MAX,
        queue_max_bytes: int = QUEUE_MAX_BYTES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        url, token = url or os.environ.get("CHATLOG_URL"), token or os.environ.get("CHATLOG_TOKEN")
        if not url or not token:
            raise ValueError("give url and token, or set CHATLOG_URL and CHATLOG_TOKEN")
        self._options: dict[str, Any] = {
            "base_url": url,
            "headers": {"Authorization": f"Bearer {token}"},
            "timeout": TIMEOUT_S,
        }
        self._app = app
        self._sender = Sender(
            lambda: httpx.Client(**self._options, transport=transport),
            app=app,
            queue_max=queue_max,
            queue_max_bytes=queue_max_bytes,
        )

    @property
    def figures(self) -> Figures:
        """What became of what was told so far: sent, dropped, refused, waiting."""
        return self._sender.figures

    def _query(self, given: dict[str, Any]) -> dict[str, Any]:
        return given | ({} if self._app is None else {"app": self._app})


class ChatLog(_Client):
    """Logs turns in the background; see the package's head."""

    def session(self, session_id: str | None = None, *, user_id: str | None = None, **told: Any) -> Session:
        """Return a session to log turns of: the one with an id, or a new one.

        Args:
            session_id: 1 to 255 printable characters without slashes and spaces.
            user_id: whose it is.
            told: what every turn of it has: `user_name`, `model`, `user_ip`, `user_agent`.
        """
        fields = {"user_id": user_id} | told
        return Session(session_id or new_session_id(), self, self._sender, fields)

    def read(self, path: str, **query: Any) -> dict[str, Any]:
        """Return what the server answers to a GET below `/v1/sessions`; of the app's, where there is one.

        Raises:
            Unreachable, Refused: it answers nothing, or not this.
        """
        with httpx.Client(**self._options) as client:
            try:
                return _answer(client.get(path, params=self._query(query)))
            except httpx.HTTPError as error:
                raise Unreachable(f"{type(error).__name__}: {error}") from error

    def flush(self, timeout_s: float = AT_EXIT_S) -> bool:
        """Wait until all that was told is sent; tell whether it is."""
        return self._sender.flush(timeout_s)

    def close(self, timeout_s: float = AT_EXIT_S) -> bool:
        """Flush, and log nothing more. Idempotent."""
        return self._sender.close(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncChatLog(_Client):
    """What `ChatLog` does, for asyncio: telling never waits; flushing and reading are awaited."""

    def session(
        self, session_id: str | None = None, *, user_id: str | None = None, **told: Any
    ) -> AsyncSession:
        """Return a session to log turns of, as `ChatLog.session` does."""
        fields = {"user_id": user_id} | told
        return AsyncSession(session_id or new_session_id(), self, self._sender, fields)

    async def read(self, path: str, **query: Any) -> dict[str, Any]:
        """Return what the server answers to a GET below `/v1/sessions`; of the app's, where there is one.

        Raises:
            Unreachable, Refused: it answers nothing, or not this.
        """
        async with httpx.AsyncClient(**self._options) as client:
            try:
                return _answer(await client.get(path, params=self._query(query)))
            except httpx.HTTPError as error:
                raise Unreachable(f"{type(error).__name__}: {error}") from error

    async def flush(self, timeout_s: float = AT_EXIT_S) -> bool:
        """Wait until all that was told is sent; tell whether it is."""
        return await asyncio.to_thread(self._sender.flush, timeout_s)

    async def close(self, timeout_s: float = AT_EXIT_S) -> bool:
        """Flush, and log nothing more. Idempotent."""
        return await asyncio.to_thread(self._sender.close, timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _answer(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code >= _SERVER_ERRORS:
        raise Unreachable(f"the server answers {answer.status_code}")
    if not answer.is_success:
        told = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        raise Refused(answer.status_code, str(told.get("detail", answer.reason_phrase)))
    found: dict[str, Any] = answer.json()
    return found
