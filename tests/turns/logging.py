"""A program that logs its assistant, as the tests need it, and what Kafka and the tables have of that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from app.kafka.topics import events_topics
from models.access import Caller, CallerRole
from tests.sinks.kafka.topics import all_records_in
from tests.site.owners import bearer

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

SAID = {"user_message": "Where is my parcel?", "ai_response": "On its way.", "response_time_ms": 900}


def caller_of(*scope: str, role: CallerRole = CallerRole.SERVICE, tenant: str = "default") -> Caller:
    """Return a program that is narrowed so."""
    return Caller("bot@example.org", tenant, frozenset({role}), frozenset(scope))


class Program:
    """Asks the API as a program with a token that is narrowed so."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        settings: Settings,
        *scope: str,
        caller: Caller | None = None,
    ) -> None:
        self._client = client
        self._headers = bearer(settings, caller or caller_of(*scope))

    async def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        # Numbers that JSON does not have are sent as well.
        headers |= self._headers | {"Content-Type": "application/json"}
        return await self._client.post(f"/v1/sessions{path}", content=json.dumps(body), headers=headers)

    async def get(self, path: str = "", **params: Any) -> httpx.Response:
        return await self._client.get(f"/v1/sessions{path}", params=params or None, headers=self._headers)

    async def say(self, session: str = "s1", **turn: Any) -> Any:
        """Log a turn; return what was answered."""
        answer = await self.post(f"/{session}/turns", SAID | turn)
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def history(self, session: str = "s1", **params: Any) -> Any:
        answer = await self.get(f"/{session}/history", **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def stats(self, session: str = "s1") -> Any:
        answer = await self.get(f"/{session}/stats")
        return answer.json() if answer.status_code == 200 else {}


async def events_in_kafka(settings: Settings) -> list[dict[str, Any]]:
    """Return the events of assistants that Kafka has, in order within each partition."""
    (server,) = settings.kafka.require_servers()
    records = await all_records_in(server, events_topics(settings.topology)["assistant"])
    return [json.loads(record.value or b"") for record in records]
