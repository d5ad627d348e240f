"""A prepared system for each test that runs workers, and workers that do not outlive it."""

from tests.systems import second_database_url, system, workers

__all__ = ["second_database_url", "system", "workers"]
