"""Discord as tests play it, connectors that listen to it, and what came into Kafka."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from app.kafka.clients import client_settings
from app.kafka.topics import topics_of
from app.local.embedded import free_port
from tests.connect.discord_server import TOKEN
from tests.services import as_environment, eventually
from tests.workers import CHATLOG, ENDS_WITHIN_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.settings import Settings


class DiscordServer:
    """The server, and what it is told and asked."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.connect.discord_server", str(self.port)],
                stdout=output,
                stderr=output,
            )

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v10"

    async def do(self, happens: str, /, **how: Any) -> Any:
        """Have something happen there."""
        async with (
            aiohttp.ClientSession(raise_for_status=True) as http,
            http.post(f"http://127.0.0.1:{self.port}/control/{happens}", json=how) as answer,
        ):
            return await answer.json()

    async def state(self) -> dict[str, Any]:
        async with (
            aiohttp.ClientSession(raise_for_status=True) as http,
            http.get(f"http://127.0.0.1:{self.port}/control/state") as answer,
        ):
            return dict(await answer.json())

    async def is_up(self) -> bool:
        try:
            return bool(await self.state())
        except aiohttp.ClientError:
            return False

    async def say(self, channel: str, count: int = 1) -> list[str]:
        """Have so many messages said in a channel; return their ids."""
        return list(await self.do("say", channel=channel, texts=[f"words {each}" for each in range(count)]))

    async def until_heard(self, shards: tuple[int, ...] = (0,)) -> None:
        """Wait until these shards are connected, and no others."""

        async def are_connected() -> bool:
            return bool((await self.state())["connected"] == [*shards])

        await eventually(are_connected)

    async def until_count(self, name: str, count: int) -> None:
        """Wait until something has happened so often."""

        async def has_happened() -> bool:
            return int((await self.state())["counts"].get(name, 0)) >= count

        await eventually(has_happened, what=f"{count} {name}")

    async def last_sequence(self) -> int:
        """Return the number of the last event of the one session."""
        (last,) = (await self.state())["last"].values()
        return int(last)

    async def until_acknowledged(self, sequence: int) -> None:
        """Wait until the connector has said that it has the event with this number."""

        async def is_acknowledged() -> bool:
            return int((await self.state())["acknowledged"]) >= sequence

        await eventually(is_acknowledged)


@contextmanager
def discord_server(log: Path) -> Iterator[DiscordServer]:
    server = DiscordServer(log)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


class ConnectorProcess:
    """`chatlog connect discord`, which a test may stop in order, or kill."""

    def __init__(self, settings: Settings, log: Path, *options: str) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [CHATLOG, "connect", "discord", *options],
                env={**os.environ, **as_environment(settings)},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(ENDS_WITHIN_S)

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(ENDS_WITHIN_S)

    def wait(self) -> int:
        return self._process.wait(ENDS_WITHIN_S)

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")


class Connectors:
    """Starts connectors, one after another, and leaves none running."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._settings = settings
        self._log = directory / "connector.log"
        self._started: list[ConnectorProcess] = []

    def start(self, *options: str, settings: Settings | None = None) -> ConnectorProcess:
        process = ConnectorProcess(settings or self._settings, self._log, *options)
        self._started.append(process)
        return process

    def end_all(self) -> None:
        for process in self._started:
            process.kill()
        if self._log.exists():
            # pytest shows it when the test failed.
            sys.stdout.write(self._log.read_text(errors="replace")[-6000:])


@dataclass(frozen=True)
class Events:
    """What is in the events topic."""

    records: list[tuple[str | None, dict[str, Any]]]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [value["d"] for _, value in self.records if value.get("t") == name]

    def told_by_the_history(self) -> list[dict[str, Any]]:
        return [value for _, value in self.records if value.get("source") == "rest"]

    @property
    def message_ids(self) -> set[str]:
        """Every message that came, in whichever way."""
        return {each["id"] for each in self.named("MESSAGE_CREATE")} | {
            each["d"]["id"] for each in self.told_by_the_history()
        }

    def firsts_by_channel(self) -> dict[str, list[str]]:
        """The messages that the gateway told, in the order in which each came first."""
        firsts: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for message in self.named("MESSAGE_CREATE"):
            firsts[message["channel_id"]].setdefault(message["id"])
        return {channel: list(ids) for channel, ids in firsts.items()}


async def events_of(settings: Settings) -> Events:
    """Read the whole events topic."""
    topic = topics_of(settings.topology).platform_events["discord"]
    consumer = AIOKafkaConsumer(**client_settings(settings.kafka), enable_auto_commit=False)
    records: list[tuple[str | None, dict[str, Any]]] = []
    async with consumer:
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                for record in (await consumer.getmany(partition, timeout_ms=1000)).get(partition, []):
                    key = record.key.decode() if record.key else None
                    records.append((key, msgspec.json.decode(record.value)))
    return Events(records)


def settings_to_listen(settings: Any, server: DiscordServer, **others: Any) -> Settings:
    """Settings of a connector to a server."""
    made: Settings = settings(
        platforms=("discord",), discord_token=TOKEN, discord_api_url=server.api_url, **others
    )
    return made
