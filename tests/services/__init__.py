"""The services that tests run against, and waiting for what they do.

`shared_kafka`, `shared_postgres` and `shared_storage` take what the environment names, else what Docker runs
(but for storage), else the embedded ones. A test that kills or freezes a service makes its own, with
`dedicated_kafka` and the like. The fixtures in `tests/conftest.py` are made of these.
"""

from tests.services.environment import (
    as_environment,
    changed,
    names_of_settings,
    settings_for_tests,
    settings_from,
)
from tests.services.isolation import fresh_database, migrate, migrated_database, remove_topics
from tests.services.pgbouncer import TRANSACTION_MODE, PgBouncer, shared_pgbouncer
from tests.services.providers import (
    dedicated_kafka,
    dedicated_postgres,
    dedicated_storage,
    shared_kafka,
    shared_moto,
    shared_postgres,
    shared_storage,
)
from tests.services.redis import RedisServer, dedicated_redis
from tests.services.storage import fresh_bucket, s3_client, storage_named_by, storage_overrides
from tests.services.waiting import LIMIT_S, eventually, in_own_loop

__all__ = [
    "LIMIT_S",
    "TRANSACTION_MODE",
    "PgBouncer",
    "RedisServer",
    "as_environment",
    "changed",
    "dedicated_kafka",
    "dedicated_postgres",
    "dedicated_redis",
    "dedicated_storage",
    "eventually",
    "fresh_bucket",
    "fresh_database",
    "in_own_loop",
    "migrate",
    "migrated_database",
    "names_of_settings",
    "remove_topics",
    "s3_client",
    "settings_for_tests",
    "settings_from",
    "shared_kafka",
    "shared_moto",
    "shared_pgbouncer",
    "shared_postgres",
    "shared_storage",
    "storage_named_by",
    "storage_overrides",
]
