"""A command that measures on a table of many rows, shows what it found, and keeps it for `--table`."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from benchmarks import results
from benchmarks.big_table import big_table
from benchmarks.machine import machine, versions
from benchmarks.tables import for_terminal, terminal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from benchmarks.big_table import BigTable

    Say = Callable[[str], None]
    Found = dict[str, Any]


def command(
    name: str,
    about: str,
    measure: Callable[[BigTable, int, Say], Awaitable[Found]],
    *,
    header: Sequence[str],
    lines: Callable[[Found], Iterable[list[str]]],
    markdown: Callable[[Found], str],
) -> click.Command:
    """Return the command that runs `measure` and writes benchmarks/out/`name`.json.

    Args:
        name: of the results.
        about: what `--help` says.
        measure: given a table, how many rows to fill it with and where to tell progress, returns figures;
            when, for how long and on what they were measured is added to them.
        header: of the table for a console.
        lines: its lines, out of the figures.
        markdown: the figures as docs/performance.md shows them.
    """

    @click.command(help=about)
    @click.option("--rows", type=click.IntRange(min=100_000), default=10_000_000, show_default=True)
    @click.option("--table", is_flag=True, help="Measure nothing: print the last results as Markdown.")
    def main(*, rows: int, table: bool) -> None:
        if not table:
            found = asyncio.run(_measured(measure, rows))
            console = terminal()
            console.print(for_terminal(f"{name}: {found['rows']:,} rows", header, list(lines(found))))
            console.print(f"Written to {results.write(name, found)}")
            return
        try:
            click.echo(markdown(results.read(name)))
        except FileNotFoundError:
            raise click.ClickException("there are no such results yet: run this without --table") from None

    return main


async def _measured(measure: Callable[[BigTable, int, Say], Awaitable[Found]], rows: int) -> Found:
    console, began, on = terminal(), time.monotonic(), machine()

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began:5.0f} s  {line}", highlight=False)

    async with big_table() as table:
        found = await measure(table, rows, say)
        return {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - began),
            "machine": on,
            "versions": versions(await table.version()),
            **found,
        }
