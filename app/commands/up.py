"""`chatlog up`: run the whole system on this machine, and watch sample conversations land."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import click

from app.settings import load_settings


@click.command()
@click.option(
    "--once",
    is_flag=True,
    help="End by itself: with 0 when every sample has arrived and can be exported, else with 1.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep the data in DIR between runs. By default it is in a temporary directory that is removed.",
)
@click.option(
    "--samples/--no-samples",
    default=None,
    help="Whether to play the sample conversations. Without either, not where VLAB_ENV is production.",
)
@click.option(
    "--web-port",
    type=click.IntRange(1024, 65_000),
    metavar="PORT",
    help="The first port to try for the workers' web views (6066).",
)
@click.option(
    "--api-port",
    type=click.IntRange(1024, 65_000),
    metavar="PORT",
    help="The first port to try for the API and its pages (8000).",
)
def up(
    *, once: bool, data: Path | None, samples: bool | None, web_port: int | None, api_port: int | None
) -> None:
    """Run Kafka, PostgreSQL, storage, workers and API here, and watch sample conversations land.

    Needs nothing installed: the services are real ones from Python packages, on this machine only.
    KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL and STORAGE_BUCKET replace them. Prints a link to sign in by, and
    runs until Ctrl-C, which stops everything.
    """
    settings = load_settings()
    # Imported here: the other commands do without all that this needs.
    from app.local import Options, run  # noqa: PLC0415
    from app.local.screen import Screen  # noqa: PLC0415

    # What goes wrong is told as an error, or by a worker's log; what libraries log about it only confuses.
    logging.getLogger().addHandler(logging.NullHandler())
    options = Options(once=once, data=data, samples=samples, web_port=web_port, api_port=api_port)
    sys.exit(asyncio.run(run(options, settings, Screen())))
