"""A conversation to read: the bot on the left and the person on the right, or line by line where it is plain.

Text stays as it was said, letter for letter: a terminal turns right-to-left scripts by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from models.entries import Direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from rich.console import RenderableType

    from app.up.arrival import Message
    from samples import Conversation

#: The part of the width that a message may take, so that the two sides can be told apart.
_SHARE = 0.7
_TIME_WIDTH = 5
_STYLES = {Direction.BOT: "cyan", Direction.USER: "green"}
_NO_TEXT = "(no text)"


def bubbles(conversation: Conversation, messages: Sequence[Message], note: str, width: int) -> RenderableType:
    """Return the conversation for a terminal of `width` columns."""
    title = Text.assemble((conversation.person, "bold green"), " · ", (conversation.page, "cyan"), f" · {note}")
    share = round((width - _TIME_WIDTH - 1) * _SHARE)
    lines: list[RenderableType] = [Rule(title, align="left", style="dim")]
    for day, of_day in _by_day(messages):
        lines.append(Text(_day(day), "dim"))
        lines.extend(_bubble(message, width, share) for message in of_day)
    return Padding(Group(*lines), (1, 0, 0, 0))


def plain_lines(conversation: Conversation, messages: Sequence[Message], note: str) -> str:
    """Return the conversation as lines, each message's later lines indented."""
    first_name = conversation.person.split()[0]
    speakers = {Direction.BOT: "bot", Direction.USER: first_name}
    side = max(map(len, speakers.values()))
    lines = ["", f"{conversation.person} · {conversation.page} · {note}"]
    for day, of_day in _by_day(messages):
        lines.append(_day(day))
        for message in of_day:
            margin = f"  {message.said_at:%H:%M}  {speakers[message.direction]:<{side}}  "
            text = message.content or _NO_TEXT
            lines.append(margin + text.replace("\n", "\n" + " " * len(margin)))
    return "\n".join(lines)


def _bubble(message: Message, width: int, share: int) -> Table:
    is_bot = message.direction is Direction.BOT
    text = Text(message.content, _STYLES[message.direction], justify="left" if is_bot else "right")
    row = Table.grid(padding=(0, 1, 0, 0))
    row.width = width
    row.add_column(width=_TIME_WIDTH)
    row.add_column(width=share if is_bot else width - _TIME_WIDTH - 2 - share)
    row.add_column(width=width - _TIME_WIDTH - 2 - share if is_bot else share, justify="left" if is_bot else "right")
    said = text if message.content else Text(_NO_TEXT, "dim italic", justify=text.justify)
    row.add_row(Text(f"{message.said_at:%H:%M}", "dim"), *((said, "") if is_bot else ("", said)))
    return row


def _by_day(messages: Iterable[Message]) -> Iterator[tuple[date, list[Message]]]:
    days: dict[date, list[Message]] = {}
    for message in messages:
        days.setdefault(message.said_at.date(), []).append(message)
    yield from days.items()


def _day(day: date) -> str:
    # Not strftime, which speaks the language of the machine.
    return f"{day.isoformat()} (UTC)"
