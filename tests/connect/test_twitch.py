"""The connector of Twitch's chat, against a server that speaks it: what is said is in Kafka or in a gap."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from app.kafka.topic_admin import ensure_topics
from tests.connect.authority import certify_localhost
from tests.connect.irc_server import room_id
from tests.connect.processes import connector_of, gaps_of, records_of, server_of
from tests.services import eventually, settings_for_tests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from app.local.embedded import EmbeddedKafka
    from app.settings import Settings
    from tests.connect.processes import ConnectorProcess, ServerProcess

#: What a message costs in tags, so that lines are as long as Twitch's.
BADGES = (
    "badge-info=subscriber/22;badges=subscriber/18,premium/1;client-nonce=459e3142897c7a22b7d275178f2259e0"
)


def message(login: str, number: int, text: str = "hello there") -> str:
    return (
        f"@{BADGES};display-name=Ana;id={login}-{number};room-id={room_id(login)};tmi-sent-ts=17724747{number:05};"
        f"user-id=7 :ana!ana@ana.tmi.twitch.tv PRIVMSG #{login} :{text}"
    )


def events_topic(settings: Settings) -> str:
    return f"vlab-{settings.topology.vlab_env}-twitch-events"


async def in_kafka(settings: Settings, login: str) -> list[str]:
    """The lines of a room, in order; of one that came twice, the first."""
    found = await records_of(settings, events_topic(settings))
    return list(dict.fromkeys(value.decode() for key, value in found if key == room_id(login)))


class Talk:
    """Says numbered messages in a room, and remembers which nobody heard."""

    def __init__(self, server: ServerProcess, login: str) -> None:
        self._server = server
        self._login = login
        self.said: list[str] = []
        self.unheard: list[datetime] = []

    async def say(self, many: int = 1, text: str = "hello there") -> None:
        for _ in range(many):
            line = message(self._login, len(self.said), text)
            now = datetime.now(UTC)
            if (await self._server.order("say", lines=[line]))["heard_by"]:
                self.said.append(line)
            else:
                self.unheard.append(now)


@asynccontextmanager
async def chat(tmp_path: Path) -> AsyncIterator[tuple[ServerProcess, dict[str, str]]]:
    """A server, and the settings to reach it."""
    files = certify_localhost(tmp_path)
    async with server_of("tests.connect.irc_server", str(files.certificate), str(files.key)) as (
        server,
        port,
    ):
        yield (
            server,
            {"twitch_irc_server": f"localhost:{port}", "twitch_irc_ca_file": str(files.authority)},
        )


def channels(logins: Sequence[str]) -> list[str]:
    return [argument for login in logins for argument in ("--channel", login)]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    async with chat(tmp_path) as (server, where):
        tmp_path.joinpath("where.json").write_text(json.dumps(where))
        yield server


@pytest.fixture
async def twitch(server: ServerProcess, settings: Callable[..., Settings], tmp_path: Path) -> Settings:
    """Settings of a system that captures Twitch from that server."""
    made = settings(platforms="twitch", **json.loads(tmp_path.joinpath("where.json").read_text()))
    await ensure_topics(made.kafka, made.topology)
    return made


@pytest.fixture
def connector(twitch: Settings, tmp_path: Path) -> Iterator[ConnectorProcess]:
    with connector_of(twitch, tmp_path / "connector.log", "twitch", *channels(["forsen"])) as started:
        yield started


async def test_lines_are_handed_in_as_they_came_keyed_by_the_rooms_id(
    server: ServerProcess, twitch: Settings, connector: ConnectorProcess
) -> None:
    await connector.hears(room_id("forsen"))
    of_the_room = [
        message("forsen", 1, "\x01ACTION waves \U0001f44b\x01"),
        "@login=ana;msg-id=resub;room-id=;tmi-sent-ts=1 :tmi.twitch.tv USERNOTICE #forsen :still here",
        "@login=ana;room-id=;target-msg-id=forsen-1;tmi-sent-ts=1 :tmi.twitch.tv CLEARMSG #forsen :waves",
        "@ban-duration=60;room-id=;target-user-id=7 :tmi.twitch.tv CLEARCHAT #forsen :ana",
        "@a=b :tmi.twitch.tv NEWTHING #forsen :what Twitch adds one day",
    ]
    of_the_connection = [
        ":tmi.twitch.tv NOTICE #forsen :This room is in slow mode.",
        f"@slow=10;room-id={room_id('forsen')} :tmi.twitch.tv ROOMSTATE #forsen",
        ":ben!ben@ben.tmi.twitch.tv JOIN #forsen",
    ]
    await server.order("send", hex=b"PING :tmi.twitch.tv\r\n".hex())
    await server.order("say", lines=[*of_the_connection, *of_the_room])

    async def are_there() -> bool:
        found = await records_of(twitch, events_topic(twitch))
        assert [value.decode() for _, value in found] == of_the_room
        assert {key for key, _ in found} == {room_id("forsen")}
        return True

    await eventually(are_there)
    state = await server.order("state")
    assert state["logins"][0].startswith("justinfan"), "nobody's account is needed"


async def test_more_channels_than_may_be_joined_at_once_are_joined_in_time(
    server: ServerProcess, twitch: Settings, tmp_path: Path
) -> None:
    logins = [f"channel_{number}" for number in range(25)]
    with connector_of(twitch, tmp_path / "many.log", "twitch", *channels(logins)) as connector:
        await connector.hears(*map(room_id, logins))

    state = await server.order("state")
    assert (state["over_the_limit"], state["connections"], state["joins"]) == (0, 1, 25)


async def test_when_twitch_asks_for_another_connection_nothing_is_missed(
    server: ServerProcess, twitch: Settings, connector: ConnectorProcess
) -> None:
    await connector.hears(room_id("forsen"))
    talk = Talk(server, "forsen")
    await talk.say(20)
    await server.order("reconnect", cut=False)

    async def has_moved() -> bool:
        state = await server.order("state")
        assert (state["connections"], state["most_at_once"], state["now"]) == (2, 2, 1)
        return True

    for _ in range(200):
        await talk.say(5)
        if (await server.order("state"))["connections"] == 2:
            break
        await asyncio.sleep(0.01)
    await talk.say(50)
    await eventually(has_moved)
    await talk.say(10)

    async def all_are_there() -> bool:
        assert await in_kafka(twitch, "forsen") == talk.said
        return True

    await eventually(all_are_there)
    assert talk.unheard == []
    connector.stop()
    assert [gap["ended"] for gap in await gaps_of(twitch)] == [None]


async def test_what_is_said_while_the_connection_is_lost_is_a_gap(
    server: ServerProcess, twitch: Settings, connector: ConnectorProcess
) -> None:
    await connector.hears(room_id("forsen"))
    talk = Talk(server, "forsen")
    await talk.say(20)
    await server.order("set", refuses=True)
    await server.order("cut")
    await talk.say(3)
    await server.order("set", refuses=False)

    async def is_heard_again() -> bool:
        await talk.say()
        return len(talk.said) > 20

    await eventually(is_heard_again)

    async def is_right() -> bool:
        assert await in_kafka(twitch, "forsen") == talk.said
        found = await gaps_of(twitch)
        assert len(found) == 2
        gap, present = found
        assert (gap["channel"], gap["reason"]) == (room_id("forsen"), "connection lost")
        assert all(gap["began"] <= moment <= gap["ended"] for moment in talk.unheard)
        assert (present["ended"], present["began"] >= gap["ended"]) == (None, True)
        return True

    assert len(talk.unheard) >= 3
    await eventually(is_right)


async def test_a_network_that_falls_silent_is_noticed_and_its_gap_begins_before(
    server: ServerProcess, twitch: Settings, connector: ConnectorProcess
) -> None:
    await connector.hears(room_id("forsen"))
    await server.order("set", silent=True)
    silent_since = datetime.now(UTC)

    async def gives_up() -> bool:
        return bool((await server.order("state"))["now"] == 0)

    await eventually(gives_up)
    await server.order("set", silent=False)

    async def is_right() -> bool:
        found = await gaps_of(twitch)
        assert len(found) == 2
        gap, _ = found
        assert gap["reason"] == "connection lost"
        assert gap["began"] <= silent_since
        assert (gap["ended"] - gap["began"]).total_seconds() > 15
        return True

    await eventually(is_right)


async def test_a_connector_that_is_killed_loses_nothing_that_is_not_in_a_gap(
    server: ServerProcess, twitch: Settings, connector: ConnectorProcess, tmp_path: Path
) -> None:
    await connector.hears(room_id("forsen"))
    talk = Talk(server, "forsen")
    sent: list[datetime] = []
    for _ in range(300):
        sent.append(datetime.now(UTC))
        await talk.say()
    connector.kill()
    await talk.say(5)
    arguments = ("twitch", *channels(["forsen"]))
    with connector_of(twitch, tmp_path / "again.log", *arguments) as again:
        await again.hears(room_id("forsen"))
        before = len(talk.said)
        await talk.say(20)

        async def the_rest_is_there() -> bool:
            return (await in_kafka(twitch, "forsen"))[-20:] == talk.said[before:]

        async def are_two() -> bool:
            return len(await gaps_of(twitch)) == 2

        await eventually(the_rest_is_there)
        await eventually(are_two)
        gap, _ = await gaps_of(twitch)
        found = await in_kafka(twitch, "forsen")

    assert found == [line for line in talk.said if line in set(found)], "in order"
    lost = [at for at, line in zip(sent, talk.said, strict=False) if line not in set(found)]
    assert gap["reason"] == "not running"
    assert all(gap["began"] <= moment <= gap["ended"] for moment in [*lost, *talk.unheard])


async def test_a_channel_that_is_suspended_or_nobodys_is_told_and_holds_up_no_other(
    server: ServerProcess, twitch: Settings, tmp_path: Path
) -> None:
    logins = ["suspended", "nowhere", "forsen"]
    with connector_of(twitch, tmp_path / "some.log", "twitch", *channels(logins)) as connector:
        await connector.hears(room_id("forsen"))
        await eventually(lambda: "has not let us into channels" in connector.said)

        assert "This channel does not exist or has been suspended." in connector.said
        assert 'channels=["suspended", "nowhere"]' in connector.said
        assert connector.running


@pytest.mark.parametrize(("token", "is_taken"), [("right", True), ("oauth:right", True), ("wrong", False)])
async def test_an_account_is_let_in_or_the_connector_says_what_to_mend(
    server: ServerProcess, twitch: Settings, tmp_path: Path, token: str, is_taken: bool
) -> None:
    with connector_of(
        twitch.replace(twitch={"login": "reader", "token": SecretStr(token)}),
        tmp_path / "account.log",
        "twitch",
        *channels(["forsen"]),
    ) as connector:
        if is_taken:
            await connector.hears(room_id("forsen"))
            assert (await server.order("state"))["logins"] == ["reader"]
        else:
            assert connector.exit_status() == 2
            assert (
                "TWITCH_LOGIN, TWITCH_TOKEN: Twitch refuses them (Login authentication failed)"
                in connector.said
            )
        assert token not in connector.said.replace("Login authentication", "")


async def test_what_is_no_line_ends_the_connection_and_the_next_hears_on(
    server: ServerProcess, twitch: Settings, connector: ConnectorProcess
) -> None:
    await connector.hears(room_id("forsen"))
    await server.order("send", hex=(b"\xff" * 200_000).hex())

    async def is_made_anew() -> bool:
        return bool((await server.order("state"))["connections"] == 2)

    await eventually(is_made_anew)
    await connector.hears(room_id("forsen"))
    await server.order("send", hex=b"\xff\x00 garbage\r\n".hex())
    await server.order("say", lines=[message("forsen", 1)])

    async def both_are_there() -> bool:
        found = {value for _, value in await records_of(twitch, events_topic(twitch))}
        return found == {b"\xff\x00 garbage", message("forsen", 1).encode()}

    await eventually(both_are_there)


async def test_it_shows_whether_it_is_well_and_what_it_hears(
    server: ServerProcess, twitch: Settings, connector: ConnectorProcess
) -> None:
    await connector.hears(room_id("forsen"))
    await server.order("say", lines=[message("forsen", 1)])

    async def is_counted() -> bool:
        _, metrics = await connector.get("/metrics")
        assert 'chatlog_connect_events_in_kafka_total{platform="twitch"} 1.0' in metrics
        assert 'chatlog_connect_channels{platform="twitch"} 1.0' in metrics
        return True

    await eventually(is_counted)
    assert (await connector.get("/health/live"))[0] == 200
    assert (await connector.get("/health/ready"))[0] == 200
    await server.order("set", refuses=True)
    await server.order("cut")

    async def is_not_ready() -> bool:
        return (await connector.get("/health/ready"))[0] == 503

    await eventually(is_not_ready)
    assert connector.stop() == 0


async def test_while_kafka_is_away_it_stops_reading_and_loses_nothing(
    unique_env: str, dedicated_kafka: EmbeddedKafka, database_url: str, tmp_path: Path
) -> None:
    async with chat(tmp_path) as (server, where):
        system = settings_for_tests(
            unique_env,
            dedicated_kafka.bootstrap_servers,
            database_url,
            tmp_path,
            platforms="twitch",
            connect_buffer_bytes=64 * 1024,
            **where,
        )
        await ensure_topics(system.kafka, system.topology)
        arguments = ("twitch", *channels(["forsen"]))
        with connector_of(system, tmp_path / "connector.log", *arguments) as connector:
            await connector.hears(room_id("forsen"))
            talk = Talk(server, "forsen")
            await talk.say(10)
            await dedicated_kafka.stop()
            await talk.say(3000, text="x" * 400)

            async def is_full() -> bool:
                _, shown = await connector.get("/")
                return bool(json.loads(shown)["waiting_bytes"] >= 64 * 1024)

            await eventually(is_full)
            assert (await connector.get("/health/ready"))[0] == 503, "it has no room"
            assert json.loads((await connector.get("/"))[1])["events"] < 3000, "it has stopped reading"
            await dedicated_kafka.start()

            async def all_are_there() -> bool:
                assert await in_kafka(system, "forsen") == talk.said
                return True

            await eventually(all_are_there)
            assert talk.unheard == []


async def test_killed_while_kafka_is_away_what_it_had_is_a_gap(
    unique_env: str, dedicated_kafka: EmbeddedKafka, database_url: str, tmp_path: Path
) -> None:
    async with chat(tmp_path) as (server, where):
        system = settings_for_tests(
            unique_env,
            dedicated_kafka.bootstrap_servers,
            database_url,
            tmp_path,
            platforms="twitch",
            **where,
        )
        await ensure_topics(system.kafka, system.topology)
        arguments = ("twitch", *channels(["forsen"]))
        talk = Talk(server, "forsen")
        with connector_of(system, tmp_path / "connector.log", *arguments) as connector:
            await connector.hears(room_id("forsen"))
            await dedicated_kafka.stop()
            first = datetime.now(UTC)
            await talk.say(10)

            async def waits_for_kafka() -> bool:
                return (await connector.get("/health/ready"))[0] == 503

            # By then it has asked for signs of life, and was given them, and has written what it hears.
            await eventually(waits_for_kafka)
            connector.kill()
        await dedicated_kafka.start()
        with connector_of(system, tmp_path / "again.log", *arguments) as again:
            await again.hears(room_id("forsen"))

            async def is_right() -> bool:
                found = await gaps_of(system)
                assert len(found) == 2
                gap, _ = found
                assert gap["began"] <= first
                assert gap["reason"] == "not running"
                return True

            await eventually(is_right)
