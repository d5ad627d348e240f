"""The command `chatlog`: one module per subcommand; errors meant for people are one line, and exit 1 or 2."""

from __future__ import annotations

import sys

import click

from app.commands.check import check
from app.commands.dead_letters import dead_letters
from app.commands.migrate import migrate
from app.commands.topics import topics
from app.commands.up import up
from app.commands.worker import worker
from app.database import DatabaseUnavailable
from app.settings import ConfigurationError
from app.topic_admin import KafkaUnavailable, TopicsUnfit
from migrations import MigrationError

#: What a person can mend outside of this program; everything else is a bug and shows its traceback.
FOR_PEOPLE = (DatabaseUnavailable, KafkaUnavailable, TopicsUnfit, MigrationError)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="chatlog")
def cli() -> None:
    """Capture every visible chat message once, keep it in PostgreSQL, and look at it.

    Settings come from the environment and `.env`; README lists them.
    """


for command in (up, worker, migrate, topics, check, dead_letters):
    cli.add_command(command)


def main() -> None:
    """Run the command line; exit 2 when a setting is wrong, 1 when something is down."""
    try:
        cli()
    except ConfigurationError as error:
        click.echo(f"chatlog: {error}", err=True)
        sys.exit(2)
    except FOR_PEOPLE as error:
        click.echo(f"chatlog: {error}", err=True)
        sys.exit(1)
