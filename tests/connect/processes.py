"""Connectors as operators run them, and servers of platforms, in processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition

from app.kafka.clients import client_settings
from app.local.embedded import free_port
from app.postgres.connections import connect
from tests.services import as_environment, eventually
from tests.workers import CHATLOG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    import asyncpg

    from app.settings import Settings

STOPS_WITHIN_S = 15.0


class ConnectorProcess:
    """`chatlog connect …`, which a test may stop in order, or kill."""

    def __init__(self, settings: Settings, log: Path, *arguments: str) -> None:
        self.log = log
        self.web_port = free_port()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [CHATLOG, "connect", *arguments, "--web-port", str(self.web_port)],
                env={**os.environ, **as_environment(settings)},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> int:
        """Stop it in order; return its exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOPS_WITHIN_S)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def exit_status(self) -> int:
        """Return with what it ends by itself."""
        return self._process.wait(60)

    async def get(self, path: str) -> tuple[int, str]:
        """Ask its view."""
        address = f"http://127.0.0.1:{self.web_port}{path}"
        async with aiohttp.ClientSession() as session, session.get(address) as response:
            return response.status, await response.text()

    async def hears(self, *channels: str) -> None:
        """Wait until it hears these channels and no others."""

        async def does_it() -> bool:
            try:
                _, answer = await self.get("/")
            except aiohttp.ClientError as error:
                raise AssertionError(f"{error}; {self.said[-2000:]}") from None
            heard = json.loads(answer)["heard_until"]
            assert set(heard) == set(channels), f"{heard}; {self.said[-2000:]}"
            return True

        await eventually(does_it)


@contextmanager
def connector_of(settings: Settings, log: Path, *arguments: str) -> Iterator[ConnectorProcess]:
    """Run a connector; it does not outlive this."""
    connector = ConnectorProcess(settings, log, *arguments)
    try:
        yield connector
    finally:
        connector.kill()


class ServerProcess:
    """A server of a platform, that does what it is told by lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer

    async def order(self, do: str, **how: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **how}).encode() + b"\n")
        return await self.answer()


@asynccontextmanager
async def server_of(module: str, *arguments: str) -> AsyncIterator[tuple[ServerProcess, int]]:
    """Run a module as a server; give it, and its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    server = ServerProcess(process)
    try:
        yield server, (await server.answer())["port"]
    finally:
        process.kill()
        await process.wait()


async def records_of(settings: Settings, topic: str) -> list[tuple[str | None, bytes]]:
    """Return keys and values of all records of a topic, each partition's in order."""
    consumer = AIOKafkaConsumer(**client_settings(settings.kafka), auto_offset_reset="earliest")
    await consumer.start()
    try:
        numbers = await consumer._client.fetch_all_metadata()
        partitions = [TopicPartition(topic, number) for number in numbers.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[tuple[str | None, bytes]] = []
        for partition in sorted(partitions):
            while await consumer.position(partition) < ends[partition]:
                records = (await consumer.getmany(partition, timeout_ms=1000)).get(partition, ())
                found += [(record.key and record.key.decode(), record.value) for record in records]
        return found
    finally:
        await consumer.stop()


async def gaps_of(settings: Settings) -> list[asyncpg.Record]:
    """Return the rows of connector_gaps by when they began."""
    connection = await connect(settings.database)
    try:
        return await connection.fetch("SELECT * FROM connector_gaps ORDER BY began, ended NULLS LAST")
    finally:
        connection.terminate()
