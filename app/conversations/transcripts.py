"""A conversation as a file, however long: read part by part while it is sent, so that none is held whole."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo

from app.conversations.representations import ShownConversation, ShownMessage
from app.conversations.rows import place_at
from app.conversations.transcript_lines import TranscriptLines, line_of, on_one_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from app.conversations.rows import ConversationRow, SaidMessage, Thread
    from app.conversations.service import Conversations
    from models.access import Caller
    from models.reading import MessageFilter

TranscriptFormat = Literal["text", "json"]
#: How many messages are read at once.
PART = 500
MEDIA_TYPES: dict[TranscriptFormat, str] = {
    "text": "text/plain; charset=utf-8",
    "json": "application/json",
}
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


class Transcript(NamedTuple):
    """A conversation, from its first part on.

    Attributes:
        talks: what the others are read by.
        caller: who reads.
        wanted: which messages of it.
        first: the first part.
        zone: of the reader.
    """

    talks: Conversations
    caller: Caller
    wanted: MessageFilter
    first: Thread
    zone: str

    @property
    def file_name(self) -> str:
        """What a file of it is called, but for its ending: whose it is, and of which days."""
        row, zone = self.first.conversation, ZoneInfo(self.zone)
        begin = self.wanted.since or row.started
        end = self.wanted.until - timedelta(microseconds=1) if self.wanted.until else row.last_at
        whose = _NOT_IN_NAMES.sub("-", f"{row.platform}-{row.person or row.external_id}").strip("-")[:100]
        return f"{whose}_{begin.astimezone(zone):%Y-%m-%d}_{end.astimezone(zone):%Y-%m-%d}"

    async def messages(self) -> AsyncIterator[SaidMessage]:
        """Yield all messages, the oldest first."""
        part = self.first
        while True:
            for said in part.messages:
                yield said
            if part.after is None:
                return
            part = await self.talks.messages(
                *(self.caller, part.conversation.id), wanted=self.wanted, after=part.after, limit=PART
            )

    async def text(self) -> AsyncIterator[str]:
        """Yield the lines of a text."""
        row, zone = self.first.conversation, ZoneInfo(self.zone)
        lines = TranscriptLines(self.zone, speaker_width_of(self.first.messages))
        yield f"{heading_of(row)}\n"
        async for said in self.messages():
            for line in lines.plain(line_of(said, said.timestamp.astimezone(zone))):
                yield f"{line}\n"

    async def json(self) -> AsyncIterator[str]:
        """Yield one JSON object: the conversation, and under `messages` what was said."""
        head = ShownConversation.of(self.first.conversation).model_dump_json(exclude={"last"})
        yield f'{{"conversation": {head}, "messages": ['
        before = "\n"
        async for said in self.messages():
            yield before + ShownMessage.of(said).model_dump_json()
            before = ",\n"
        yield "\n]}\n"

    def lines(self, form: TranscriptFormat) -> AsyncIterator[str]:
        """Yield it in a format."""
        return self.text() if form == "text" else self.json()


async def transcript_of(
    talks: Conversations, caller: Caller, row: ConversationRow, wanted: MessageFilter, zone: str
) -> Transcript:
    """Return the transcript of a conversation; its first part is read.

    Args:
        talks: what it is read by.
        caller: who reads.
        row: which conversation.
        wanted: which messages of it.
        zone: in which its days and times are.

    Raises:
        NoSuchConversation: there is none of which the caller may read anything.
    """
    begin = place_at(wanted.since or _BEGINNING)
    first = await talks.messages(caller, row.id, wanted=wanted, after=begin, limit=PART)
    return Transcript(talks, caller, wanted, first, zone)


def heading_of(row: ConversationRow) -> str:
    """Return what is above a transcript: with whom it is, where, and which it is."""
    whom = row.person_name or row.title or row.person or row.external_id
    where = f"{row.platform} {row.channel_name or row.channel}".strip()
    return on_one_line(f"{whom} · {where} · {row.id}")


def speaker_width_of(messages: Sequence[SaidMessage], most: int = 16) -> int:
    """Return how wide the names of speakers are, as far as these messages tell."""
    widths = (len(line_of(said, said.timestamp).speaker) for said in messages)
    return min(max(widths, default=0), most)
