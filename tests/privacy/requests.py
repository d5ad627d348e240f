"""Requests for learners' data as tests make them, and what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from app.postgres.connections import connect
from tests.services import changed, eventually

if TYPE_CHECKING:
    import asyncpg
    import httpx

    from app.settings import Settings
    from tests.threads.asking import Asking

PRIVACY_AT = "/api/v1/privacy"


def as_the_api(settings: Settings) -> Settings:
    """Return settings with which an API has the rights that it needs, and no others."""
    return changed(settings, database_url=SecretStr(f"{settings.database.require_url()}?role=chatlog_api"))


async def ask_for(
    asking: Asking, what: str, learner: str = "l1", *, key: str | None = None, **told: Any
) -> httpx.Response:
    """Ask for an `export`, or to `delete`."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return await asking.ask(
        "POST", f"{PRIVACY_AT}/{what}", json={"learner_id": learner} | told, headers=headers
    )


async def asked_for(asking: Asking, what: str, learner: str = "l1", **told: Any) -> dict[str, Any]:
    """Do the same; return the request."""
    answer = await ask_for(asking, what, learner, **told)
    assert answer.status_code == 202, answer.text
    request: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{PRIVACY_AT}/{request['id']}"
    return request


async def look_at(asking: Asking, request: str) -> dict[str, Any]:
    """Return a request as it is now."""
    answer = await asking.ask("GET", f"{PRIVACY_AT}/{request}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def becomes(asking: Asking, request: str, status: str) -> dict[str, Any]:
    """Wait until a request is so far; return it."""

    async def is_so_far() -> dict[str, Any]:
        found = await look_at(asking, request)
        assert found["status"] == status, found
        return found

    return await eventually(is_so_far)


async def erased(asking: Asking, learner: str = "l1", **told: Any) -> dict[str, Any]:
    """Have a learner erased; return the request when it is done."""
    request = await asked_for(asking, "delete", learner, **told)
    return await becomes(asking, request["id"], "done")


async def rows_of(settings: Settings, query: str, *arguments: object) -> list[asyncpg.Record]:
    """Return what the database says."""
    database = await connect(settings.database)
    try:
        return await database.fetch(query, *arguments)
    finally:
        await database.close()


#: Whatever may be of somebody, as text.
_TABLES = (
    *("conversations", "messages", "message_versions", "message_feedback", "idempotency_keys"),
    *("dead_letters", "thread_events"),
)


async def where_is(settings: Settings, *told: str) -> set[str]:
    """Return the tables in which any of these texts still stands, but in what tells of the end of threads."""
    found = set()
    for table in _TABLES:
        rows = await rows_of(
            settings,
            "SELECT row_to_json(entry)::text "
            "|| coalesce(encode((row_to_json(entry) ->> 'key')::bytea, 'escape'), '') AS text "
            f"FROM {table} AS entry "
            "WHERE coalesce(row_to_json(entry) ->> 'event_type', '') NOT IN "
            "('CHAT_THREAD_DELETED', 'CHAT_PRIVACY_DELETION_REQUESTED', 'CHAT_PRIVACY_EXPORT_REQUESTED')",
        )
        if any(text in row["text"] for row in rows for text in told):
            found.add(table)
    return found
