"""`chatlog maintain`: what the tables need now and again."""

from __future__ import annotations

import asyncio
import re
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from app.maintenance.run import maintain as maintain_once
from app.postgres.connections import connect
from app.settings import load_settings
from models.errors import ChatlogError, MustAct

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.settings import Settings

    Say = Callable[[str], None]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
EVERY_MIN = timedelta(seconds=1)


class Duration(click.ParamType):
    """A length of time, as `30s`, `10m`, `1h` or `1d`."""

    name = "duration"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the time that is meant."""
        if isinstance(value, timedelta):
            return value
        parts = re.fullmatch(r"(\d{1,6})([smhd])", value)
        if parts is None or (length := timedelta(seconds=int(parts[1]) * _UNITS[parts[2]])) < EVERY_MIN:
            self.fail("not such a time; accepted: a number with s, m, h or d, as 10m", param, ctx)
        return length


@click.command()
@click.option("--every", type=Duration(), metavar="DURATION", help="Do it again and again, so often: 10m.")
def maintain(every: timedelta | None) -> None:
    """Do what the tables need: partitions ahead, and the indexes of words that search goes by.

    Once, for cron; with --every, until it is stopped (SIGTERM, Ctrl-C). By the owner of the tables, as
    `chatlog migrate` is, beside whatever runs: writers do not wait. One at a time: a second one does nothing.
    Safe to stop at any time, and to start again.
    """
    settings = load_settings()
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as progress:
        task = progress.add_task("Connecting", total=None)
        asyncio.run(_run(settings, every, lambda what: progress.reset(task, description=what)))


async def _run(settings: Settings, every: timedelta | None, begin: Say) -> None:
    while True:
        try:
            await _once(settings, begin)
        except ChatlogError as error:
            # What is down comes back; what has to be mended is told each time, until it is.
            if every is None or error.must_act is not MustAct.SERVICE:
                raise
            click.echo(f"chatlog: {error}", err=True)
        if every is None:
            return
        begin("Waiting")
        await asyncio.sleep(every.total_seconds())


async def _once(settings: Settings, begin: Say) -> None:
    # No limit on statements: an index of a month takes its time.
    connection = await connect(settings.database, application_name="chatlog-maintain", statement_timeout_s=0)
    done = 0

    def say(line: str) -> None:
        nonlocal done
        done += 1
        click.echo(line)

    try:
        if not await maintain_once(connection, say, begin=begin):
            click.echo("Another one is at it: nothing was done.")
        elif not done:
            click.echo("Nothing to do.")
    finally:
        connection.terminate()
