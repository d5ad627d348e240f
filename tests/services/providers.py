"""Where Kafka, PostgreSQL and object storage come from: for all tests, or for one that may break them."""

import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import asyncpg

from app.local.embedded import EmbeddedKafka, EmbeddedPostgres, EmbeddedStorage, scratch_directory
from app.local.embedded.postgres import USER
from app.local.embedded.service import Service
from sinks.storage.bucket import BucketSettings
from tests.services.containers import docker_answers, kafka_container, postgres_container
from tests.services.moto import moto_server
from tests.services.storage import settings_of
from tests.services.waiting import in_own_loop


@contextmanager
def shared_kafka(named: str | None) -> Iterator[str]:
    """Give the bootstrap servers of a broker: the one that is named, else from Docker, else embedded."""
    with ExitStack() as stack:
        yield named or _from_docker(stack, kafka_container) or stack.enter_context(_embedded_kafka())


@contextmanager
def shared_postgres(named: str | None) -> Iterator[str]:
    """Give the URL of a database, as a user who may make others: named, else from Docker, else embedded."""
    with ExitStack() as stack:
        yield named or _from_docker(stack, postgres_container) or stack.enter_context(_embedded_postgres())


@contextmanager
def shared_storage(named: BucketSettings | None) -> Iterator[BucketSettings]:
    """Give object storage where buckets may be made: the one that is named, else embedded."""
    with ExitStack() as stack:
        yield named or stack.enter_context(_embedded_storage())


@contextmanager
def shared_moto() -> Iterator[BucketSettings]:
    """Give moto's S3, for what the embedded one lacks: lifecycle rules. Its own process, all in memory."""
    with moto_server() as endpoint:
        yield BucketSettings("unused", endpoint, access_key="anyone", secret_key="anything", path_style=True)


@asynccontextmanager
async def dedicated_kafka() -> AsyncIterator[EmbeddedKafka]:
    """Give a broker that the test may kill, freeze and restart."""
    with scratch_directory() as directory:
        async with EmbeddedKafka(directory / "kafka") as kafka:
            yield kafka


@asynccontextmanager
async def dedicated_postgres() -> AsyncIterator[EmbeddedPostgres]:
    """Give a PostgreSQL server that the test may kill, freeze and restart."""
    with scratch_directory() as directory:
        async with EmbeddedPostgres(directory / "postgres") as postgres:
            yield postgres


@asynccontextmanager
async def dedicated_storage() -> AsyncIterator[EmbeddedStorage]:
    """Give an S3 server that the test may kill, freeze and restart."""
    with scratch_directory() as directory:
        async with EmbeddedStorage(directory / "storage") as storage:
            yield storage


def _from_docker(stack: ExitStack, container: Callable[[], AbstractContextManager[str]]) -> str | None:
    if not docker_answers():
        return None
    try:
        return stack.enter_context(container())
    except Exception as error:  # noqa: BLE001 -- whatever keeps Docker from running it, such as no registry
        warnings.warn(f"Docker answers but cannot run a service, so it is embedded: {error}", stacklevel=2)
        return None


@contextmanager
def _embedded_kafka() -> Iterator[str]:
    with scratch_directory() as directory:
        kafka = EmbeddedKafka(directory / "kafka")
        with _running(kafka):
            yield kafka.bootstrap_servers


@contextmanager
def _embedded_postgres() -> Iterator[str]:
    with scratch_directory() as directory:
        postgres = EmbeddedPostgres(directory / "postgres")
        with _running(postgres):
            in_own_loop(_set_for_tests(postgres.url))
            yield postgres.url


async def _set_for_tests(url: str) -> None:
    """Spare a server that only tests use what protects it from a loss of power, and from guessed passwords.

    Making and dropping databases waits for the disk, half a second each, and a new connection computes for
    several milliseconds what makes its password hard to guess.
    """
    connection = await asyncpg.connect(url)
    try:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            await connection.execute(f"ALTER SYSTEM SET {setting} = off")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.execute("SET scram_iterations = 1")
        await connection.execute(f"ALTER ROLE {USER} PASSWORD '{urlsplit(url).password}'")
    finally:
        await connection.close()


@contextmanager
def _embedded_storage() -> Iterator[BucketSettings]:
    with scratch_directory() as directory:
        storage = EmbeddedStorage(directory / "storage")
        with _running(storage):
            yield settings_of(storage)


@contextmanager
def _running(service: Service) -> Iterator[None]:
    in_own_loop(service.start())
    try:
        yield
    finally:
        in_own_loop(service.stop())
