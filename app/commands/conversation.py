"""`chatlog conversation`: what was said with or by somebody, on the terminal or as JSON."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.text import Text

from app.access import AccessLog
from app.commands.asking import asks
from app.commands.export_options import DayOrMoment
from app.commands.reading_options import text_or_json
from app.conversations.describing import talk_of
from app.conversations.live import LiveTalks
from app.conversations.representations import ShownMessage
from app.conversations.service import Conversations, NoSuchConversation
from app.conversations.subjects import subject_of
from app.conversations.transcript_lines import SpokenLine, TranscriptLines, line_of
from app.conversations.transcripts import Transcript, heading_of, speaker_width_of, transcript_of
from app.dead_letters.content import printable
from app.postgres.connections import create_pool
from app.settings import load_settings
from models.access import Action, whoever_has_the_shell
from models.audits import PLATFORM as CRM
from models.days import begin_of, zone_named
from models.reading import MessageFilter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from datetime import datetime

    from app.conversations.rows import ConversationRow, SaidMessage

#: Wide lines are hard to read.
_MAX_WIDTH = 100
#: How many are named where several may be meant.
_CANDIDATES_MAX = 20
_LIMIT_MAX = 10_000
_NAME = "chatlog conversation"


@click.command()
@click.argument("who", metavar="PERSON|ID")
@click.option("--platform", metavar="NAME", help="Where; needed if several know somebody of this id.")
@click.option(
    "--since", type=DayOrMoment(), help="Nothing from before: 2026-05-31, 2026-05-31T12:00Z, 90m, 12h, 7d."
)
@click.option("--until", type=DayOrMoment(), help="Nothing from then on; of a day, from its beginning on.")
@click.option(
    "--tz",
    "zone",
    default="UTC",
    show_default=True,
    metavar="ZONE",
    help="Of the times shown, and in which days begin: Africa/Lagos.",
)
@text_or_json
@click.option("--limit", type=click.IntRange(1, _LIMIT_MAX), help="Only so many, the newest. [default: all]")
@click.option("--follow", is_flag=True, help="Go on, and show what is said from now on, until Ctrl-C.")
@asks(Action.READ_MESSAGES)
def conversation(who: str, zone: str, since: Any, until: Any, **chosen: Any) -> None:
    """Show the conversation with a PERSON, or the one with an ID.

    A PERSON is known by the platform's id of them, as `userid` of chat_log; a room by that of its channel; a
    lead whose history was taken by its own. An ID is that of a conversation, as the pages and the API give
    it. What is shown is noted in access_log.
    Needs DATABASE_URL alone, of a user with the role chatlog_reader or chatlog_api.
    """
    try:
        days_in = zone_named(zone)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--tz") from None
    since, until = _begin("--since", since, days_in), _begin("--until", until, days_in)
    asyncio.run(_show(who, zone, MessageFilter(since=since, until=until), **chosen))


def _begin(option: str, asked: str | datetime | None, zone: ZoneInfo) -> datetime | None:
    """Return the time that is meant: of a day, when it begins in a zone."""
    try:
        return begin_of(asked, zone) if isinstance(asked, str) else asked
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


async def _show(
    who: str,
    zone: str,
    period: MessageFilter,
    *,
    platform: str | None,
    form: str,
    limit: int | None,
    follow: bool,
) -> None:
    caller = whoever_has_the_shell()
    async with _reading() as (talks, log, live):
        row = await _meant(talks, who, platform)
        await log.note_command(caller, Action.READ_MESSAGES, _NAME, subject_of(row))
        shown = _Shown(row, zone, form)
        async with live.watch(talk_of(row)) as watcher:
            if limit is None:
                transcript = await transcript_of(talks, caller, row, period, zone)
            else:
                newest = await talks.messages(caller, row.id, wanted=period, limit=limit)
                # No further: there is nothing after the newest.
                transcript = Transcript(talks, caller, period, newest, zone)
            shown.begin(transcript.first.messages)
            async for said in transcript.messages():
                shown.message(said)
            while follow:
                await watcher.wait()
                for said in await talks.some(caller, row.id, watcher.take().fresh):
                    shown.message(said)
        if not shown.any:
            raise click.ClickException("nothing was said then")


async def _meant(talks: Conversations, who: str, platform: str | None) -> ConversationRow:
    """Return the one conversation that is meant."""
    caller = whoever_has_the_shell()
    try:
        return await talks.get(caller, UUID(who))
    except (ValueError, NoSuchConversation):
        pass  # somebody may be called so
    found: list[ConversationRow] = []
    for wanted in (
        MessageFilter(platform=platform, person=who),
        MessageFilter(platform=platform, channel=who),
    ):
        found = found or await talks.list(caller, wanted, limit=_CANDIDATES_MAX + 1)
    if not found and platform in (None, CRM):
        try:
            return await talks.of_lead(caller, who)
        except NoSuchConversation:
            pass  # it is told below, as of anybody
    if not found:
        where = f" on {platform}" if platform else ""
        raise click.ClickException(
            f'nobody, no channel and no conversation is known as "{printable(who)}"{where}'
        )
    if len(found) > 1:
        raise click.ClickException("\n".join(["several are meant: say which by its id", *_named(found)]))
    return found[0]


def _named(found: Iterable[ConversationRow]) -> list[str]:
    lines = [
        printable(f"{heading_of(row)} · {row.last_at:%Y-%m-%d %H:%M} UTC" + _count(row)) for row in found
    ]
    return [*lines[:_CANDIDATES_MAX], *(["and others"] if len(lines) > _CANDIDATES_MAX else [])]


def _count(row: ConversationRow) -> str:
    return "" if row.messages is None else f" · {row.messages:,} messages"


class _Shown:
    """Prints a conversation.

    Attributes:
        any: whether a message was printed.

    Args:
        row: which.
        zone: of the times.
        form: text or json: then a line for each message.
    """

    def __init__(self, row: ConversationRow, zone: str, form: str) -> None:
        self.any = False
        self._row = row
        self._zone = ZoneInfo(zone)
        self._is_json = form == "json"
        self._console = Console(highlight=False)
        self._console.width = min(self._console.width, _MAX_WIDTH)
        self._lines = TranscriptLines(zone)

    def begin(self, first: Iterable[SaidMessage]) -> None:
        """Print what is above the messages."""
        self._lines = TranscriptLines(self._zone.key, speaker_width_of(list(first)))
        if not self._is_json:
            self._print(Text(printable(heading_of(self._row)), "bold" if self._console.is_terminal else ""))

    def message(self, said: SaidMessage) -> None:
        """Print a message."""
        self.any = True
        if self._is_json:
            click.echo(ShownMessage.of(said).model_dump_json())
            return
        line = _harmless(line_of(said, said.timestamp.astimezone(self._zone)))
        if self._console.is_terminal:
            for text in self._lines.bubbles(line, self._console):
                self._print(text)
        else:
            for plain in self._lines.plain(line):
                self._print(Text(plain))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


def _harmless(line: SpokenLine) -> SpokenLine:
    """Return a line that does nothing to a terminal: what people sent is text."""
    text = "\n".join(printable(part) for part in line.text.split("\n"))
    return SpokenLine(line.said_at, printable(line.speaker), line.is_bot, text, line.is_said)


@asynccontextmanager
async def _reading() -> AsyncIterator[tuple[Conversations, AccessLog, LiveTalks]]:
    pool = await create_pool(load_settings().database, application_name=_NAME.replace(" ", "-"), min_size=0)
    try:
        yield Conversations(pool), AccessLog(pool), LiveTalks(pool)
    finally:
        pool.terminate()
