"""A sample conversation to read: bubbles on a terminal, and lines where it is plain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from app.conversations.transcript_lines import SpokenLine, TranscriptLines, stand_in
from models.entries import Direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from app.local.arrival import ToldMessage
    from samples import Conversation


def bubbles(conversation: Conversation, messages: Sequence[ToldMessage], note: str, console: Console) -> Text:
    """Return the conversation for a terminal."""
    head = Text.assemble(
        ("── ", "dim"),
        (conversation.person, "bold green"),
        (" · ", "dim"),
        (conversation.page, "bold cyan"),
        (f" · {note}", "dim"),
    )
    lines = TranscriptLines("UTC")
    said = [line for one in messages for line in lines.bubbles(_line(conversation, one), console)]
    return Text("\n").join([Text(), head, *said])


def plain_lines(conversation: Conversation, messages: Sequence[ToldMessage], note: str) -> Text:
    """Return the conversation as lines that are whole, each message's later lines indented."""
    lines = TranscriptLines("UTC", max(len("bot"), len(conversation.person.split()[0])))
    said = [line for one in messages for line in lines.plain(_line(conversation, one))]
    return Text("\n".join(["", f"{conversation.person} · {conversation.page} · {note}", *said]))


def _line(conversation: Conversation, message: ToldMessage) -> SpokenLine:
    is_bot = message.direction is Direction.BOT
    speaker = "bot" if is_bot else conversation.person.split()[0]
    text = message.content or stand_in(message.message_type)
    return SpokenLine(message.said_at, speaker, is_bot, text, is_said=bool(message.content))
