"""Real Apache Kafka, PostgreSQL and object storage from Python packages, for `chatlog up` and the tests.

Each is a child process on a data directory, on loopback only, that ends with its parent. Nothing here is
for production: there, KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL and STORAGE_BUCKET name the real services.
"""

from app.embedded.directory import scratch_directory
from app.embedded.errors import (
    AlreadyRunningError,
    DirectoryError,
    EmbeddedError,
    JarRefusedError,
    JarUnreachableError,
    NotAvailableError,
    PortTakenError,
    StartError,
)
from app.embedded.jars import FetchProgress
from app.embedded.kafka import EmbeddedKafka
from app.embedded.ports import free_port
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.storage import EmbeddedStorage

__all__ = [
    "AlreadyRunningError",
    "DirectoryError",
    "EmbeddedError",
    "EmbeddedKafka",
    "EmbeddedPostgres",
    "EmbeddedStorage",
    "FetchProgress",
    "JarRefusedError",
    "JarUnreachableError",
    "NotAvailableError",
    "PortTakenError",
    "StartError",
    "free_port",
    "scratch_directory",
]
