"""`python -m tests.soak --minutes 30 [--seed N]`: run a soak, and fail if anything is lost."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from tests.soak.run import soak


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0.5), default=30.0, show_default=True)
@click.option("--seed", type=int, help="Makes the faults of an earlier soak again; by default, a new one.")
@click.option("--messages-per-s", type=click.IntRange(min=1), default=300, show_default=True)
def main(minutes: float, seed: int | None, messages_per_s: int) -> None:
    """Break things at random for a while, on Kafka and PostgreSQL of its own."""
    # A broker that is away is part of it; aiokafka says so 70 times a second.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    directory = Path(tempfile.mkdtemp(prefix="chatlog-soak-"))
    console.print(
        f"seed {chosen}, {minutes:g} minutes, {messages_per_s} messages a second, logs in {directory}"
    )
    outcome = asyncio.run(soak(minutes * 60, chosen, messages_per_s, directory, console))
    if not outcome.show(console):
        console.print(f"logs are kept in {directory}")
        sys.exit(1)
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
