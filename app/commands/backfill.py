"""`chatlog backfill`: fill in what old rows lack, and what was said before anything was recorded."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.backfill.surveyids import BATCH_ROWS, RowOutcome, Unfilled, count_waiting, fill_surveyids
from app.commands.asking import asks
from app.commands.backfill_audits import audits, rollback, runs
from app.postgres.connections import connect
from app.settings import load_settings
from models.access import Action


@click.group()
def backfill() -> None:
    """Fill in what old rows lack, and what was said before anything was recorded.

    Safe beside running workers, and to interrupt and run again: what was filled stays.
    """


for _command in (audits, runs, rollback):
    backfill.add_command(_command)


@backfill.command()
@click.option("--dry-run", is_flag=True, help="Only tell what would be filled.")
@click.option(
    "--batch",
    type=click.IntRange(1, 100_000),
    default=BATCH_ROWS,
    show_default=True,
    metavar="N",
    help="Rows at a time. Each batch is a transaction; smaller ones hold locks for less time.",
)
@asks(Action.BACKFILL)
def surveyids(*, dry_run: bool, batch: int) -> None:
    """Fill in the survey of rows of chat_log that name none.

    By the rule that workers apply to new rows: of the surveys with the row's shortcode that the owner of its
    page has, the newest that was made before the message. Where that does not tell, the row stays as it is;
    run it again when pages or surveys were added. The user of DATABASE_URL needs the role chatlog_maintainer:
    the workers' role may alter no row.
    """
    waiting, outcomes = asyncio.run(_surveyids(dry_run=dry_run, batch_rows=batch))
    for line in _told(waiting, outcomes, dry_run=dry_run):
        click.echo(line)


async def _surveyids(*, dry_run: bool, batch_rows: int) -> tuple[Unfilled, Counter[RowOutcome]]:
    # No limit on statements: to count many rows takes its time.
    connection = await connect(
        load_settings().database, application_name="chatlog-backfill", statement_timeout_s=0
    )
    outcomes: Counter[RowOutcome] = Counter()
    try:
        with _progress() as progress:
            task = progress.add_task("Looking up surveys" if dry_run else "Filling in surveys", total=None)
            waiting = await count_waiting(connection)
            progress.update(task, total=waiting.rows - waiting.without_shortcode)
            async for batch in fill_surveyids(connection, batch_rows=batch_rows, dry_run=dry_run):
                outcomes += batch
                progress.advance(task, batch.total())
    finally:
        connection.terminate()
    outcomes[RowOutcome.NO_FORM] = waiting.without_shortcode
    return waiting, outcomes


def _told(waiting: Unfilled, outcomes: Counter[RowOutcome], *, dry_run: bool) -> list[str]:
    filled = "would be filled" if dry_run else RowOutcome.FILLED.value
    names = {outcome: outcome.value for outcome in RowOutcome} | {RowOutcome.FILLED: filled}
    return [f"{waiting.rows:,} rows had no surveyid"] + [
        f"{outcomes[outcome]:>{len(f'{waiting.rows:,}')},} {name}"
        for outcome, name in names.items()
        if outcome is RowOutcome.FILLED or outcomes[outcome]
    ]


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
