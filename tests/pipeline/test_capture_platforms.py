"""Workers of the role capture-platforms on real services: first times, rules, and who goes on after whom."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson
import pytest

from app.kafka.topics import groups_of, topics_of
from app.postgres.connections import connect
from app.settings import Role
from models.ids import message_id
from models.records import DeletionRecord, MessageRecord, decode_record
from tests.faults.cluster import everything_is_committed
from tests.looking import get, ready
from tests.services import eventually
from tests.sinks.kafka.topics import all_records_in
from tests.twitch_events import ROOM, deletion_line, envelope, irc_line
from tests.workers import prepare, produce, workers_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.settings import Settings
    from models.records import Record
    from tests.workers import Workers

SAID_MS = 1_790_000_000_000
FIRST = message_id("twitch", "m1", SAID_MS)


@pytest.fixture
async def system(settings: Callable[..., Settings]) -> Settings:
    """A system that captures Twitch."""
    made = settings(platforms=("twitch",))
    await prepare(made)
    return made


async def say(system: Settings, *events: bytes) -> None:
    topic = topics_of(system.topology).platform_events["twitch"].name
    await produce(system, topic, [(ROOM.encode(), event) for event in events])


async def captured(system: Settings) -> list[Record]:
    (server,) = system.kafka.require_servers()
    topic = topics_of(system.topology).messages["twitch"].name
    return [decode_record(record.value) for record in await all_records_in(server, topic)]


async def all_captured(system: Settings) -> bool:
    topic = topics_of(system.topology).platform_events["twitch"].name
    return await everything_is_committed(system, groups_of(system.topology).capture_platforms, topic)


async def has(system: Settings, number: int) -> bool:
    assert len(found := await captured(system)) >= number, found
    return True


async def test_what_twitch_tells_twice_with_two_times_is_one_message_also_after_a_kill(
    system: Settings, workers: Workers
) -> None:
    first = workers.start(Role.CAPTURE_PLATFORMS)
    await say(system, irc_line("m1", SAID_MS))
    await eventually(lambda: has(system, 1))
    first.kill()
    await say(system, envelope("m1", SAID_MS + 321), envelope("m1", SAID_MS + 999))
    workers.start(Role.CAPTURE_PLATFORMS)
    await eventually(lambda: has(system, 3))
    second = workers.start(Role.CAPTURE_PLATFORMS)
    await ready(second)
    await say(system, irc_line("m1", SAID_MS), deletion_line("m1", SAID_MS + 5_000))
    await eventually(lambda: all_captured(system))

    found = await captured(system)
    assert {record.id for record in found if isinstance(record, MessageRecord)} == {FIRST}
    (deletion,) = [record for record in found if isinstance(record, DeletionRecord)]
    assert (deletion.id, deletion.deletion) == (FIRST, "keep")


async def test_a_rule_takes_effect_10_seconds_after_it_was_made_by_the_time_of_the_message(
    system: Settings, workers: Workers
) -> None:
    worker = workers.start(Role.CAPTURE_PLATFORMS)
    await ready(worker)
    connection = await connect(system.database)
    try:
        await connection.execute(
            "INSERT INTO chat_logging_config (platform, channel, is_enabled) VALUES ('twitch', $1, false)",
            ROOM,
        )
        holds_from_ms = await connection.fetchval(
            "SELECT ceil(extract(epoch FROM valid_from) * 1000)::bigint FROM chat_logging_config_versions"
        )
    finally:
        await connection.close()
    await eventually(lambda: is_past(holds_from_ms))
    await say(system, irc_line("before", holds_from_ms - 1), irc_line("after", holds_from_ms))
    await eventually(lambda: all_captured(system))

    messages = [record for record in await captured(system) if isinstance(record, MessageRecord)]
    assert [message.source_id for message in messages] == ["before"]
    overview = (await get(worker, "/api/overview")).json
    assert overview["counters"]["not_recorded"] == 1
    assert overview["categories"] == {"twitch PRIVMSG": 2}


async def test_a_worker_waits_for_the_rules_before_it_captures_anything(
    system: Settings, workers: Workers
) -> None:
    connection = await connect(system.database)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("LOCK TABLE chat_logging_config_versions")
        workers.start(Role.CAPTURE_PLATFORMS)
        await say(system, irc_line("m1", SAID_MS))
        await eventually(lambda: is_locked_out(system))
        assert await captured(system) == []
        await transaction.rollback()
    finally:
        await connection.close()
    await eventually(lambda: has(system, 1))


async def test_a_platform_whose_table_is_held_does_not_hold_up_another(
    settings: Callable[..., Settings], tmp_path: Path
) -> None:
    system = settings(platforms=("discord", "twitch"))
    await prepare(system)
    connection = await connect(system.database)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE messages_twitch IN ACCESS EXCLUSIVE MODE")
            with workers_of(system, tmp_path / "workers") as workers:
                workers.start(Role.CAPTURE_PLATFORMS)
                workers.start(Role.PERSIST)
                await say(system, *(irc_line(f"m{n}", SAID_MS + n) for n in range(50)))
                await eventually(lambda: has(system, 50))
                topic = topics_of(system.topology).platform_events["discord"].name
                await produce(system, topic, [(b"5", discord_message(n)) for n in range(50)])
                await eventually(lambda: has_rows(system, "discord", 50))
                await connection.execute("ROLLBACK")
                await eventually(lambda: has_rows(system, "twitch", 50))
                await connection.execute("BEGIN")
    finally:
        await connection.close()


def discord_message(number: int) -> bytes:
    """Return a message as Discord's gateway sends it, said a number of seconds after a time."""
    snowflake = str(((SAID_MS + number * 1000) - 1_420_070_400_000) << 22)
    author = {"id": "77", "username": "ann", "bot": False}
    said = {"id": snowflake, "channel_id": "5", "author": author, "content": f"said {number}", "type": 0}
    said |= {"timestamp": "2026-09-21T14:13:20.000000+00:00", "edited_timestamp": None}
    return orjson.dumps({"op": 0, "t": "MESSAGE_CREATE", "s": number, "d": said})


async def has_rows(system: Settings, platform: str, number: int) -> bool:
    connection = await connect(system.database)
    try:
        found = await connection.fetchval(f"SELECT count(*) FROM messages_{platform}")
    finally:
        await connection.close()
    assert found == number, f"{found} rows of {platform}"
    return True


async def is_past(moment_ms: int) -> bool:
    assert time.time() * 1000 > moment_ms
    return True


async def is_locked_out(system: Settings) -> bool:
    connection = await connect(system.database)
    try:
        assert await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE application_name = 'chatlog-capture-platforms' AND wait_event_type = 'Lock'"
        )
    finally:
        await connection.close()
    return True
