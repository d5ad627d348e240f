"""Workers as the operators run them, in processes of their own, and the records that go in and come out."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from app.kafka.clients import client_settings
from app.kafka.topic_admin import ensure_topics
from app.local.embedded import free_port
from app.postgres.connections import connect
from tests.services import as_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import asyncpg

    from app.settings import Role, Settings

#: The command beside the interpreter that runs the tests.
CHATLOG = Path(sys.executable).with_name("chatlog")
#: How long a worker may take to end by itself, from its start on a machine that does much else.
ENDS_WITHIN_S = 90.0
#: The 10 s that an orchestrator is told to wait before it kills, and some for a busy machine. A stop that
#: takes over 9 s is cut off (`app.worker.app`); what comes on top is to notice the signal, and to end.
STOPS_WITHIN_S = 15.0


def limited(open_files: int | None, *command: str | Path) -> list[str | Path]:
    """Return a command that may have so many files open, or as many as the tests may."""
    return (
        [*command]
        if open_files is None
        else ["sh", "-c", 'ulimit -n "$0" && exec "$@"', str(open_files), *command]
    )


class WorkerProcess:
    """A worker that a test may stop in order, or kill."""

    def __init__(
        self,
        role: Role,
        settings: Settings,
        log: Path,
        data_dir: Path,
        extra: Mapping[str, str],
        open_files: int | None,
        launcher: Sequence[str],
    ) -> None:
        self.log = log
        self.data_dir = data_dir
        self.web_port = free_port()
        environment = {**os.environ, **as_environment(settings), "WEB_PORT": str(self.web_port)}
        environment |= {"DATA_DIR": str(data_dir), **extra}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*launcher, *limited(open_files, CHATLOG, "worker", role)],
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    async def is_ready(self) -> bool:
        """Ask the worker itself, as an orchestrator does."""
        url = f"http://127.0.0.1:{self.web_port}/health/ready"
        with suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                return response.status == 200
        return False

    def last_lines(self) -> str:
        return self.said[-3000:]

    @property
    def said(self) -> str:
        """All of its log so far."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(ENDS_WITHIN_S)

    def freeze(self) -> None:
        """Hold it as a machine does that swaps, or a virtual one that is moved: it notices nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was frozen."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self, timeout_s: float = ENDS_WITHIN_S) -> int:
        """Stop in order; return the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout_s)

    def wait(self, timeout_s: float = ENDS_WITHIN_S) -> int:
        return self._process.wait(timeout_s)


class Workers:
    """Starts workers, and leaves none running."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._settings = settings
        self._directory = directory
        directory.mkdir(exist_ok=True)
        self.started: list[WorkerProcess] = []

    def start(
        self,
        role: Role,
        settings: Settings | None = None,
        *,
        like: WorkerProcess | None = None,
        extra: Mapping[str, str] | None = None,
        open_files: int | None = None,
        launcher: Sequence[str] = (),
    ) -> WorkerProcess:
        """Start a worker with a data directory of its own, or with that of one that has ended.

        Args:
            role: what it does.
            settings: instead of those of the system.
            like: the one that has ended.
            extra: variables of the environment that are no settings.
            open_files: how many it may have open.
            launcher: a command that runs it.
        """
        name = f"{role}-{len(self.started)}"
        data_dir = like.data_dir if like else self._directory / name
        log = self._directory / f"{name}.log"
        worker = WorkerProcess(
            role, settings or self._settings, log, data_dir, extra or {}, open_files, launcher
        )
        self.started.append(worker)
        return worker

    def kill_all(self) -> None:
        for worker in self.started:
            if worker.running:
                worker.kill()

    def logs(self) -> str:
        return "\n".join(f"== {worker.log.name}\n{worker.last_lines()}" for worker in self.started)


@contextmanager
def workers_of(settings: Settings, directory: Path) -> Iterator[Workers]:
    workers = Workers(settings, directory)
    try:
        yield workers
    finally:
        # pytest shows it when the test failed.
        sys.stdout.write(workers.logs())
        workers.kill_all()


async def prepare(settings: Settings) -> None:
    """Make the topics of a test, whose database has the schema."""
    await ensure_topics(settings.kafka, settings.topology)


async def produce(
    settings: Settings, topic: str, records: Iterable[tuple[bytes | None, bytes | None]]
) -> None:
    """Produce records, keyed as given, and return when the broker has them."""
    producer = AIOKafkaProducer(**client_settings(settings.kafka), acks="all", linger_ms=5)
    await producer.start()
    try:
        deliveries = [await producer.send(topic, value, key=key) for key, value in records]
        await asyncio.gather(*deliveries)
    finally:
        await producer.stop()


async def commit(settings: Settings, group: str, topic: str) -> None:
    """Leave a commit, as a worker of that group did."""
    consumer = AIOKafkaConsumer(**client_settings(settings.kafka), group_id=group, enable_auto_commit=False)
    async with consumer:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.commit({partition: 0})


async def rows_of(settings: Settings) -> dict[tuple[str, int, str], asyncpg.Record]:
    """Return every row of chat_log by its key, the timestamp in ms."""
    connection = await connect(settings.database)
    try:
        rows = await connection.fetch(
            "SELECT *, (extract(epoch FROM timestamp) * 1000)::bigint AS timestamp_ms FROM chat_log"
        )
    finally:
        await connection.close()
    return {(row["userid"], row["timestamp_ms"], row["direction"]): row for row in rows}


async def count(settings: Settings, table: str = "chat_log") -> int:
    """Return the number of rows of one of our tables."""
    connection = await connect(settings.database)
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await connection.close()
