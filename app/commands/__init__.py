"""The command `chatlog`: one module per subcommand; errors meant for people are one line.

A subcommand's module is imported when it is asked for: Faust, Alembic and the rest take a second to load, and
most commands need only one of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from app.commands.output import flush, make_safe
from app.errors import answer_of
from models.errors import ChatlogError, MustAct

#: Each subcommand, where it is, and what it does. The name in the module has underscores.
COMMANDS = {
    "up": ("app.commands.up", "Run everything here, and watch sample conversations land."),
    "worker": ("app.commands.worker", "Run a Faust worker with one role."),
    "api": ("app.commands.api", "Serve the REST API and the web pages."),
    "connect": ("app.commands.connect", "Listen to a platform, and hand in what it says."),
    "export": ("app.commands.export", "Write a survey's chat log or responses to a file."),
    "conversation": ("app.commands.conversation", "Show what was said, and follow it."),
    "access-log": ("app.commands.access_log", "See who read what was said."),
    "channels": ("app.commands.channels", "See and set what is recorded of which channel."),
    "search": ("app.commands.search", "Find words in what was said; set what that goes by."),
    "people": ("app.commands.people", "See who opted out of being recorded, and do it for them."),
    "surveys": ("app.commands.surveys", "See which surveys there are, and share them."),
    "token": ("app.commands.token", "Make a token or a sign-in link for the API."),
    "migrate": ("app.commands.migrate", "Bring the schema of DATABASE_URL to another version."),
    "maintain": ("app.commands.maintain", "Make partitions ahead, and what search goes by."),
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

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand; say in one line what a person can mend, and exit with the status of the error."""
        try:
            return super().invoke(ctx)
        except ChatlogError as error:
            if error.must_act is MustAct.US:
                raise
            click.echo(f"chatlog: {error}", err=True)
            ctx.exit(answer_of(error).exit_status)

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
    """Run the command line; `app.errors` says with which status it exits."""
    make_safe()
    try:
        cli()
    finally:
        flush()
