"""How tests reach a database and change it: as `chatlog migrate` does, as whom they please."""

from functools import partial
from urllib.parse import urlsplit

import migrations
from app.postgres.connections import connect
from tests.services import settings_from


def connect_to(url: str, *, database: str | None = None, user: str | None = None) -> migrations.Connect:
    """Return how to connect to a URL, to another database there, or as a user whose name is the password."""
    parts = urlsplit(url)
    if database is not None:
        parts = parts._replace(path=f"/{database}")
    if user is not None:
        parts = parts._replace(netloc=f"{user}:{user}@{parts.netloc.rpartition('@')[2]}")
    settings = settings_from(database_url=parts.geturl())
    return partial(connect, settings.database, statement_timeout_s=0)


async def go_up(open_connection: migrations.Connect, revision: str = "head") -> None:
    """Apply the changes up to a revision, without a word."""
    await migrations.up(open_connection, revision, say=lambda _: None)


async def go_down(open_connection: migrations.Connect, revision: str) -> None:
    """Undo the changes after a revision, without a word."""
    await migrations.down(open_connection, revision, say=lambda _: None)
