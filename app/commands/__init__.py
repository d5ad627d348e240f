"""The command `chatlog`: one module per subcommand; errors meant for people are one line, and exit 1 or 2."""

from __future__ import annotations

import sys

import click

from app.commands.worker import worker
from app.database import DatabaseUnavailable
from app.settings import ConfigurationError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="chatlog")
def cli() -> None:
    """Capture every visible chat message once, keep it in PostgreSQL, and look at it.

    Settings come from the environment and `.env`; README lists them.
    """


cli.add_command(worker)


def main() -> None:
    """Run the command line; exit 2 when a setting is wrong, 1 when something is down."""
    try:
        cli()
    except ConfigurationError as error:
        click.echo(f"chatlog: {error}", err=True)
        sys.exit(2)
    except DatabaseUnavailable as error:
        click.echo(f"chatlog: {error}", err=True)
        sys.exit(1)
