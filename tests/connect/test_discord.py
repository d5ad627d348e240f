"""`chatlog connect discord`, against a server that speaks Discord's protocols, and a real Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.postgres.connections import connect
from app.settings import Role
from models.ids import message_id
from models.platforms.discord_messages import snowflake_ms
from tests.connect.discord import (
    Connectors,
    DiscordServer,
    discord_server,
    events_of,
    settings_to_listen,
)
from tests.connect.discord_server import BOT
from tests.services import changed, eventually
from tests.workers import prepare, workers_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    import asyncpg

    from app.local.embedded import EmbeddedKafka
    from app.settings import Settings

GUILD, GENERAL, RANDOM = "1312000000000000101", "1312000000000000202", "1312000000000000203"
#: Faults of a moment, of which some begin and end in one millisecond of who hears of them.
FAULTS = 30


@pytest.fixture
async def discord(tmp_path: Path) -> AsyncIterator[DiscordServer]:
    with discord_server(tmp_path / "discord.log") as server:
        await eventually(server.is_up)
        for channel in (GENERAL, RANDOM):
            await server.do("channel", name=channel)
        yield server


@pytest.fixture
async def listening(settings: Callable[..., Settings], discord: DiscordServer) -> Settings:
    """The settings of a connector to that server, whose topics are there."""
    made = settings_to_listen(settings, discord)
    await prepare(made)
    return made


@pytest.fixture
def connectors(listening: Settings, tmp_path: Path) -> Iterator[Connectors]:
    started = Connectors(listening, tmp_path)
    yield started
    started.end_all()


async def gaps_of(settings: Settings) -> list[asyncpg.Record]:
    """The gaps that are over, the oldest first."""
    connection = await connect(settings.database)
    try:
        return await connection.fetch(
            "SELECT * FROM connector_gaps WHERE ended IS NOT NULL ORDER BY began, channel"
        )
    finally:
        await connection.close()


async def the_gap(settings: Settings) -> asyncpg.Record:
    """The one gap that is over."""
    found = await gaps_of(settings)
    assert len(found) == 1
    return found[0]


def said_ms(message: str) -> int:
    at_ms = snowflake_ms(message)
    assert at_ms is not None
    return at_ms


async def until_in_kafka(settings: Settings, *ids: str) -> None:
    async def are_there() -> bool:
        missing = set(ids) - (await events_of(settings)).message_ids
        assert not missing
        return True

    await eventually(are_there)


async def test_what_is_said_comes_as_it_was_told_keyed_by_its_channel(
    discord: DiscordServer, listening: Settings, connectors: Connectors
) -> None:
    connectors.start()
    await discord.until_heard()
    ids = await discord.say(GENERAL, 20)
    await discord.do("typing", channel=GENERAL)
    await discord.do("edit", channel=GENERAL, message=ids[0], text="other words")
    await discord.do("delete", channel=GENERAL, message=ids[1])
    (last,) = await discord.say(RANDOM)
    await until_in_kafka(listening, *ids, last)

    events = await events_of(listening)
    assert events.firsts_by_channel() == {GENERAL: ids, RANDOM: [last]}
    assert {key for key, value in events.records if value["t"].startswith("MESSAGE")} == {GENERAL, RANDOM}
    assert [edited["content"] for edited in events.named("MESSAGE_UPDATE")] == ["other words"]
    assert [deleted["id"] for deleted in events.named("MESSAGE_DELETE")] == [ids[1]]
    assert not events.named("TYPING_START")
    assert not await gaps_of(listening)


async def test_of_a_server_only_its_threads_are_handed_in(
    discord: DiscordServer, listening: Settings, connectors: Connectors
) -> None:
    await discord.do("channel", name="1312000000000000909", type=11, parent=GENERAL)
    connectors.start()
    await discord.until_heard()
    await until_in_kafka(listening, *await discord.say(GENERAL))

    (server,) = (await events_of(listening)).named("GUILD_CREATE")
    assert server.keys() == {"id", "guild_id", "threads"}
    assert [(each["id"], each["parent_id"]) for each in server["threads"]] == [
        ("1312000000000000909", GENERAL)
    ]


@pytest.mark.parametrize("fault", ["cut", "ask_to_reconnect", "close_with"])
async def test_a_session_is_taken_up_and_nothing_is_missed(
    discord: DiscordServer, listening: Settings, connectors: Connectors, fault: str
) -> None:
    connectors.start()
    await discord.until_heard()
    before = await discord.say(GENERAL, 5)
    await discord.do(fault, **({"code": 4000} if fault == "close_with" else {}))
    during = await discord.say(GENERAL, 5)
    await discord.do("delete", channel=GENERAL, message=during[0])
    await discord.until_count("resumed", 1)
    after = await discord.say(GENERAL, 5)
    await until_in_kafka(listening, *before, *during, *after)

    events = await events_of(listening)
    assert events.firsts_by_channel()[GENERAL] == [*before, *during, *after]
    assert [deleted["id"] for deleted in events.named("MESSAGE_DELETE")] == [during[0]]
    assert not events.told_by_the_history()
    assert not await gaps_of(listening)


async def test_a_connection_that_answers_no_heartbeat_is_given_up_and_the_session_taken_up(
    discord: DiscordServer, listening: Settings, connectors: Connectors
) -> None:
    connectors.start()
    await discord.until_heard()
    await discord.do("set", answers_heartbeats=False)
    await discord.until_count("resumed", 2)
    await discord.do("set", answers_heartbeats=True)
    await until_in_kafka(listening, *await discord.say(GENERAL, 3))
    assert (await discord.state())["counts"]["identified"] == 1


async def test_what_no_session_tells_any_more_is_fetched_from_the_history_and_the_gap_filled(
    discord: DiscordServer, listening: Settings, connectors: Connectors
) -> None:
    connectors.start()
    await discord.until_heard()
    before = await discord.say(GENERAL, 2)
    await until_in_kafka(listening, *before)
    await discord.do("set", is_away=True)
    await discord.do("forget_sessions")
    # More than an answer of the history holds, and more questions than are allowed at once.
    missed = [*await discord.say(GENERAL, 730), *await discord.say(RANDOM, 10)]
    await discord.do("set", is_away=False)
    await discord.until_count("identified", 2)
    after = await discord.say(GENERAL, 2)
    await until_in_kafka(listening, *before, *missed, *after)

    async def is_filled() -> bool:
        gap = await the_gap(listening)
        assert (gap["channel"], gap["reason"]) == (GUILD, "connection lost")
        return gap["filled"] is not None

    await eventually(is_filled)
    told = (await events_of(listening)).told_by_the_history()
    assert {(each["guild_id"], each["channel_id"], each["channel_type"]) for each in told} == {
        (GUILD, GENERAL, 0),
        (GUILD, RANDOM, 0),
    }
    assert not (await discord.state())["counts"].get("too many")


async def test_a_killed_connector_goes_on_in_the_session_that_it_left(
    discord: DiscordServer, listening: Settings, connectors: Connectors, tmp_path: Path
) -> None:
    first = connectors.start()
    await discord.until_heard()
    before = await discord.say(GENERAL, 50)
    await until_in_kafka(listening, before[0])
    await eventually((tmp_path / f"connect-discord-{BOT}.json").exists)
    first.kill()
    during = await discord.say(GENERAL, 5)
    await discord.do("edit", channel=GENERAL, message=before[0], text="other words")
    await discord.do("delete", channel=GENERAL, message=before[1])
    connectors.start()
    await discord.until_count("resumed", 1)
    after = await discord.say(GENERAL, 5)
    await until_in_kafka(listening, *before, *during, *after)

    events = await events_of(listening)
    # As before[0] and before[1] are still to be heard when a session begins, nothing is out of order.
    assert events.firsts_by_channel()[GENERAL] == [*before, *during, *after]
    assert events.named("MESSAGE_UPDATE")
    assert events.named("MESSAGE_DELETE")
    assert (await discord.state())["counts"]["identified"] == 1
    assert not await gaps_of(listening)


@pytest.mark.parametrize("keeps_its_file", [True, False])
async def test_a_connector_that_comes_too_late_for_its_session_fetches_what_it_missed(
    discord: DiscordServer,
    listening: Settings,
    connectors: Connectors,
    tmp_path: Path,
    keeps_its_file: bool,
) -> None:
    first = connectors.start()
    await discord.until_heard()
    before = await discord.say(GENERAL, 3)
    await until_in_kafka(listening, *before)
    assert first.stop() == 0
    await discord.do("forget_sessions")
    missed = await discord.say(GENERAL, 30)
    if not keeps_its_file:
        (tmp_path / f"connect-discord-{BOT}.json").unlink()
    connectors.start()
    await until_in_kafka(listening, *before, *missed)

    async def is_filled() -> bool:
        gap = await the_gap(listening)
        assert (gap["channel"], gap["reason"]) == (GUILD, "not running")
        return gap["filled"] is not None

    await eventually(is_filled)


async def test_threads_that_were_made_and_archived_meanwhile_are_fetched_with_what_they_are_of(
    discord: DiscordServer, listening: Settings, connectors: Connectors
) -> None:
    connectors.start()
    await discord.until_heard()
    await until_in_kafka(listening, *await discord.say(GENERAL))
    await discord.do("set", is_away=True)
    await discord.do("forget_sessions")
    missed = []
    threads = [f"13120000000000009{number:02}" for number in range(5)]
    for number, thread in enumerate(threads):
        await discord.do("channel", name=thread, type=11, parent=GENERAL)
        missed += await discord.say(thread, 2)
        await discord.do("change", channel=thread, archived=f"2999-01-01T00:00:0{number}+00:00")
    await discord.do("set", is_away=False)
    await until_in_kafka(listening, *missed)

    told = [
        thread
        for sync in (await events_of(listening)).named("THREAD_LIST_SYNC")
        for thread in sync["threads"]
    ]
    assert {(thread["id"], thread["parent_id"]) for thread in told} == {(each, GENERAL) for each in threads}


async def test_what_was_said_while_a_server_had_a_fault_is_fetched_when_it_is_back(
    discord: DiscordServer, listening: Settings, connectors: Connectors
) -> None:
    connectors.start()
    await discord.until_heard()
    await until_in_kafka(listening, *await discord.say(GENERAL))
    await discord.do("event", name="GUILD_DELETE", guild=GUILD, data={"id": GUILD, "unavailable": True})
    await discord.do("set", is_silent=True)
    missed = await discord.say(GENERAL, 5)
    await discord.do("set", is_silent=False)
    await discord.do("event", name="GUILD_CREATE", guild=GUILD, data={"id": GUILD, "threads": []})
    await until_in_kafka(listening, *missed, *await discord.say(GENERAL))

    async def is_filled() -> bool:
        gap = await the_gap(listening)
        assert (gap["channel"], gap["reason"]) == (GUILD, "shut out")
        return gap["filled"] is not None

    await eventually(is_filled)


async def test_a_fault_that_is_over_at_once_leaves_no_gap(
    discord: DiscordServer, listening: Settings, connectors: Connectors
) -> None:
    connectors.start()
    await discord.until_heard()
    await until_in_kafka(listening, *await discord.say(GENERAL))

    missed = [
        message
        for _ in range(FAULTS)
        for message in await discord.do("be_gone_for_a_moment", guild=GUILD, channel=GENERAL)
    ]
    await until_in_kafka(listening, *missed)

    async def all_are_filled() -> bool:
        gaps = await gaps_of(listening)
        assert {gap["reason"] for gap in gaps} == {"shut out"}
        return all(gap["filled"] for gap in gaps)

    await eventually(all_are_filled)


@pytest.mark.parametrize("how", ["is_shut", "hides_history"])
async def test_of_a_channel_whose_history_is_not_shown_the_gap_stays(
    discord: DiscordServer, listening: Settings, connectors: Connectors, how: str
) -> None:
    await discord.do("change", channel=RANDOM, **{how: True})
    connectors.start()
    await discord.until_heard()
    await until_in_kafka(listening, *await discord.say(GENERAL))
    await discord.do("set", is_away=True)
    await discord.do("forget_sessions")
    missed = [*await discord.say(GENERAL, 3)]
    await discord.say(RANDOM, 3)
    await discord.do("set", is_away=False)
    await until_in_kafka(listening, *missed)

    async def are_told() -> bool:
        gaps = {gap["channel"]: gap for gap in await gaps_of(listening)}
        if RANDOM not in gaps:
            return False
        assert gaps[RANDOM]["reason"] == "not shown"
        assert gaps[RANDOM]["filled"] is None
        return gaps[GUILD]["filled"] is not None

    await eventually(are_told)


async def test_shards_divide_the_servers_and_each_takes_up_its_session(
    discord: DiscordServer, listening: Settings, connectors: Connectors
) -> None:
    other = str((int(GUILD) >> 22) + 1 << 22)
    await discord.do("set", guilds=[GUILD, other], shards=2)
    await discord.do("channel", name="1312000000000000777", guild=other)
    connectors.start()
    await discord.until_heard((0, 1))
    ids = [*await discord.say(GENERAL, 3), *await discord.say("1312000000000000777", 3)]
    await discord.do("cut")
    ids += [*await discord.say(GENERAL, 3), *await discord.say("1312000000000000777", 3)]
    await discord.until_count("resumed", 2)
    await until_in_kafka(listening, *ids)
    assert (await discord.state())["counts"]["identified"] == 2


@pytest.mark.parametrize(
    ("code", "advice"), [(4014, "Message Content Intent"), (4011, "--shards"), (4004, "DISCORD_TOKEN")]
)
async def test_a_refusal_that_a_person_can_mend_ends_it_and_says_how(
    discord: DiscordServer, connectors: Connectors, code: int, advice: str
) -> None:
    await discord.do("set", refuses=code)
    connector = connectors.start()
    assert connector.wait() == 2
    assert advice in connector.said


async def test_a_wrong_token_ends_it_and_is_in_no_log(
    discord: DiscordServer, listening: Settings, connectors: Connectors
) -> None:
    connector = connectors.start(settings=changed(listening, discord_token="not-that-token"))
    assert connector.wait() == 2
    assert "DISCORD_TOKEN" in connector.said
    assert "not-that-token" not in connector.said


@pytest.mark.parametrize("is_killed_too", [False, True])
async def test_without_kafka_nothing_is_acknowledged_and_nothing_is_missed_when_it_is_back(
    dedicated_kafka: EmbeddedKafka,
    settings: Callable[..., Settings],
    discord: DiscordServer,
    tmp_path: Path,
    is_killed_too: bool,
) -> None:
    listening = settings_to_listen(
        settings,
        discord,
        kafka_bootstrap_servers=dedicated_kafka.bootstrap_servers,
        # The least that can be set: a hundred messages or so.
        connect_buffer_bytes=64 * 1024,
    )
    await prepare(listening)
    connectors = Connectors(listening, tmp_path)
    try:
        connector = connectors.start()
        await discord.until_heard()
        before = await discord.say(GENERAL, 10)
        await until_in_kafka(listening, *before)
        acknowledged = await discord.last_sequence()
        await discord.until_acknowledged(acknowledged)
        await dedicated_kafka.kill()

        during = await discord.say(GENERAL, 2000)
        await discord.do("delete", channel=GENERAL, message=during[0])
        heartbeats = (await discord.state())["counts"]["heartbeats"]
        await discord.until_count("heartbeats", heartbeats + 5)
        assert (await discord.state())["acknowledged"] == acknowledged
        if is_killed_too:
            connector.kill()
            connectors.start()
        else:
            await discord.do("cut")

        await dedicated_kafka.start()
        await discord.until_count("resumed", 1)
        after = await discord.say(GENERAL, 3)
        await until_in_kafka(listening, *before, *during, *after)
        events = await events_of(listening)
        assert events.firsts_by_channel()[GENERAL] == [*before, *during, *after]
        assert events.named("MESSAGE_DELETE")
        assert not await gaps_of(listening)
    finally:
        connectors.end_all()


async def test_what_is_heard_and_what_is_fetched_is_one_row_each(
    discord: DiscordServer, listening: Settings, connectors: Connectors, tmp_path: Path
) -> None:
    connectors.start()
    await discord.until_heard()
    ids = await discord.say(GENERAL, 5)
    await until_in_kafka(listening, *ids)
    await discord.do("set", is_away=True)
    await discord.do("forget_sessions")
    ids += await discord.say(GENERAL, 5)
    await discord.do("set", is_away=False)
    await until_in_kafka(listening, *ids)

    async def are_rows() -> bool:
        connection = await connect(listening.database)
        try:
            rows = await connection.fetch("SELECT id, channel FROM messages WHERE platform = 'discord'")
        finally:
            await connection.close()
        assert {str(row["id"]) for row in rows} == {
            message_id("discord", each, said_ms(each)) for each in ids
        }
        return len(rows) == len(ids)

    with workers_of(listening, tmp_path / "workers") as workers:
        workers.start(Role.CAPTURE_PLATFORMS)
        workers.start(Role.PERSIST)
        await eventually(are_rows)
    # What was said shortly before the gap was fetched once more, and fell on the same rows.
    told = [each["d"]["id"] for each in (await events_of(listening)).told_by_the_history()]
    assert len(told) > len(ids) // 2
