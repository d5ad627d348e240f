"""A database with the schema for the agents that store."""

from tests.sinks.conftest import database, pool

__all__ = ["database", "pool"]
