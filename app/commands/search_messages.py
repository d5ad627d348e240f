"""`chatlog search messages`: words in all that was said, on the terminal or as JSON."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from app.access import AccessLog
from app.commands.asking import asks
from app.commands.reading_options import text_or_json
from app.conversations.transcript_lines import on_one_line, speaker_of
from app.dead_letters.content import printable
from app.dead_letters.filters import MomentType
from app.postgres.connections import create_pool
from app.reading.moments import moment_text
from app.search.representations import FoundMessage
from app.search.service import RANKED_MAX, Search
from app.search.serving import subject_of_search
from app.settings import load_settings
from models.access import Action, whoever_has_the_shell
from models.reading import MessageFilter
from sinks.postgres.searching import Order

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from app.search.found import FoundPage, Hit

_LIMIT_MAX, _LIMIT_DEFAULT = RANKED_MAX, 50
_NAME = "chatlog search messages"


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="WORDS…")
@click.option("--platform", metavar="NAME", help="Only what was said there: twitch, messenger.")
@click.option("--channel", metavar="ID", help="Only there: the platform's id of the room, the page.")
@click.option("--survey", metavar="NAME", help="Only of this survey.")
@click.option("--person", metavar="ID", help="Only from or with: the platform's id of somebody.")
@click.option("--role", metavar="ROLE", help="Only by: user, assistant, bot, system, tool.")
@click.option(
    "--since", type=MomentType(), help="Nothing from before: 2026-05-31, 2026-05-31T12:00Z, 90m, 12h, 7d."
)
@click.option("--until", type=MomentType(), help="Nothing from then on; of a day, from its beginning on.")
@click.option(
    "--limit",
    type=click.IntRange(1, _LIMIT_MAX),
    default=_LIMIT_DEFAULT,
    show_default=True,
    help="How many at most.",
)
@click.option(
    "--newest/--rank",
    "is_newest",
    default=True,
    help=f"The newest first, or the best of the {RANKED_MAX:,} newest. [default: newest]",
)
@text_or_json
@asks(Action.READ_MESSAGES)
def messages(  # noqa: PLR0913  each is an option
    words: tuple[str, ...],
    *,
    platform: str | None,
    channel: str | None,
    survey: str | None,
    person: str | None,
    role: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    is_newest: bool,
    form: str,
) -> None:
    """Find WORDS in all that was said, as the page of search does.

    All of them must be there: 'refund money'. There are also '"money back"', 'fever or cough', 'fever
    -malaria' and 'vacc*': put them into quotation marks for your shell.

    Each line says when (UTC), where and by whom something was said, and in which conversation, which `chatlog
    conversation ID` shows. Who searches is noted in access_log.
    Needs DATABASE_URL alone, of a user with the role chatlog_reader or chatlog_api.
    """
    wanted = MessageFilter(
        platform=platform,
        channel=channel,
        survey=survey,
        person=person,
        role=role,
        since=since,
        until=until,
    )
    order = Order.NEWEST if is_newest else Order.RANK
    found = asyncio.run(_find(" ".join(words), wanted, order, limit))
    if found.query.left_out:
        left_out = printable(" ".join(found.query.left_out))
        click.echo(f"No words, and not looked for: {left_out}", err=True)
    if not found.hits:
        raise click.ClickException("nothing is found")
    _print(found, is_json=form == "json")
    for told in _what_more_there_is(found):
        click.echo(told, err=True)


async def _find(typed: str, wanted: MessageFilter, order: Order, limit: int) -> FoundPage:
    """Return what is found; it is shown once it is noted who looked for it."""
    caller = whoever_has_the_shell()
    pool = await create_pool(load_settings().database, application_name="chatlog-search", min_size=0)
    try:
        found = await Search(pool).find(caller, typed, wanted, order=order, limit=limit)
        subject = subject_of_search(typed, wanted, order)
        await AccessLog(pool).note_command(caller, Action.READ_MESSAGES, _NAME, subject)
        return found
    finally:
        pool.terminate()


def _print(found: FoundPage, *, is_json: bool) -> None:
    console = Console(highlight=False)
    for hit in found.hits:
        if is_json:
            click.echo(FoundMessage.of_hit(hit).model_dump_json())
        else:
            console.print(_line(hit), soft_wrap=True)


def _line(hit: Hit) -> Text:
    """Return a hit as one line: whatever people sent, it makes no others, and does nothing to a terminal."""
    said = hit.message
    where = f"{said.platform}/{said.channel}" if said.channel else said.platform
    return Text.assemble(
        (f"{said.timestamp.astimezone(UTC):%Y-%m-%d %H:%M:%S}", "dim"),
        f"  {printable(where)}  {printable(speaker_of(said))}  ",
        *((printable(on_one_line(piece.text)), "bold" if piece.is_hit else "") for piece in hit.pieces),
        (f"  {said.conversation}", "dim"),
    )


def _what_more_there_is(found: FoundPage) -> Iterator[str]:
    """Yield what else could be shown, and how it is had."""
    higher = f"--limit (up to {_LIMIT_MAX:,}) shows more"
    if found.after is not None and found.ranked is None:
        # Of the last one's millisecond there may be others: it comes once more.
        before = moment_text(found.hits[-1].message.timestamp + timedelta(milliseconds=1))
        at_once = f"{higher} at once, " if len(found.hits) < _LIMIT_MAX else ""
        yield f"There are more: {at_once}--until {before} goes on."
    elif found.after is not None:
        yield f"There are more: {found.ranked:,} were put in order, {higher} of them."
    if found.has_more_unranked:
        yield f"Only the newest {RANKED_MAX:,} were put in order: --until looks among older ones."
