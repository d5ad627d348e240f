"""`python -m benchmarks`: measure side by side, print a table, write benchmarks/out/latest.json."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console

from benchmarks import results
from benchmarks.machine import machine, tuned, versions
from benchmarks.plan import DEFAULT_PARTS, FULL, PARTS, QUICK, measure
from benchmarks.processes import DidNotFinish
from benchmarks.services import PARTITIONS, POSTGRES_SETTINGS, services

if TYPE_CHECKING:
    from benchmarks.measuring import Run
    from benchmarks.plan import Size

#: Of a file or a pipe, which have no width.
WIDTH = 140
STOPPED = 130


@click.command()
@click.option("--quick", is_flag=True, help="Less of everything, in about six minutes.")
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="Measure this part; repeatable.")
@click.option(
    "--messages",
    type=click.IntRange(min=100_000),
    default=5_000_000,
    show_default=True,
    help="The backlog of the part memory, which runs only with --only memory.",
)
@click.option("--table", is_flag=True, help="Measure nothing: print the last results as Markdown.")
def main(*, quick: bool, only: tuple[str, ...], messages: int, table: bool) -> None:
    """Measure the workers, side by side with what they are compared to.

    Kafka and PostgreSQL are embedded, in a scratch directory. What stays is benchmarks/out/latest.json,
    or with --only a file named after the parts.
    """
    name = "-".join(sorted(only)) or results.LATEST
    if table:
        try:
            click.echo(results.markdown(results.read(name)))
        except FileNotFoundError:
            raise click.ClickException("there are no such results yet: run this without --table") from None
        return
    try:
        asyncio.run(_measure(name, QUICK if quick else FULL, only or DEFAULT_PARTS, messages))
    except DidNotFinish as error:
        raise click.ClickException(str(error)) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(STOPPED)


async def _measure(name: str, size: Size, parts: tuple[str, ...], messages: int) -> None:
    _end_in_order_on_sigterm()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    began, on = time.monotonic(), machine()
    runs: list[Run] = []

    def note(run: Run) -> None:
        runs.append(run)
        console.print(_line(run, time.monotonic() - began), highlight=False, soft_wrap=True)

    console.print(f"Measuring {', '.join(parts)} on embedded Kafka and PostgreSQL")
    async with services() as started:
        postgres = await started.postgres_version()
        await measure(started, size, parts, messages, note)
    found = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began),
        "machine": on,
        "versions": versions(postgres),
        "settings": {
            "partitions": PARTITIONS,
            "postgresql": POSTGRES_SETTINGS,
            "tuned": tuned(),
            "size": asdict(size),
        },
        "runs": [asdict(run) for run in runs],
        "ratios": results.ratios_of(runs),
    }
    console.print(results.runs_table(found), results.goals_table(found))
    console.print(f"Written to {results.write(name, found)}", soft_wrap=True)


def _line(run: Run, after_s: float) -> str:
    return (
        f"{after_s:5.0f} s  {run.part:14} {run.contender:12} round {run.round + 1}  {run.per_s:>8,.0f}/s  "
        f"{run.cpu_s_per_1000 * 1000:6.1f} ms CPU/1,000  {run.peak_mb:4.0f} MB  "
        + "  ".join(f"{name} {value:g}" for name, value in run.figures.items())
    )


def _end_in_order_on_sigterm() -> None:
    """Unwind on SIGTERM as on Ctrl-C: services stop, and nothing stays on the disk."""
    if (task := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


if __name__ == "__main__":
    main()
