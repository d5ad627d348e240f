"""A conversation to read: the bot on the left, the person further right; or line by line where it is plain.

Text stays as it was said, letter for letter: a terminal turns right-to-left scripts by itself. Nothing is
aligned to the right edge, since terminals do not agree on how wide many scripts and emoji are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from models.entries import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from rich.console import Console

    from app.local.arrival import ToldMessage
    from samples import Conversation

#: The part of the width that a message may take, so that the two sides can be told apart.
_SHARE = 0.65
#: As wide as the time of a message, with the space around it.
_MARGIN = 7
_COLOURS = {Direction.BOT: "cyan", Direction.USER: "green"}
_NO_TEXT = "(no text)"


def bubbles(conversation: Conversation, messages: Sequence[ToldMessage], note: str, console: Console) -> Text:
    """Return the conversation for a terminal."""
    lines = [
        Text(),
        Text.assemble(
            ("── ", "dim"),
            (conversation.person, "bold green"),
            (" · ", "dim"),
            (conversation.page, "bold cyan"),
            (f" · {note}", "dim"),
        ),
    ]
    width = round((console.width - _MARGIN) * _SHARE)
    indents = {Direction.BOT: 0, Direction.USER: console.width - _MARGIN - width}
    for day, of_day in _by_day(messages):
        lines.append(Text(f"{day} (UTC)", "dim"))
        for message in of_day:
            said = (
                Text(message.content, _COLOURS[message.direction])
                if message.content
                else Text(_without_text(message), "dim")
            )
            margin = Text(f"{message.said_at:%H:%M}".ljust(_MARGIN), "dim")
            indent = " " * indents[message.direction]
            for line in said.wrap(console, width, overflow="fold"):
                line.rstrip()
                lines.append(Text.assemble(margin, indent, line))
                margin = Text(" " * _MARGIN)
    return Text("\n").join(lines)


def plain_lines(conversation: Conversation, messages: Sequence[ToldMessage], note: str) -> Text:
    """Return the conversation as lines that are whole, each message's later lines indented."""
    speakers = {Direction.BOT: "bot", Direction.USER: conversation.person.split()[0]}
    side = max(map(len, speakers.values()))
    lines = ["", f"{conversation.person} · {conversation.page} · {note}"]
    for day, of_day in _by_day(messages):
        lines.append(f"{day} (UTC)")
        for message in of_day:
            margin = f"{message.said_at:%H:%M}  {speakers[message.direction]:<{side}}  "
            text = message.content or _without_text(message)
            lines.append(margin + text.replace("\n", "\n" + " " * len(margin)))
    return Text("\n".join(lines))


def _without_text(message: ToldMessage) -> str:
    """Return what was sent instead of a text: a picture, a voice."""
    return _NO_TEXT if message.message_type in {None, "text"} else f"({message.message_type})"


def _by_day(messages: Sequence[ToldMessage]) -> Iterator[tuple[date, list[ToldMessage]]]:
    days: dict[date, list[ToldMessage]] = {}
    for message in messages:
        days.setdefault(message.said_at.date(), []).append(message)
    yield from days.items()
