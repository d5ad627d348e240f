"""The services that tests run against, and waiting for what they do.

`shared_kafka` and `shared_postgres` take what the environment names, else what Docker runs, else the
embedded ones. A test that kills or freezes a service makes its own, with `dedicated_kafka` or
`dedicated_postgres`. The fixtures in `tests/conftest.py` are made of these.
"""

from tests.services.environment import as_environment, names_of_settings, settings_for_tests
from tests.services.isolation import fresh_database, remove_topics
from tests.services.providers import dedicated_kafka, dedicated_postgres, shared_kafka, shared_postgres
from tests.services.waiting import eventually, in_own_loop

__all__ = [
    "as_environment",
    "dedicated_kafka",
    "dedicated_postgres",
    "eventually",
    "fresh_database",
    "in_own_loop",
    "names_of_settings",
    "remove_topics",
    "settings_for_tests",
    "shared_kafka",
    "shared_postgres",
]
