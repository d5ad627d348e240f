"""`chatlog dead-letters`: list, show, replay and drop the records that could never be stored.

What a record holds is a person's message, so only `show --content` tells it.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click
import orjson
from click.core import ParameterSource
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table
from rich.text import Text

from app.commands.asking import asks
from app.dead_letters.box import DeadLetterBox, Filter, Found, replay
from app.dead_letters.content import as_data, as_lines, printable
from app.dead_letters.filters import IdType, filters
from app.kafka.clients import client_settings
from app.kafka.topic_admin import partition_counts
from app.postgres.connections import connect
from app.settings import load_settings
from models.access import Action
from models.errors import BadRecord
from sinks.kafka.producer import RecordProducer
from sinks.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence

    from app.settings import Settings

Result = TypeVar("Result")

#: Where the output isn't a terminal, so that nothing is cut or wrapped.
WIDTH_WITHOUT_TERMINAL = 250
LISTED_BY_DEFAULT = 50


@click.group(name="dead-letters")
def dead_letters() -> None:
    """See, replay and drop the records that could never be stored.

    The persist workers copy them from their topic to the table that these commands read.
    """


@dead_letters.command(name="list")
@filters(first="newest", limit=LISTED_BY_DEFAULT)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@asks(Action.READ_DEAD_LETTERS)
def list_(wanted: Filter, limit: int, *, as_json: bool) -> None:
    """List dead letters, newest first, and how many there are by reason."""

    async def look(box: DeadLetterBox) -> tuple[list[Found], list[Mapping[str, Any]]]:
        found = await box.find(wanted)
        return found, await box.describe(_ids(found)[-limit:])

    found, rows = _run(_with_box(load_settings(), look))
    if as_json:
        _print_json({"counts": _counts(found), "dead_letters": rows})
        return
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    if rows:
        console.print(_table(rows))
    _tell(wanted, found, f"{len(rows):,} shown" if len(rows) < len(_ids(found)) else "")


@dead_letters.command()
@click.argument("id_", metavar="ID", type=IdType())
@click.option("--content", is_flag=True, help="Show what it holds: a person's message.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of lines.")
@asks(Action.READ_DEAD_LETTERS)
def show(id_: int, *, content: bool, as_json: bool) -> None:
    """Show one dead letter.

    Where it came from, why it is here, and by size and digest what it holds.
    """
    letters = _run(_with_box(load_settings(), lambda box: box.read([id_])))
    if not letters:
        raise click.ClickException(
            f"there is no dead letter {id_}; `chatlog dead-letters list` shows which are"
        )
    if as_json:
        _print_json(as_data(letters[0], content=content))
    else:
        for line in as_lines(letters[0], content=content):
            click.echo(line)


@dead_letters.command(name="replay")
@filters(first="oldest", pending_by_default=True)
@click.option(
    "--all", "everything", is_flag=True, help="All that were not replayed, if no filter says which."
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be replayed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@asks(Action.SETTLE_DEAD_LETTERS)
def replay_(wanted: Filter, limit: int | None, *, everything: bool, dry_run: bool, yes: bool) -> None:
    """Put records back where they came from.

    Byte for byte, into the same topic and partition. They go through the workers again: what was mended since
    is stored now, and what was not is refused again, as a new dead letter. The old one stays, with the time
    of the replay. It may be interrupted and run again.
    """
    _require_a_choice(wanted, everything=everything)

    async def put_back(box: DeadLetterBox) -> bool:
        found = await box.find(wanted)
        ids = _ids(found)[:limit]
        _tell(wanted, found, f"{len(ids):,} of them, the oldest" if len(ids) < len(_ids(found)) else "")
        if not ids or dry_run:
            return True
        partitions = await partition_counts(settings.kafka, {some.topic for some in found})
        if not yes:
            click.confirm(f"Put {len(ids):,} back where they came from?", abort=True)
        return await _replay(settings, box, partitions, ids)

    settings = load_settings()
    if not _run(_with_box(settings, put_back)):
        sys.exit(1)


@dead_letters.command()
@filters(first="oldest")
@click.option("--all", "everything", is_flag=True, help="All there are, if no filter says which.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be dropped.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@asks(Action.SETTLE_DEAD_LETTERS)
def drop(wanted: Filter, limit: int | None, *, everything: bool, dry_run: bool, yes: bool) -> None:
    """Delete dead letters from the table, for ever."""
    _require_a_choice(wanted, everything=everything)

    async def delete(box: DeadLetterBox) -> None:
        found = await box.find(wanted)
        ids = _ids(found)[:limit]
        _tell(wanted, found, f"{len(ids):,} of them, the oldest" if len(ids) < len(_ids(found)) else "")
        if not ids or dry_run:
            return
        if not yes:
            click.confirm(f"Delete {len(ids):,} for ever?", abort=True)
        with _progress() as progress:
            task = progress.add_task("Dropping", total=len(ids))
            async for count in box.drop(ids):
                progress.advance(task, count)
        click.echo(f"Dropped {len(ids):,}.")

    _run(_with_box(load_settings(), delete))


async def _replay(
    settings: Settings, box: DeadLetterBox, partitions: Mapping[str, int], ids: Sequence[int]
) -> bool:
    """Tell whether every one of them could be put back, or was dropped by someone else meanwhile."""
    impossible: dict[int, str] = {}
    count = 0
    async with _producer(settings) as producer:
        with _progress() as progress:
            task = progress.add_task("Replaying", total=len(ids))
            async for batch in replay(box, producer, partitions, ids):
                count += batch.count
                impossible |= batch.impossible
                progress.advance(task, batch.count + len(batch.impossible))
    click.echo(f"Replayed {count:,}.")
    for id_, why in impossible.items():
        click.echo(f"{id_} cannot be put back: {printable(why)}", err=True)
    return not impossible


@asynccontextmanager
async def _producer(settings: Settings) -> AsyncIterator[RecordProducer]:
    producer = RecordProducer(client_settings(settings.kafka), RetryPolicy("replay"), compress=True)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def _with_box(settings: Settings, work: Callable[[DeadLetterBox], Awaitable[Result]]) -> Result:
    connection = await connect(settings.database, application_name="chatlog-dead-letters")
    try:
        return await work(DeadLetterBox(connection))
    finally:
        connection.terminate()


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(work)
    except BadRecord as error:
        # Nothing is written here, so it is a filter: it holds what no text in PostgreSQL can.
        raise click.ClickException(f"PostgreSQL cannot look for that: {error.detail}") from error


def _require_a_choice(wanted: Filter, *, everything: bool) -> None:
    is_given = click.get_current_context().get_parameter_source("replayed") is not ParameterSource.DEFAULT
    chosen = is_given or any((wanted.ids, wanted.reasons, wanted.topics, wanted.since, wanted.until))
    if chosen == everything:
        raise click.UsageError("say which: by a filter, or --all, not both")


def _ids(found: Sequence[Found]) -> list[int]:
    return sorted(id_ for some in found for id_ in some.ids)


def _counts(found: Sequence[Found]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for some in found:
        counts[some.reason] = counts.get(some.reason, 0) + len(some.ids)
    return counts


def _tell(wanted: Filter, found: Sequence[Found], remark: str) -> None:
    counts = _counts(found)
    if not counts:
        # There may be others, as when a reason is misspelt.
        click.echo("No dead letters." if wanted == Filter() else "No such dead letters.")
        return
    by_reason = ", ".join(f"{printable(reason)} {count:,}" for reason, count in counts.items())
    total = sum(counts.values())
    click.echo(
        f"{total:,} dead letter{'s' if total != 1 else ''}: {by_reason}{f' ({remark})' if remark else ''}"
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("id", justify="right", no_wrap=True)
    table.add_column("kept", no_wrap=True)
    table.add_column("reason", no_wrap=True)
    table.add_column("from", overflow="fold")
    table.add_column("bytes", justify="right", no_wrap=True)
    table.add_column("replayed", no_wrap=True)
    table.add_column("detail", overflow="fold")
    for row in rows:
        table.add_row(
            str(row["id"]),
            f"{row['created']:%Y-%m-%d %H:%M:%S}",
            _plain(row["reason"]),
            _plain(f"{row['topic']}[{row['partition']}]@{row['offset']}"),
            f"{row['value_bytes'] or 0:,}",
            f"{row['replayed_at']:%Y-%m-%d %H:%M:%S}" if row["replayed_at"] else "–",
            _plain(row["detail"] or ""),
        )
    return table


def _plain(text: str) -> Text:
    """Keep rich from taking square brackets for its own."""
    return Text(printable(text))


def _progress() -> Progress:
    return Progress(
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _print_json(data: object) -> None:
    click.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode())
