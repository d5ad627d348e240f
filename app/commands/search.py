"""`chatlog search`: find words (`search_messages`), and say what search knows of languages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.commands.asking import asks
from app.commands.search_messages import messages
from app.dead_letters.content import printable
from app.postgres.connections import create_pool
from app.search.languages import Languages
from app.settings import load_settings
from models.access import Action, whoever_has_the_shell

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Result = TypeVar("Result")

#: Where the output isn't a terminal, so that nothing is cut or wrapped.
WIDTH_WITHOUT_TERMINAL = 250

_place = click.argument("place")


@click.group()
def search() -> None:
    """Find words in what was said; see and set what search goes by."""


search.add_command(messages)


@search.group()
def languages() -> None:
    """See and set in which language people speak where.

    There, words are found by their stems, too: `vaccine` finds `vaccines`. A PLACE is platform:twitch,
    channel:twitch/918273645 or survey:Name. It holds when `chatlog maintain` has made the indexes for it.
    """


@languages.command(name="list")
@asks(Action.SEE_CHANNELS)
def list_() -> None:
    """List what is spoken where."""
    found = _run(lambda known: known.find(whoever_has_the_shell()))
    if not found:
        click.echo("Nobody has said in which language people speak anywhere: words are found as they are.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("place", "language", "since (UTC)", "by"):
        table.add_column(heading, overflow="fold")
    for spoken in found:
        cells = (spoken.place, spoken.language, f"{spoken.changed:%Y-%m-%d %H:%M:%S}", spoken.changed_by)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    console.print(table)


@languages.command(name="set")
@_place
@click.argument("language")
@asks(Action.CHANGE_CHANNELS)
def set_(place: str, language: str) -> None:
    """Say that people speak a LANGUAGE (english, arabic, …) at a PLACE."""
    spoken = _run(lambda known: known.set(whoever_has_the_shell(), place, language))
    click.echo(f"{printable(spoken.place)}: {spoken.language}. It holds when `chatlog maintain` has run.")


@languages.command()
@_place
@asks(Action.CHANGE_CHANNELS)
def unset(place: str) -> None:
    """Say it no longer."""
    _run(lambda known: known.unset(whoever_has_the_shell(), place))
    click.echo("Words are found there as they are.")


def _run(work: Callable[[Languages], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        pool = await create_pool(load_settings().database, application_name="chatlog-search", min_size=0)
        try:
            return await work(Languages(pool))
        finally:
            pool.terminate()

    return asyncio.run(run())
