"""The command `chatlog`: one module per subcommand; errors meant for people are one line, and exit 1 or 2.

A subcommand's module is imported when it is asked for: Faust, Alembic and the rest take a second to load, and
most commands need only one of them.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from app.commands.output import flush, make_safe

#: Each subcommand, where it is, and what it does. The name in the module has underscores.
COMMANDS = {
    "up": ("app.commands.up", "Run everything here, and watch sample conversations land."),
    "worker": ("app.commands.worker", "Run a Faust worker with one role."),
    "api": ("app.commands.api", "Serve the REST API and the web pages."),
    "export": ("app.commands.export", "Write a survey's chat log or responses to a file."),
    "token": ("app.commands.token", "Make a token or a sign-in link for the API."),
    "migrate": ("app.commands.migrate", "Bring the schema of DATABASE_URL to another version."),
    "topics": ("app.commands.topics", "Create missing topics; report what differs."),
    "storage": ("app.commands.storage", "Check the object storage that exports go to."),
    "backfill": ("app.commands.backfill", "Fill in what old rows lack."),
    "check": ("app.commands.check", "Connect to everything, and say what is wrong."),
    "dead-letters": ("app.commands.dead_letters", "See, replay and drop what could never be stored."),
}


class OnDemand(click.Group):
    """A group that imports a subcommand when it is used, and lists all without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Return the subcommands in the order in which one comes to need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a subcommand; None if there is no such."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of subcommands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=OnDemand, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="chatlog")
def cli() -> None:
    """Capture every visible chat message once, keep it in PostgreSQL, and look at it.

    Settings come from the environment and `.env`; README lists them.
    """


def main() -> None:
    """Run the command line; exit 2 when a setting is wrong, 1 when something is down."""
    make_safe()
    try:
        cli()
    except Exception as error:
        status = _status_of(error)
        if status is None:
            raise
        click.echo(f"chatlog: {error}", err=True)
        sys.exit(status)
    finally:
        flush()


def _status_of(error: Exception) -> int | None:
    """Return the exit status for an error that a person can mend, outside of this program; None for a bug."""
    # Not above: they take a second to load, in which Ctrl-C would show a traceback.
    from app.settings import ConfigurationError  # noqa: PLC0415

    if isinstance(error, ConfigurationError):
        return 2
    from app.kafka.topic_admin import KafkaUnavailable, TopicsUnfit  # noqa: PLC0415
    from app.postgres.connections import DatabaseUnavailable  # noqa: PLC0415
    from sinks.errors import SinkError  # noqa: PLC0415

    if isinstance(error, DatabaseUnavailable | KafkaUnavailable | TopicsUnfit | SinkError):
        return 1
    # Last, as Alembic says in the log that it is loaded.
    from migrations import MigrationError  # noqa: PLC0415

    return 1 if isinstance(error, MigrationError) else None
