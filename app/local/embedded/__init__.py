"""Real Apache Kafka, PostgreSQL and object storage from Python packages, for `chatlog up` and the tests.

Each is a child process on a data directory, on loopback only, that ends with its parent. Nothing here is
for production: there, KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL and STORAGE_BUCKET name the real services.
"""

from app.local.embedded.directory import scratch_directory
from app.local.embedded.errors import (
    AlreadyRunningError,
    DirectoryError,
    EmbeddedError,
    JarRefusedError,
    JarUnreachableError,
    NotAvailableError,
    PortTakenError,
    StartError,
)
from app.local.embedded.jars import FetchProgress
from app.local.embedded.kafka import EmbeddedKafka
from app.local.embedded.ports import free_port
from app.local.embedded.postgres import EmbeddedPostgres
from app.local.embedded.storage import EmbeddedStorage

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
