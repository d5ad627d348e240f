"""`chatlog export`: a survey's chat log or responses as a file, straight from PostgreSQL.

The same file as the export agent makes, without Kafka, object storage or a row that says how far it is.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import uvloop
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from app.commands.asking import asks
from app.commands.export_file import NewFile, StandardOutput
from app.dead_letters.filters import MomentType
from app.postgres.connections import connect
from app.settings import load_settings
from app.web import words
from models.access import Action
from models.entries import Direction
from models.exports import Compression, ExportOptions, Format, Source, file_name
from sinks.exports.stream import WantedExport, Written, estimate, write_export

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.commands.export_file import Target
    from app.settings import Settings

STDOUT = "-"
#: What others call an option that has another name here.
NAMES_HERE = {
    "include_metadata": "--metadata",
    "include_raw_payload": "--raw-payload",
    "include_unsent": "--unsent",
    "compression": "--gzip",
    "direction": "--direction",
    "wide": "--wide",
    "safe_cells": "--safe-cells",
    "for_spreadsheets": "--for-spreadsheets",
}
#: How often a person is told how far it is.
TOLD_EVERY_S = 0.2


@click.command()
@click.argument("survey")
@click.option("--owner", required=True, metavar="EMAIL", help="Whose survey it is.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Where to write it; - for standard output. [default: named after the survey, here]",
)
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@click.option(
    "--source",
    type=click.Choice([source.value for source in Source]),
    default=Source.CHAT_LOG.value,
    show_default=True,
    help="What of the survey.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice([format_.value for format_ in Format]),
    default=Format.CSV.value,
    show_default=True,
    help="How to write it.",
)
@click.option("--gzip", is_flag=True, help="Compress the file.")
@click.option("--metadata", is_flag=True, help="What the bot knew at each message or response, as JSON.")
@click.option("--raw-payload", is_flag=True, help="Chat log: the platform's event of each message, as JSON.")
@click.option("--unsent", is_flag=True, help="Chat log: messages too that people took back afterwards.")
@click.option(
    "--since", type=MomentType(), help="Nothing from before: 2026-05-31, 2026-05-31T12:00Z, 90m, 12h, 7d."
)
@click.option("--until", type=MomentType(), help="Nothing from then on.")
@click.option(
    "--direction",
    type=click.Choice([direction.value for direction in Direction]),
    help="Chat log: only what the bot said, or the users.",
)
@click.option("--wide", is_flag=True, help="Responses: one row per user, one column per question.")
@click.option("--safe-cells", is_flag=True, help="CSV: a ' before what a spreadsheet would run as a formula.")
@click.option("--for-spreadsheets", is_flag=True, help="CSV: a byte-order mark, and every text stays text.")
@asks(Action.EXPORT_SURVEY)
def export(survey: str, owner: str, output: str | None, source: str, *, force: bool, **chosen: Any) -> None:
    """Write SURVEY, the chat log or the responses, to a file.

    Needs DATABASE_URL alone. FILE is there when all of it is written, and not before.
    """
    wanted = WantedExport(owner, survey, Source(source), _options(Source(source), chosen))
    name = output or file_name(survey, wanted.source, wanted.options)
    try:
        target = StandardOutput() if name == STDOUT else NewFile(Path(name), replace=force)
        written = uvloop.run(_export(load_settings(), wanted, target))
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
    except OSError as error:
        where = "standard output" if name == STDOUT else name
        raise click.ClickException(f"{where} cannot be written: {error.strerror or error}") from None
    # Beside the data, not in it.
    told = f"{words.counted(written.rows, 'row')}, {words.size(written.bytes)}"
    if written.not_shown:
        told += f", {words.counted(written.not_shown, 'value')} that no file can hold"
    click.echo(told if name == STDOUT else f"{told}: {name}", err=name == STDOUT)


def _options(source: Source, chosen: dict[str, Any]) -> ExportOptions:
    try:
        options = ExportOptions(
            include_metadata=chosen["metadata"],
            include_raw_payload=chosen["raw_payload"],
            include_unsent=chosen["unsent"],
            since=chosen["since"],
            until=chosen["until"],
            direction=chosen["direction"],
            wide=chosen["wide"],
            format=chosen["format_"],
            compression=Compression.GZIP if chosen["gzip"] else Compression.NONE,
            safe_cells=chosen["safe_cells"],
            for_spreadsheets=chosen["for_spreadsheets"],
        )
        options.check_fits(source)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise click.UsageError(_with_names_of_here(problem.removeprefix("Value error, "))) from None
    except ValueError as error:
        raise click.UsageError(_with_names_of_here(str(error))) from None
    return options


def _with_names_of_here(problem: str) -> str:
    return re.sub(rf"\b({'|'.join(NAMES_HERE)})\b", lambda found: NAMES_HERE[found[0]], problem)


async def _export(settings: Settings, wanted: WantedExport, target: Target) -> Written:
    _end_in_order_on_sigterm()
    connection = await connect(settings.database, application_name="chatlog-export", statement_timeout_s=0)
    try:
        written = Written()
        async with target as file:
            with _telling(await estimate(connection, wanted), written):
                await write_export(connection, wanted, file.write, written)
        return written
    finally:
        connection.terminate()


def _end_in_order_on_sigterm() -> None:
    """Unwind as on Ctrl-C: what was written of the file goes."""
    task = asyncio.current_task()
    if task is not None and threading.current_thread() is threading.main_thread():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


@contextmanager
def _telling(expected: int, written: Written) -> Iterator[None]:
    """Show on a terminal how far it is; elsewhere, nothing until it is done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with Progress(
        BarColumn(),
        _Figure(lambda _: f"{written.rows:,} of about {max(expected, written.rows):,} rows"),
        _Figure(lambda _: words.size(written.bytes)),
        _Figure(lambda elapsed_s: f"{written.rows / max(elapsed_s, 0.1):,.0f} rows/s"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        get_time=time.monotonic,
    ) as progress:
        bar = progress.add_task("", total=max(expected, 1))
        ticking = asyncio.create_task(_tick(progress, bar, written), name="export-progress")
        try:
            yield
        finally:
            ticking.cancel()


async def _tick(progress: Progress, bar: TaskID, written: Written) -> None:
    while True:
        progress.update(bar, completed=written.rows)
        await asyncio.sleep(TOLD_EVERY_S)


class _Figure(ProgressColumn):
    """A figure beside the bar, made of the seconds since the start."""

    def __init__(self, tell: Callable[[float], str]) -> None:
        super().__init__(Column(no_wrap=True))
        self._tell = tell

    def render(self, task: Task) -> Text:
        """Return the figure of now."""
        return Text(self._tell(task.elapsed or 0.0))
