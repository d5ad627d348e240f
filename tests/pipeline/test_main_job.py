"""The main job, whole: raw events and states in Kafka become rows, each with the state before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from pydantic import SecretStr

from app.kafka.topics import groups_of, topics_of
from app.postgres.connections import connect
from app.settings import Role, Settings
from tests.conversations import Conversations, conversations
from tests.faults.cluster import ends, everything_is_committed
from tests.services import changed, eventually
from tests.workers import Workers, count, prepare, produce, rows_of, workers_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import asyncpg


async def test_conversations_become_rows_with_the_state_before_each_message(
    system: Settings, workers: Workers
) -> None:
    said = conversations(users=60, turns=8)
    await play(system, said)
    workers.start(Role.CAPTURE)
    workers.start(Role.PERSIST)

    await arrived(system, said)

    assert_as_expected(await rows_of(system), said)
    await eventually(lambda: has_states(system, said), what="how the bot stands with each is known")


async def test_reading_both_topics_again_from_the_start_gives_identical_rows(
    system: Settings, workers: Workers, tmp_path: Path, second_database_url: str
) -> None:
    said = conversations(users=40, turns=30)
    workers.start(Role.CAPTURE)
    workers.start(Role.PERSIST)
    await play_as_it_happened(system, said)
    await arrived(system, said)

    # A second system reads the same events and states from the start, after all of them are there.
    again = changed(
        system,
        capture_group=f"{groups_of(system.topology).capture}-again",
        persist_group=f"{groups_of(system.topology).persist}-again",
        vlab_chat_log_topic=f"{topics_of(system.topology).chat_log.name}-again",
        database_url=SecretStr(second_database_url),
    )
    await prepare(again)
    with workers_of(again, tmp_path / "again") as second:
        second.start(Role.CAPTURE)
        second.start(Role.PERSIST)
        await arrived(again, said)
        reread = await rows_of(again)

    live = await rows_of(system)
    assert_as_expected(live, said)
    assert reread == live


async def test_the_same_events_played_twice_add_no_row(system: Settings, workers: Workers) -> None:
    said = conversations(users=20, turns=5)
    workers.start(Role.CAPTURE)
    workers.start(Role.PERSIST)
    await play(system, said)
    await arrived(system, said)

    await play(system, said)
    topics = topics_of(system.topology)
    await eventually(
        lambda: everything_is_committed(system, groups_of(system.topology).capture, topics.events.name)
    )
    await eventually(
        lambda: everything_is_committed(system, groups_of(system.topology).persist, topics.chat_log.name)
    )

    assert sum((await ends(system, topics.chat_log.name)).values()) >= 2 * len(said.events)
    assert set(await rows_of(system)) == set(said.expected)


async def test_a_malformed_record_does_not_hold_up_its_neighbours(system: Settings, workers: Workers) -> None:
    said = conversations(users=10, turns=5)
    topics = topics_of(system.topology)
    half = len(said.events) // 2
    await produce(system, topics.state.name, said.states)
    await produce(system, topics.events.name, said.events[:half])
    await produce(system, topics.events.name, [(said.events[0][0], b'{"sender": ')])
    await produce(system, topics.chat_log.name, [(b"someone", b'{"userid": "someone"}')])
    await produce(system, topics.events.name, said.events[half:])
    workers.start(Role.CAPTURE)
    workers.start(Role.PERSIST)

    await arrived(system, said)
    await eventually(lambda: dead_letters_are(system, 2))

    connection = await connect(system.database)
    kept = {row["topic"]: row for row in await connection.fetch("SELECT * FROM dead_letters")}
    await connection.close()
    from_events = kept[topics.events.name]
    assert (from_events["reason"], from_events["key"], from_events["value"]) == (
        "not_json",
        said.events[0][0],
        b'{"sender": ',
    )
    assert kept[topics.chat_log.name]["reason"] == "missing_field"
    assert_as_expected(await rows_of(system), said)


async def test_a_lone_entry_of_any_producer_does_not_wait_for_others(
    system: Settings, workers: Workers
) -> None:
    workers.start(Role.PERSIST)
    topic = topics_of(system.topology).chat_log.name
    first = {"userid": "1", "timestamp": 1_700_000_000_000, "direction": "user", "content": ""}
    await produce(system, topic, [(b"1", orjson.dumps(first))])
    await eventually(lambda: has_keys(system, {("1", 1_700_000_000_000, "user")}))

    second = first | {"timestamp": 1_700_000_000_001, "unknown": "field", "shortcode": 17}
    await produce(system, topic, [(b"1", orjson.dumps(second))])
    await eventually(lambda: has_keys(system, {("1", 1_700_000_000_001, "user")}))

    row = (await rows_of(system))["1", 1_700_000_000_001, "user"]
    assert (row["content"], row["shortcode"], row["metadata"]) == ("", "17", None)


async def test_capture_is_off_without_its_topic(settings: Callable[..., Settings], workers: Workers) -> None:
    off = workers.start(Role.CAPTURE, settings(vlab_chat_log_topic=None))
    assert off.wait() == 0
    assert "VLAB_CHAT_LOG_TOPIC" in off.log.read_text()


async def test_a_worker_ends_at_once_for_what_waiting_does_not_mend(
    system: Settings, workers: Workers
) -> None:
    url = f"{system.database.require_url()}?sslmode=verify-full&sslrootcert=/nonexistent.crt"
    refused = workers.start(Role.PERSIST, extra={"DATABASE_URL": url})

    assert refused.wait() == 1
    said = refused.log.read_text()
    assert "cannot start" in said
    assert "names sslrootcert=/nonexistent.crt, which cannot be read" in said
    assert "Traceback" not in said


async def play(system: Settings, said: Conversations) -> None:
    """Produce all states, then all events: whatever an event needs is there before it."""
    topics = topics_of(system.topology)
    await produce(system, topics.state.name, said.states)
    await produce(system, topics.events.name, said.events)


async def play_as_it_happened(system: Settings, said: Conversations, slices: int = 20) -> None:
    """Produce states and events in turns, so that the worker reads the topics as they grow."""
    topics = topics_of(system.topology)
    for number in range(slices):
        start = number * len(said.states) // slices
        end = (number + 1) * len(said.states) // slices
        await produce(system, topics.state.name, said.states[start:end])
        # As many events as states were made (conversations): what each needs is in this slice or before.
        await produce(system, topics.events.name, said.events[start:end])


async def arrived(system: Settings, said: Conversations) -> None:
    await eventually(lambda: has_keys(system, set(said.expected)), what="every message is a row")


async def has_keys(system: Settings, keys: set[tuple[str, int, str]]) -> bool:
    assert len(missing := keys - set(await rows_of(system))) == 0, f"{len(missing)} rows are missing"
    return True


async def has_states(system: Settings, said: Conversations) -> bool:
    told = [orjson.loads(value) for _, value in said.states]
    assert await count(system, "bot_state_changes") == len(
        {(each["userid"], each["updated"]) for each in told}
    )
    return await count(system, "bot_states") == len({each["userid"] for each in told})


async def dead_letters_are(system: Settings, number: int) -> bool:
    return await count(system, "dead_letters") == number


def assert_as_expected(rows: dict[tuple[str, int, str], asyncpg.Record], said: Conversations) -> None:
    found = {
        key: (row["content"], row["question_ref"], row["shortcode"], row["pageid"])
        for key, row in rows.items()
    }
    assert found == {
        key: (e.content, e.question_ref, e.shortcode, e.pageid) for key, e in said.expected.items()
    }
