"""A dead letter that is replayed becomes what it would have been, however late that is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
from click.testing import CliRunner

from app.commands.dead_letters import dead_letters
from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from models.limits import OUR_RECORD_MAX_BYTES
from tests.faults.cluster import everything_is_committed, set_up_topic
from tests.services import as_environment, eventually
from tests.workers import count, produce, rows_of

if TYPE_CHECKING:
    from app.settings import Settings
    from tests.workers import Workers

START_MS = 1_760_000_000_000
SMALL_BYTES = 4_000


async def test_a_message_too_large_gets_the_state_before_it_when_it_is_replayed_long_after(
    system: Settings, workers: Workers
) -> None:
    topics = topics_of(system.topology)
    workers.start(Role.CAPTURE)
    workers.start(Role.PERSIST)
    await set_up_topic(system, topics.chat_log.name, max_message_bytes=str(SMALL_BYTES))
    await produce(system, topics.state.name, [(b"u", state(0, "before"))])
    await produce(system, topics.events.name, [(b"u", text(1, "x" * SMALL_BYTES))])
    await eventually(lambda: has(system, "dead_letters", 1))

    # More than are kept of a history, and events that need them, so that the first is forgotten.
    for minute in range(1, 9):
        await produce(system, topics.state.name, [(b"u", state(minute * 60, f"later {minute}"))])
        await produce(system, topics.events.name, [(b"u", text(minute * 60 + 1, "short"))])
        await eventually(
            lambda: everything_is_committed(system, groups_of(system.topology).capture, topics.events.name)
        )
    await set_up_topic(system, topics.chat_log.name, max_message_bytes=str(OUR_RECORD_MAX_BYTES))
    await run(system, "replay", "--all", "--yes")
    await eventually(lambda: has(system, "chat_log", 9))

    row = (await rows_of(system))["u", START_MS + 1_000, "user"]
    assert row["content"] == "x" * SMALL_BYTES
    assert (row["question_ref"], row["shortcode"], row["pageid"]) == ("before", "form", "page")
    assert orjson.loads(row["metadata"]) == {"phone": "+49 123"}
    shown = await run(system, "show", "1")
    assert "header chatlog-state" in shown
    assert "+49 123" not in shown
    assert "+49 123" in await run(system, "show", "1", "--content")


async def test_after_a_state_that_cannot_be_used_nothing_is_answered_by_the_one_before_it(
    system: Settings, workers: Workers
) -> None:
    topics = topics_of(system.topology)
    now_s = 1
    bad = {
        "forms": orjson.dumps({"userid": "forms", "updated": at(now_s), "state_json": {"forms": "f2"}}),
        "deep": orjson.dumps({"userid": "deep", "updated": at(now_s), "state_json": {"md": nested(150)}}),
        "number": b'{"userid": "number", "updated": %d, "state_json": {"md": 1e400}}' % at(now_s),
        "list": orjson.dumps({"userid": "list", "updated": at(now_s), "state_json": {"md": []}}),
        "object": orjson.dumps({"userid": "object", "updated": at(now_s), "state_json": {"question": {}}}),
    }
    for user, value in bad.items():
        states = [(user.encode(), state(0, "before", user)), (user.encode(), value)]
        await produce(system, topics.state.name, states)
        await produce(system, topics.events.name, [(user.encode(), text(2, "said", user))])
    workers.start(Role.CAPTURE)
    workers.start(Role.PERSIST)
    await eventually(lambda: has(system, "chat_log", len(bad)))
    await eventually(lambda: has(system, "dead_letters", len(bad)))

    found = {
        row["userid"]: (row["question_ref"], row["shortcode"], row["metadata"])
        for row in (await rows_of(system)).values()
    }
    assert found == dict.fromkeys(bad, (None, None, None))


def at(second: int) -> int:
    return START_MS + second * 1_000


def nested(levels: int) -> object:
    value: object = []
    for _ in range(levels):
        value = [value]
    return value


def state(second: int, question: str, user: str = "u") -> bytes:
    known = {"forms": ["form"], "question": question, "md": {"phone": "+49 123"}}
    return orjson.dumps({"userid": user, "updated": at(second), "state_json": known})


def text(second: int, said: str, user: str = "u") -> bytes:
    sides = {"sender": {"id": user}, "recipient": {"id": "page"}}
    return orjson.dumps(sides | {"timestamp": at(second), "message": {"text": said}})


async def has(system: Settings, table: str, number: int) -> bool:
    assert (found := await count(system, table)) == number, f"{found} in {table}"
    return True


async def run(system: Settings, *arguments: str) -> str:
    ended = await asyncio.to_thread(CliRunner().invoke, dead_letters, arguments, env=as_environment(system))
    assert ended.exit_code == 0, ended.output
    return ended.output
