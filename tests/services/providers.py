"""Where a broker and a database come from: for all tests of a session, or for one that may break them."""

import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager

from app.embedded import EmbeddedKafka, EmbeddedPostgres, scratch_directory
from app.embedded.service import Service
from tests.services.containers import docker_answers, kafka_container, postgres_container
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
            yield postgres.url


@contextmanager
def _running(service: Service) -> Iterator[None]:
    in_own_loop(service.start())
    try:
        yield
    finally:
        in_own_loop(service.stop())
