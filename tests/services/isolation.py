"""What keeps one test's data from another's on shared services."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from migrations.history import up
from tests.services.waiting import in_own_loop


@contextmanager
def fresh_database(server_url: str, like: str | None = None) -> Iterator[str]:
    """Make a database, give its URL, and drop it at the end with whoever is still connected.

    Args:
        server_url: the URL of another database on the server, as a user who may make databases.
        like: the URL of one there to copy, to which nobody is connected; it is empty if None.
    """
    name = f"test_{secrets.token_hex(6)}"
    template = "" if like is None else f" TEMPLATE {urlsplit(like).path[1:]}"
    in_own_loop(_execute(server_url, f"CREATE DATABASE {name}{template}"))
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        in_own_loop(_execute(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@contextmanager
def migrated_database(server_url: str) -> Iterator[str]:
    """Make a database with the whole schema: a copy of it costs a third of what migrating another does."""
    with fresh_database(server_url) as url:
        in_own_loop(migrate(url))
        yield url


async def migrate(database_url: str) -> None:
    """Give a database the whole schema."""
    await up(lambda: asyncpg.connect(database_url), say=lambda _: None)


async def remove_topics(bootstrap_servers: str, containing: str) -> None:
    """Delete the topics that have `containing` in their names, if there are any."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        if topics := [name for name in await admin.list_topics() if containing in name]:
            await admin.delete_topics(topics)
    finally:
        await admin.close()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
