"""Somebody who asks for threads: with a token of a tenant, with roles and learners."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx

from app.access.tokens import mint
from models.access import Caller, CallerRole

if TYPE_CHECKING:
    from app.settings import Settings

THREADS_AT = "/api/v1/threads"


class Asking:
    """Asks the API.

    Attributes:
        caller: as whom.

    Args:
        client: of the application.
        settings: its own.
        tenant: whose people they are among.
        role: what they are.
        learners: whom their scope names.
        user: who they are.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        settings: Settings,
        tenant: str,
        role: CallerRole = CallerRole.SERVICE,
        *learners: str,
        user: str | None = None,
    ) -> None:
        self._client = client
        self._settings = settings
        self.caller = Caller(
            f"{user or role}@{tenant}.example",
            tenant,
            frozenset({role}),
            frozenset(f"learner:{learner}" for learner in learners),
            user or f"{role}-of-{tenant}",
        )
        self._token = mint(settings.api, self.caller, timedelta(hours=1))

    def as_(
        self, role: CallerRole, *learners: str, tenant: str | None = None, user: str | None = None
    ) -> Asking:
        """Return somebody else, who asks the same application."""
        return Asking(self._client, self._settings, tenant or self.caller.tenant, role, *learners, user=user)

    @property
    def headers(self) -> dict[str, str]:
        """What tells who asks."""
        return {"Authorization": f"Bearer {self._token}"}

    async def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Ask something."""
        headers = self.headers | how.pop("headers", {})
        return await self._client.request(method, path, headers=headers, **how)

    async def thread(self, learner: str = "learner-1", **told: Any) -> str:
        """Make a thread; return its id."""
        answer = await self.ask("POST", THREADS_AT, json={"learner_id": learner} | told)
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["id"]
        return made

    async def say(self, thread: str, text: str, **told: Any) -> dict[str, Any]:
        """Write a message; return it."""
        answer = await self.post(thread, content={"text": text}, **told)
        assert answer.status_code == 201, answer.text
        said: dict[str, Any] = answer.json()
        return said

    async def post(self, thread: str, *, key: str | None = None, **told: Any) -> httpx.Response:
        """Ask for a message to be written."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.ask("POST", f"{THREADS_AT}/{thread}/messages", json=told, headers=headers)

    async def hear(self, path: str, until: str, **headers: str) -> httpx.Response:
        """Follow a stream until it says something, and hang up; return what it said, or another answer.

        A client of an application in the same process would have a stream only when it has ended.
        """
        transport = self._client._transport
        assert isinstance(transport, httpx.ASGITransport)
        request = self._client.build_request("GET", path, headers=self.headers | headers)
        asked = iter([{"type": "http.request", "body": b"", "more_body": False}])
        answer: dict[str, Any] = {"status": 0, "headers": [], "body": b""}
        is_heard = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if (message := next(asked, None)) is not None:
                return message
            await is_heard.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            answer.update({key: message[key] for key in ("status", "headers") if key in message})
            answer["body"] += message.get("body", b"")
            if until.encode() in answer["body"]:
                is_heard.set()

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": request.url.path,
            "raw_path": request.url.raw_path,
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "server": ("localhost", 8000),
            "client": ("127.0.0.1", 12345),
        }
        async with asyncio.timeout(60):
            await transport.app(scope, receive, send)
        return httpx.Response(answer["status"], headers=answer["headers"], content=answer["body"])

    async def said(self, thread: str, **asked: Any) -> list[str]:
        """Return the texts of a thread's messages."""
        answer = await self.ask("GET", f"{THREADS_AT}/{thread}/messages", params=asked)
        assert answer.status_code == 200, answer.text
        return [message["content"].get("text", "") for message in answer.json()["items"]]
