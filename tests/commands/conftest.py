"""A prepared system for each test that runs workers or serves the API, and workers that do not outlive it."""

from tests.site.fixtures import api_settings
from tests.site.fixtures import system as served_system
from tests.systems import second_database_url, system, workers

__all__ = ["api_settings", "second_database_url", "served_system", "system", "workers"]
