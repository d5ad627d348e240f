"""`chatlog access-log`: who read what was said."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.access import AccessLog
from app.commands.asking import asks
from app.conversations.accesses import Accesses, AccessFilter
from app.dead_letters.content import printable
from app.dead_letters.filters import MomentType
from app.postgres.connections import create_pool
from app.settings import load_settings
from models.access import Action, whoever_has_the_shell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.conversations.accesses import AccessRow

#: Where the output isn't a terminal, so that nothing is cut or wrapped.
WIDTH_WITHOUT_TERMINAL = 250


@click.group(name="access-log")
def access_log() -> None:
    """See who read what was said.

    Each reading of a conversation, a message or a person is noted before it is shown: by REST, by a page, or
    by a command. DATABASE_URL's user needs the role chatlog_reader or chatlog_api.
    """


@access_log.command(name="list")
@click.option("--who", metavar="EMAIL", help="Only what they read; `shell` for commands.")
@click.option("--action", type=click.Choice([action.value for action in Action]), help="Only this.")
@click.option("--platform", metavar="NAME", help="Only what was said there.")
@click.option("--person", metavar="ID", help="Only of whom this is the platform's id.")
@click.option("--conversation", type=click.UUID, metavar="ID", help="Only of this conversation.")
@click.option("--since", type=MomentType(), help="Not before: 2026-05-31, 2026-05-31T12:00Z, 90m, 12h, 7d.")
@click.option("--until", type=MomentType(), help="Before this.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most."
)
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each.")
@asks(Action.READ_ACCESS_LOG)
def list_(limit: int, *, as_json: bool, **chosen: Any) -> None:
    """List who read what, the latest first."""
    conversation = chosen.pop("conversation")
    wanted = AccessFilter(**chosen, conversation=None if conversation is None else str(conversation))
    found = asyncio.run(_find(wanted, limit))
    if as_json:
        for row in found:
            click.echo(json.dumps(asdict(row), default=str, ensure_ascii=False))
    elif not found:
        click.echo("Nobody read any of it.")
    else:
        console = Console()
        if not console.is_terminal:
            console.width = WIDTH_WITHOUT_TERMINAL
        console.print(_table(found))


async def _find(wanted: AccessFilter, limit: int) -> list[AccessRow]:
    caller = whoever_has_the_shell()
    asked = {name: str(value) for name, value in asdict(wanted).items() if value is not None}
    pool = await create_pool(load_settings().database, application_name="chatlog-access-log", min_size=0)
    try:
        found = await Accesses(pool).find(caller, wanted, limit=limit)
        await AccessLog(pool).note_command(
            caller, Action.READ_ACCESS_LOG, "chatlog access-log list", {"access_log": asked}
        )
        return found
    finally:
        pool.terminate()


def _table(found: Sequence[AccessRow]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("at (UTC)", "who", "by", "what", "from"):
        table.add_column(heading, overflow="fold")
    for row in found:
        what = " ".join(f"{name}={value}" for name, value in row.subject.items())
        cells = (f"{row.at:%Y-%m-%d %H:%M:%S}", row.who, row.route, what, row.address or "–")
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table
