"""`chatlog migrate`: bring the schema to another version, and see at which it is."""

from __future__ import annotations

import asyncio
from functools import partial

import click

import migrations
from app.postgres.connections import connect
from app.settings import load_settings


@click.group()
def migrate() -> None:
    """Bring the schema of DATABASE_URL to another version.

    Each run happens whole or not at all. When two run at once, the second waits and finds nothing to do.
    """


@migrate.command()
@click.argument("revision", default="head")
def up(revision: str) -> None:
    """Apply the changes up to REVISION.

    All of them by default. Makes partitions ahead, too.
    """
    asyncio.run(migrations.up(_connect(), revision, say=click.echo))


@migrate.command()
@click.argument("revision", required=False)
@click.confirmation_option("--yes", prompt="This drops tables, with all their rows. Go on?")
def down(revision: str | None) -> None:
    """Undo the changes after REVISION.

    The last one by default; all of them for `base`.
    """
    asyncio.run(migrations.down(_connect(), revision, say=click.echo))


@migrate.command()
def status() -> None:
    """Show which changes the database has."""
    found = asyncio.run(migrations.status(_connect()))
    for step in found.steps:
        click.echo(f"{step.revision}  {'applied' if step.applied else 'missing'}  {step.title}")
    if found.is_up_to_date:
        click.echo("The schema is up to date.")
    elif all(step.applied for step in found.steps):
        click.echo(f"The schema is newer than this chatlog: it is at {found.current}.")
    else:
        click.echo("The schema is behind: run `chatlog migrate up`.")


def _connect() -> migrations.Connect:
    # No limit on statements: waiting for another migration and moving rows take their time.
    return partial(
        connect, load_settings().database, application_name="chatlog-migrate", statement_timeout_s=0
    )
