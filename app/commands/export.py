"""`chatlog export`: a survey, or what filters find, as a file, straight from PostgreSQL.

The same file as the export agent makes, without Kafka, object storage or a row that says how far it is.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from app.access import AccessLog
from app.commands.asking import asks
from app.commands.export_file import NewFile, StandardOutput
from app.commands.export_options import export_options, options_of, source_of
from app.exports.requests import subject_of
from app.postgres.connections import connect
from app.settings import load_settings
from app.web import words
from models.access import Action, whoever_has_the_shell
from models.export_names import file_name
from models.exports import AskedAs, Source
from sinks.exports.stream import WantedExport, Written, estimate, write_export

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import asyncpg

    from app.commands.export_file import Target
    from app.settings import Settings

STDOUT = "-"
#: How often a person is told how far it is.
TOLD_EVERY_S = 0.2
_EXAMPLES = """\b
Such as:
  chatlog export "Salone Health Pulse" --owner ana@example.org --format xlsx
  chatlog export --messages --platform twitch --channel 918273645 --since 7d
"""


@click.command(epilog=_EXAMPLES)
@export_options
@asks(Action.EXPORT_SURVEY)
def export(survey: str | None, owner: str | None, output: str | None, *, force: bool, **chosen: Any) -> None:
    """Write a survey, its chat log, responses or codebook, or what filters find, to a file.

    Needs DATABASE_URL alone. FILE is there when all of it is written, and not before. What was exported is
    noted in access_log.
    """
    source = source_of(survey, owner, chosen["source"], messages=chosen["messages"])
    options = options_of(source, survey, owner, chosen)
    if source is Source.MESSAGES:
        caller = whoever_has_the_shell()
        wanted = WantedExport(caller.email, "", source, options, asked_as=AskedAs.of(caller))
    else:
        wanted = WantedExport(owner or "", survey or "", source, options)
    name = output or file_name(wanted.survey, source, options, datetime.now(UTC))
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


async def _export(settings: Settings, wanted: WantedExport, target: Target) -> Written:
    _end_in_order_on_sigterm()
    connection = await connect(settings.database, application_name="chatlog-export", statement_timeout_s=0)
    try:
        written = Written()
        async with target as file:
            expected = await estimate(connection, wanted)
            await _note(connection, wanted)
            with _telling(expected, written):
                await write_export(connection, wanted, file.write, written)
        return written
    finally:
        connection.terminate()


async def _note(connection: asyncpg.Connection[asyncpg.Record], wanted: WantedExport) -> None:
    """Note what is exported, before it is."""
    of_survey = {"survey": wanted.survey, "survey_owner": wanted.owner, "source": wanted.source.value}
    is_messages = wanted.source is Source.MESSAGES
    await AccessLog(connection).note_command(
        whoever_has_the_shell(),
        Action.EXPORT_MESSAGES if is_messages else Action.EXPORT_SURVEY,
        "chatlog export",
        subject_of(wanted.options) if is_messages else of_survey,
    )


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
        _RowFigure(lambda _: f"{written.rows:,} of about {max(expected, written.rows):,} rows"),
        _RowFigure(lambda _: words.size(written.bytes)),
        _RowFigure(lambda elapsed_s: f"{written.rows / max(elapsed_s, 0.1):,.0f} rows/s"),
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


class _RowFigure(ProgressColumn):
    """A figure beside the bar, made of the seconds since the start."""

    def __init__(self, tell: Callable[[float], str]) -> None:
        super().__init__(Column(no_wrap=True))
        self._tell = tell

    def render(self, task: Task) -> Text:
        """Return the figure of now."""
        return Text(self._tell(task.elapsed or 0.0))
