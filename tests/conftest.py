"""The fixtures that all tests share: services for the session, and for each test a place of its own on them.

Services come from `tests.services`; nothing is skipped because one is missing.
"""

import functools
import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import botocore.session
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from app.local.embedded import EmbeddedKafka, EmbeddedPostgres, EmbeddedStorage, ports, scratch_directory
from app.settings import Settings
from sinks.storage.bucket import BucketSettings
from tests import services

# On a busy machine, an example may take any time, and so may its making.
hypothesis_settings.register_profile(
    "no time limits", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("no time limits")

# Each client of S3 reads a megabyte of JSON about the services of AWS, and most tests make some.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)

# A shell lets what it starts in the background ignore Ctrl-C, which the tests' children would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests run side by side, and a port is drawn a while before a service listens on it: each process has its
# own.
if (side_by_side := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))) > 1:
    ports.CANDIDATES = ports.CANDIDATES[int(os.environ["PYTEST_XDIST_WORKER"][2:]) :: side_by_side]

#: Read before `_no_settings_from_outside` takes them away.
NAMED_KAFKA = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
NAMED_POSTGRES = os.environ.get("DATABASE_URL")
NAMED_STORAGE = services.storage_named_by(os.environ)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the variables of whoever runs the tests out of them."""
    for name in [name for name in os.environ if name.upper() in services.names_of_settings()]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The bootstrap servers of a broker that all tests share; it makes no topic by itself."""
    with services.shared_kafka(NAMED_KAFKA) as bootstrap_servers:
        yield bootstrap_servers


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server that all tests share, as a user who may make databases and roles."""
    with services.shared_postgres(NAMED_POSTGRES) as url:
        yield url


@pytest.fixture(scope="session")
def pgbouncer(postgres: str) -> Iterator[services.PgBouncer]:
    """PgBouncer in transaction mode before that server."""
    with services.shared_pgbouncer(postgres, services.TRANSACTION_MODE) as pooler:
        yield pooler


@pytest.fixture(scope="session")
def packaged_pgbouncer(postgres: str) -> Iterator[services.PgBouncer]:
    """PgBouncer before that server, as its package sets it up: each connection has a session."""
    with services.shared_pgbouncer(postgres, {}) as pooler:
        yield pooler


@pytest.fixture(params=["pgbouncer", "packaged_pgbouncer"])
def pooler(request: pytest.FixtureRequest) -> services.PgBouncer:
    """Either of these: the test runs behind both."""
    found: services.PgBouncer = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def storage_server() -> Iterator[BucketSettings]:
    """Object storage that all tests share, as a user who may make buckets."""
    with services.shared_storage(NAMED_STORAGE) as server:
        yield server


@pytest.fixture(scope="session")
def moto_server() -> Iterator[BucketSettings]:
    """moto's S3, which all tests share."""
    with services.shared_moto() as server:
        yield server


@pytest.fixture
def storage(storage_server: BucketSettings) -> Iterator[BucketSettings]:
    """An empty bucket of the test's own; `services.storage_overrides` puts it into settings."""
    with services.fresh_bucket(storage_server) as bucket:
        yield bucket


@pytest.fixture
def moto(moto_server: BucketSettings) -> Iterator[BucketSettings]:
    """An empty bucket of the test's own, with lifecycle rules. Expired links and wrong keys work there."""
    with services.fresh_bucket(moto_server) as bucket:
        yield bucket


@pytest.fixture(scope="session")
def migrated_database(postgres: str) -> Iterator[str]:
    """The URL of a database with the whole schema and no rows, which is there to be copied."""
    with services.migrated_database(postgres) as url:
        yield url


@pytest.fixture
def database_url(postgres: str, migrated_database: str) -> Iterator[str]:
    """The URL of a database of the test's own, with the whole schema and no rows."""
    with services.fresh_database(postgres, like=migrated_database) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres: str) -> Iterator[str]:
    """The URL of a database of the test's own, without the schema."""
    with services.fresh_database(postgres) as url:
        yield url


@pytest.fixture
def unique_env() -> str:
    """A value for VLAB_ENV that no other test has."""
    return f"t-{secrets.token_hex(6)}"


@pytest.fixture
def kafka_prefix(kafka: str, unique_env: str) -> Iterator[str]:
    """A beginning for names of topics and groups that no other test has; such topics go at the end."""
    yield f"vlab-{unique_env}"
    services.in_own_loop(services.remove_topics(kafka, unique_env))


@pytest.fixture
def settings(
    unique_env: str,
    kafka: str,
    kafka_prefix: str,  # removes the topics
    database_url: str,
    tmp_path: Path,
) -> Callable[..., Settings]:
    """Builds settings with topics, groups and a database of the test's own; takes fields to set otherwise."""
    return functools.partial(
        services.settings_for_tests, unique_env, kafka, database_url=database_url, data_dir=tmp_path
    )


@pytest.fixture
def service_directory() -> Iterator[Path]:
    """A directory that embedded services can use; `tmp_path` is closed to the user that root lends them."""
    with scratch_directory() as directory:
        yield directory


@pytest.fixture
async def dedicated_kafka() -> AsyncIterator[EmbeddedKafka]:
    """A broker that the test may kill, freeze and restart."""
    async with services.dedicated_kafka() as broker:
        yield broker


@pytest.fixture
async def dedicated_postgres() -> AsyncIterator[EmbeddedPostgres]:
    """A PostgreSQL server that the test may kill, freeze and restart."""
    async with services.dedicated_postgres() as server:
        yield server


@pytest.fixture
async def redis() -> AsyncIterator[services.RedisServer]:
    """A Redis that the test may kill and start again."""
    async with services.dedicated_redis() as server:
        yield server


@pytest.fixture
async def dedicated_storage() -> AsyncIterator[EmbeddedStorage]:
    """An S3 server that the test may kill, freeze and restart."""
    async with services.dedicated_storage() as server:
        yield server
