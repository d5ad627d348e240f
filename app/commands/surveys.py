"""`chatlog surveys`: which surveys there are, and with whom their owners share them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.commands.asking import asks
from app.dead_letters.content import printable
from app.postgres.connections import create_pool
from app.settings import load_settings
from app.surveys.rows import SurveyKey
from app.surveys.service import Surveys
from models.access import Action, whoever_has_the_shell
from models.owners import owner_address

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from app.surveys.rows import Survey

Result = TypeVar("Result")

#: Where the output isn't a terminal, so that nothing is cut or wrapped.
WIDTH_WITHOUT_TERMINAL = 250

_owner = click.option(
    "--owner", metavar="EMAIL", help="Whose it is; needed if several have one of this name."
)
_addresses = click.option(
    "--with",
    "addresses",
    required=True,
    multiple=True,
    metavar="EMAIL",
    help="With whom; once for each.",
)


@click.group()
def surveys() -> None:
    """See which surveys there are, and share them.

    Those with whom a survey is shared see it in their list, and can export it. The page of a survey does the
    same for its owner.
    """


@surveys.command(name="list")
@click.option("--owner", metavar="EMAIL", help="Only theirs, and not those shared with them.")
@asks(Action.SEE_SURVEY)
def list_(owner: str | None) -> None:
    """List surveys, and with whom they are shared."""
    found = _run(lambda known: known.find(owner, None))
    if not found:
        click.echo("No surveys.")
        return
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    console.print(_table(found))


@surveys.command()
@click.argument("name")
@_addresses
@_owner
@asks(Action.SHARE_SURVEY)
def share(name: str, addresses: Sequence[str], owner: str | None) -> None:
    """Share the survey NAME with somebody.

    They see it in their list, and can export it.
    """

    async def share_it(known: Surveys) -> None:
        key = await _key_of(known, name, owner)
        for address in addresses:
            await known.share(whoever_has_the_shell(acting_for=key.owner), key, address)

    _run(share_it)
    click.echo(f"Shared with {', '.join(addresses)}.")


@surveys.command()
@click.argument("name")
@_addresses
@_owner
@asks(Action.SHARE_SURVEY)
def unshare(name: str, addresses: Sequence[str], owner: str | None) -> None:
    """Share the survey NAME with somebody no longer.

    Their exports of it that are under way fail, and files that they have not downloaded are out of reach.
    Of a survey that was renamed or deleted since, say by --owner whose it was.
    """

    async def unshare_it(known: Surveys) -> None:
        key = SurveyKey(owner_address(owner), name) if owner else await _key_of(known, name, owner)
        for address in addresses:
            await known.unshare(whoever_has_the_shell(acting_for=key.owner), key, address)

    _run(unshare_it)
    click.echo(f"No longer shared with {', '.join(addresses)}.")


async def _key_of(known: Surveys, name: str, owner: str | None) -> SurveyKey:
    """Return the one survey that is meant."""
    found = await known.find(owner, name)
    if not found:
        whose = f"{owner} has no survey" if owner else "there is no survey"
        raise click.ClickException(
            f'{whose} named "{name}"; `chatlog surveys list` shows which there are (one that is gone can '
            "be unshared: say by --owner whose it was)"
        )
    if len(found) > 1:
        owners = ", ".join(survey.key.owner for survey in found)
        raise click.ClickException(f"several have a survey of this name: say whose with --owner ({owners})")
    return found[0].key


def _run(work: Callable[[Surveys], Awaitable[Result]]) -> Result:
    return asyncio.run(_with_surveys(work))


async def _with_surveys(work: Callable[[Surveys], Awaitable[Result]]) -> Result:
    pool = await create_pool(load_settings().database, application_name="chatlog-surveys", min_size=0)
    try:
        return await work(Surveys(pool))
    finally:
        pool.terminate()


def _table(found: Sequence[Survey]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("owner", "survey", "shortcodes", "shared with"):
        table.add_column(heading, overflow="fold")
    for survey in found:
        shortcodes, shared_with = " ".join(survey.shortcodes), "\n".join(survey.shared_with) or "–"
        cells = (survey.key.owner, survey.name, shortcodes)
        table.add_row(*(Text(printable(cell)) for cell in cells), Text(shared_with))
    return table
