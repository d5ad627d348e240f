"""A conversation to read, line by line: the same on a terminal, in a file, and by `chatlog up`.

Text stays as it was said, letter for letter: a terminal turns right-to-left scripts by itself. Nothing is
aligned to the right edge, since terminals do not agree on how wide many scripts and emoji are. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from app.conversations.rows import MESSENGER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from rich.console import Console

    from app.conversations.rows import SaidMessage

#: The part of the width that a message may take, so that the two sides can be told apart.
_SHARE = 0.65
#: As wide as the time of a message, with the space around it.
_MARGIN = 7
_NO_TEXT = "(no text)"
#: What an editor may begin another line at.
_LINE_BREAK = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_WORDS = {"assistant": "bot"}


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """A message as a transcript shows it.

    Attributes:
        said_at: when, in the zone of the reader.
        speaker: who, in a word.
        is_bot: whether it is on the side of the bot.
        text: what was said, or what stands for it.
        is_said: whether that is what was said.
    """

    said_at: datetime
    speaker: str
    is_bot: bool
    text: str
    is_said: bool = True


class TranscriptLines:
    """Writes the lines of one conversation, with the day above the first of each.

    Args:
        zone: what is said of the days.
        speaker_width: as wide as the longest name; 0 where nobody knows.
    """

    def __init__(self, zone: str, speaker_width: int = 0) -> None:
        self._zone = zone
        self._width = speaker_width
        self._day: date | None = None

    def plain(self, line: SpokenLine) -> Iterator[str]:
        """Return a message as one whole line, its own later lines indented."""
        yield from self._new_day(line)
        margin = f"{line.said_at:%H:%M}  {line.speaker:<{self._width}}  "
        yield margin + _LINE_BREAK.sub("\n" + " " * len(margin), line.text)

    def bubbles(self, line: SpokenLine, console: Console) -> Iterator[Text]:
        """Return a message for a terminal: the bot on the left, the person further right."""
        for day in self._new_day(line):
            yield Text(day, "dim")
        width = round((console.width - _MARGIN) * _SHARE)
        indent = "" if line.is_bot else " " * (console.width - _MARGIN - width)
        colour = "cyan" if line.is_bot else "green"
        margin = Text(f"{line.said_at:%H:%M}".ljust(_MARGIN), "dim")
        for part in Text(line.text, colour if line.is_said else "dim").wrap(console, width, overflow="fold"):
            part.rstrip()
            yield Text.assemble(margin, indent, part)
            margin = Text(" " * _MARGIN)

    def _new_day(self, line: SpokenLine) -> Iterator[str]:
        if line.said_at.date() != self._day:
            self._day = line.said_at.date()
            yield f"{self._day} ({self._zone})"


def stand_in(message_type: str | None) -> str:
    """Return what is shown of a message without text: what was sent instead, a picture, a voice."""
    return _NO_TEXT if message_type in {None, "text"} else f"({message_type})"


def speaker_of(said: SaidMessage) -> str:
    """Return who spoke, in a word or two."""
    known = said.author_name or (None if said.platform == MESSENGER else said.author)
    return on_one_line(known) if known else _WORDS.get(said.role, said.role)


def on_one_line(name: str) -> str:
    """Return a name as it can stand in a line: people choose theirs, and none makes lines of its own."""
    return _CONTROLS.sub(" ", name)


def line_of(said: SaidMessage, said_at: datetime) -> SpokenLine:
    """Return a message as a transcript shows it.

    Args:
        said: the message.
        said_at: when, in the zone of the reader.
    """
    is_bot = said.role not in {"user", "tool"}
    speaker = speaker_of(said)
    marks = [word for word, is_so in (("edited", said.edited), ("deleted", said.deleted)) if is_so]
    if said.opinions:
        marks.append("rated helpful" if said.opinions[-1].value > 0 else "rated not helpful")
    if said.content:
        text = said.content + (f" ({', '.join(marks)})" if marks else "")
        return SpokenLine(said_at, speaker, is_bot, text)
    if said.deletion is not None:
        return SpokenLine(said_at, speaker, is_bot, "(deleted)", is_said=False)
    return SpokenLine(said_at, speaker, is_bot, stand_in(said.message_type), is_said=False)
