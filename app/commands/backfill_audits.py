"""`chatlog backfill audits`, `runs` and `rollback`: conversations out of audit logs, and back."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import tomllib
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import uvloop
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from app.backfill.audit_files import AuditFiles
from app.backfill.audit_sources import WantedAudits
from app.backfill.audit_tables import open_tables
from app.backfill.audits import AuditBackfill
from app.commands.asking import asks
from app.commands.export_options import DayOrMoment
from app.dead_letters.content import printable
from app.postgres.connections import connect
from app.settings import load_settings
from app.settings.database import DATABASE_URL_FORM, DatabaseSettings
from app.web import words
from models.access import Action, whoever_has_the_shell
from models.audit_columns import AuditColumns, UnfitColumns, columns_of
from models.days import begin_of, zone_named
from sinks.postgres.audit_rollback import AuditRollback, TakenBack
from sinks.postgres.audit_runs import find_runs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from datetime import datetime

    import asyncpg

    from app.backfill.audit_sources import AuditSource

#: How often a person is told how far it is.
_TOLD_EVERY_S = 0.2
#: And a log, where nobody looks on.
LOGGED_EVERY_S = 30.0
#: Where the output isn't a terminal, so that nothing is cut or wrapped.
_WIDTH_WITHOUT_TERMINAL = 250
_UTC = zone_named("UTC")


@click.command()
@click.option(
    "--source",
    required=True,
    metavar="URL|DIR|FILE",
    help="A PostgreSQL with the tables, or a directory with audits.jsonl and leads.jsonl (or .csv, or .gz), "
    "or the file of audits beside that of leads.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would come of it.")
@click.option("--verbose", is_flag=True, help="A line for each conversation, message and skipped audit.")
@click.option("--lead", metavar="ID", help="The audits of this lead alone.")
@click.option(
    "--since", type=DayOrMoment(), help="No audit from before: 2026-05-31, 2026-05-31T12:00Z, 90m, 12h, 7d."
)
@click.option(
    "--mapping",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What tables and columns are called, where not as Prisma writes them: TOML, see docs/backfill.md.",
)
@asks(Action.BACKFILL)
def audits(
    source: str,
    lead: str | None,
    since: str | datetime | None,
    mapping: Path | None,
    *,
    dry_run: bool,
    verbose: bool,
) -> None:
    """Make conversations and messages of an application's audit log: platform crm.

    One conversation a lead, one message an audit that says something. What was taken is not taken again, so
    it can be interrupted and repeated; `chatlog backfill rollback` takes back what a run made. Exits with 1
    where rows could not be taken. The user of DATABASE_URL needs the role chatlog_maintainer.
    """
    columns = _columns_in(mapping)
    begin = _begin(since)
    wanted = WantedAudits(lead, None if begin is None else int(begin.timestamp() * 1000))
    options = {
        "lead": lead,
        "since": begin.isoformat() if begin else None,
        "mapping": str(mapping) if mapping else None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    try:
        backfill = uvloop.run(_take(source, columns, wanted, given, dry_run=dry_run, verbose=verbose))
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
    for error in backfill.counts.first_errors:
        click.echo(f"not taken: {printable(str(error))}", err=True)
    if (more := backfill.counts.errors - len(backfill.counts.first_errors)) > 0:
        click.echo(f"not taken: {more:,} more", err=True)
    click.echo("Dry run: nothing was written" if dry_run else f"Run {backfill.run}")
    for line in backfill.counts.lines():
        click.echo(printable(line))
    if backfill.counts.errors:
        sys.exit(1)


@click.command()
@asks(Action.BACKFILL)
def runs() -> None:
    """List the runs of `chatlog backfill audits`, the newest first."""
    found = asyncio.run(_runs())
    if not found:
        click.echo("There were none.")
        return
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH_WITHOUT_TERMINAL
    table = Table(box=None, pad_edge=False)
    for heading in (
        "run",
        "began (UTC)",
        "last wrote (UTC)",
        "status",
        "messages",
        "errors",
        "who",
        "source",
    ):
        table.add_column(heading, overflow="fold")
    for row in found:
        counts = row["counts"]
        cells = (
            str(row["id"]),
            f"{row['started']:%Y-%m-%d %H:%M:%S}",
            f"{row['touched']:%Y-%m-%d %H:%M:%S}",
            row["status"],
            f"{counts.get('messages', 0):,}",
            f"{counts.get('errors', 0):,}",
            row["who"],
            row["source"],
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)


@click.command()
@click.argument("run", type=click.IntRange(min=1))
@click.option("--lead", metavar="ID", help="Only what is of this lead; the rest stays.")
@asks(Action.BACKFILL)
def rollback(run: int, lead: str | None) -> None:
    """Take back what a RUN made of audits: messages, conversations left empty, and all that counts them.

    It is made sure that nothing is left. The audits can be taken again. Safe to interrupt, and to do again.
    """
    try:
        gone = uvloop.run(_roll_back(run, lead))
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
    click.echo(
        f"{words.counted(gone.messages, 'message')} and {words.counted(gone.conversations, 'conversation')} "
        f"of run {run} were taken back; none are left."
    )


def _columns_in(mapping: Path | None) -> AuditColumns:
    try:
        return columns_of({} if mapping is None else tomllib.loads(mapping.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise click.BadParameter(f"{mapping} cannot be read: {error}", param_hint="--mapping") from None
    except UnfitColumns as error:
        raise click.BadParameter(str(error), param_hint="--mapping") from None


def _begin(since: str | datetime | None) -> datetime | None:
    try:
        return begin_of(since, _UTC) if isinstance(since, str) else since
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None


async def _take(
    source: str,
    columns: AuditColumns,
    wanted: WantedAudits,
    options: dict[str, str],
    *,
    dry_run: bool,
    verbose: bool,
) -> AuditBackfill:
    _end_in_order_on_sigterm()
    async with AsyncExitStack() as stack:
        opened: AuditSource = (
            await stack.enter_async_context(open_tables(_database(source), columns, wanted))
            if "://" in source
            else _files_in(source, columns, wanted)
        )
        backfill = AuditBackfill(
            await stack.enter_async_context(_connected()),
            opened,
            who=whoever_has_the_shell().email,
            options=options,
            dry_run=dry_run,
            say=(lambda line: click.echo(printable(line))) if verbose else None,
        )
        counts = backfill.counts
        with telling(lambda: f"{counts.audits:,} audits, {counts.messages:,} messages"):
            await backfill.take()
    return backfill


def _database(source: str) -> DatabaseSettings:
    try:
        return DatabaseSettings.model_validate({"url": source})
    except ValidationError:
        # Its own words could quote the URL.
        raise click.BadParameter(
            f"not the URL of a PostgreSQL database; accepted: {DATABASE_URL_FORM}, or a directory or file",
            param_hint="--source",
        ) from None


def _files_in(source: str, columns: AuditColumns, wanted: WantedAudits) -> AuditFiles:
    place = Path(source)
    if not place.exists():
        raise click.BadParameter(f"{source} is no directory, no file, and no URL", param_hint="--source")
    return AuditFiles(place, columns, wanted)


async def _runs() -> list[dict[str, Any]]:
    async with AsyncExitStack() as stack:
        return await find_runs(await stack.enter_async_context(_connected()))


async def _roll_back(run: int, lead: str | None) -> TakenBack:
    _end_in_order_on_sigterm()
    async with AsyncExitStack() as stack:
        rollback = AuditRollback(await stack.enter_async_context(_connected()), run, lead)
        gone = rollback.gone
        with telling(lambda: f"{gone.messages:,} messages taken back"):
            await rollback.take_back()
    return gone


@asynccontextmanager
async def _connected() -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    # No limit on statements: a batch waits for its turn.
    connection = await connect(
        load_settings().database, application_name="chatlog-backfill", statement_timeout_s=0
    )
    try:
        yield connection
    finally:
        connection.terminate()


def _end_in_order_on_sigterm() -> None:
    """Unwind as on Ctrl-C, and note that it was interrupted."""
    task = asyncio.current_task()
    if task is not None and threading.current_thread() is threading.main_thread():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


@contextmanager
def telling(how_far: Callable[[], str]) -> Iterator[None]:
    """Show how far it is: on a terminal at any time; elsewhere by a line now and then, as for a log."""
    console = Console(stderr=True)
    with ExitStack() as stack:
        if console.is_terminal:
            progress = stack.enter_context(
                Progress(
                    SpinnerColumn(),
                    TextColumn("{task.description}"),
                    TimeElapsedColumn(),
                    console=console,
                    transient=True,
                )
            )
            task = progress.add_task(how_far(), total=None)
            tell = _every(_TOLD_EVERY_S, lambda: progress.update(task, description=how_far()))
        else:
            tell = _every(LOGGED_EVERY_S, lambda: click.echo(f"so far: {how_far()}", err=True))
        ticking = asyncio.create_task(tell, name="backfill-progress")
        stack.callback(ticking.cancel)
        yield


async def _every(interval_s: float, do: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(interval_s)
        do()
