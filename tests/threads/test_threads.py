"""Threads and their messages, by REST: what is written is read back, changed, deleted, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.postgres.connections import connect
from tests.threads.asking import THREADS_AT, Asking

if TYPE_CHECKING:
    from app.settings import Settings


async def test_a_thread_is_made_and_read_back(acme: Asking) -> None:
    made = await acme.ask(
        "POST", THREADS_AT, json={"learner_id": "l1", "title": "Fractions", "metadata": {"a": [1]}}
    )
    assert made.status_code == 201
    thread = made.json()
    assert made.headers["location"] == f"{THREADS_AT}/{thread['id']}"
    assert (thread["tenant_id"], thread["learner_id"], thread["title"]) == ("acme", "l1", "Fractions")
    assert (thread["metadata"], thread["message_count"], thread["archived"]) == ({"a": [1]}, 0, False)
    assert thread["last_message_at"] is None

    read = await acme.ask("GET", f"{THREADS_AT}/{thread['id']}")
    assert read.json() == thread
    assert read.headers["etag"] == made.headers["etag"]


@pytest.mark.parametrize(
    ("content", "read", "text"),
    [
        ("Hello", {"text": "Hello"}, "Hello"),
        ({"text": "Hello"}, {"text": "Hello"}, "Hello"),
        ({"text": "Hi", "lang": "en"}, {"text": "Hi", "lang": "en"}, "Hi"),
        (
            {"parts": [{"type": "text", "text": "One"}, {"type": "image", "url": "x"}, "Two"]},
            {"parts": [{"type": "text", "text": "One"}, {"type": "image", "url": "x"}, "Two"]},
            "One\nTwo",
        ),
        ({"text": "half \ud83d of an emoji"}, {"text": "half � of an emoji"}, "half � of an emoji"),
    ],
)
async def test_a_message_is_read_back_as_it_was_written(
    acme: Asking, system: Settings, content: Any, read: dict[str, Any], text: str
) -> None:
    thread = await acme.thread()
    answer = await acme.ask(
        "POST",
        f"{THREADS_AT}/{thread}/messages",
        content=json.dumps({"content": content, "metadata": {"k": {"v": None}}, "message_type": "note"}),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 201, answer.text
    message = answer.json()
    assert (message["content"], message["metadata"]) == (read, {"k": {"v": None}})
    again = await acme.ask("GET", answer.headers["location"])
    assert again.json() == message
    assert again.headers["etag"] == answer.headers["etag"] == '"0"'
    listed = await acme.ask("GET", f"{THREADS_AT}/{thread}/messages")
    assert listed.json() == {"items": [message], "next": None}
    database = await connect(system.database)
    try:
        row = await database.fetchrow("SELECT * FROM all_messages WHERE platform = 'threads'")
    finally:
        await database.close()
    assert row is not None
    assert (str(row["id"]), row["channel"], row["content"]) == (message["id"], "acme", text)
