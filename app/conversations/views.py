"""What the pages show of rows: who speaks on which side, what is marked, which day it is. Pure.

The templates decide how it looks, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from app.bot_states.sentences import why_again
from app.conversations import moments
from app.conversations.naming import KINDS, ROLES, Avatar, avatar_of, media_of, platform_name
from app.conversations.rows import TAKEN_BACK
from app.conversations.writing import NOBODY
from app.web import words
from models.access import THREADS
from models.threads import CONTENT_KEY, tag_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime
    from uuid import UUID
    from zoneinfo import ZoneInfo

    from app.conversations.rows import ConversationRow, SaidMessage
    from app.threads.writers import ThreadWriter
    from models import JSON
    from models.repeats import Repeat

#: Whose words are on the other side than those of the person, where somebody talks with a program.
_PROGRAMS = frozenset({"assistant", "bot"})
_ASIDE = frozenset({"system", "tool"})
#: Of one author, what is said after so long begins anew with the name.
_RUN_S = 600
_THUMBS = frozenset({1.0, -1.0})
#: Beside a message; its details have all.
OPINIONS_SHOWN = 3
_PLAIN_TYPES = frozenset({None, "", "text"})


@dataclass(frozen=True, slots=True)
class Why:
    """Why a message asks what was asked before.

    Attributes:
        said: the reason, in sentences.
        before: the id of the message that asked it before.
        answer: the id of the answer that was not taken, if that is why.
    """

    said: str
    before: str
    answer: str | None

    @classmethod
    def of(cls, repeat: Repeat) -> Self:
        """Return how a repeat is explained."""
        return cls(why_again(repeat), repeat.before, repeat.answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnOpinion:
    """What somebody thinks of a message, in words.

    Attributes:
        is_good: whether they liked it.
        said: the same in words, with the value where that says more.
        label: a reason, or how it was told.
        comment: in their words.
        by: what whose it is are called, or the platform's id of them; empty where nobody told.
        when: since when, in short.
        exact: the same, exactly.
    """

    is_good: bool
    said: str
    label: str
    comment: str
    by: str
    when: str
    exact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """One message as a thread shows it.

    Attributes:
        message: the row.
        side: `start` for people, `end` for a program that talks with one, `aside` for what is nobody's words;
            of who writes there themselves, theirs are at the `end`, and all others at the `start`.
        name: of who spoke.
        avatar: theirs.
        begins: whether it has the name above it, being the first of a run.
        day: the day it opens, in words; empty within a day.
        day_key: the day it is of, to be compared.
        clock: the time of day.
        exact: the moment, exactly.
        media: what it is or carries beside its text.
        kind: its type in the platform's words, where that says more than that it is text.
        answered: how long the answer took, in words; empty for what is none.
        why: why it repeats a question; None for most.
        opinions: the latest of what people think of it, as many as there is room for.
        more_opinions: how many there are besides.
        is_own: whether whoever looks wrote it, and writes there.
        may_reply: whether they may reply to it.
        may_change: whether they may edit and delete it.
    """

    message: SaidMessage
    side: str
    name: str
    avatar: Avatar
    begins: bool
    day: str
    day_key: str
    clock: str
    exact: str
    media: tuple[str, ...]
    kind: str
    answered: str
    why: Why | None
    opinions: tuple[DrawnOpinion, ...]
    more_opinions: int
    is_own: bool
    may_reply: bool
    may_change: bool

    @property
    def tag(self) -> str:
        """The ETag that the API gives it, by which it is told that somebody else was faster."""
        return tag_of(self.message.edited)

    @property
    def is_plain(self) -> bool:
        """Whether it is a text and no more, so that an edited text is all of it."""
        return CONTENT_KEY not in metadata_of(self.message)

    @property
    def instead(self) -> str:
        """What is said in place of a text; empty where there is one, or something else to see."""
        return instead_of(self.message, is_seen=bool(self.media))

    @property
    def replied_to(self) -> str:
        """Who said what it replies to, as far as that is known; empty where it replies to nothing."""
        reply = self.message.reply
        if reply is None:
            return ""
        # Of threads only ids are known; whose they are elsewhere, are numbers.
        known = reply.author if self.message.platform == THREADS else None
        return reply.author_name or known or ROLES.get(reply.role, reply.role)

    @property
    def beside(self) -> str:
        """What the platform itself says beside it."""
        said = metadata_of(self.message).get("system_message")
        return said if isinstance(said, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnTalk:
    """One conversation as the list and the head of its thread show it.

    Attributes:
        row: the row.
        url: where it is opened.
        name: with whom, or of the room.
        avatar: theirs.
        platform: its name.
        place: the channel's name, where that says more than `name`.
        kind: in words.
        when: the time of the newest message that the filter is about, in short.
        exact: the same, exactly.
        last: the newest message; None where it is not known.
    """

    row: ConversationRow
    url: str
    name: str
    avatar: Avatar
    platform: str
    place: str
    kind: str
    when: str
    exact: str
    last: Last | None


@dataclass(frozen=True, slots=True)
class Last:
    """The newest message of a conversation, in a line.

    Attributes:
        by: who said it, where that is not whom the conversation is with.
        text: what was said, or what it is.
    """

    by: str
    text: str


def bubbles_of(
    messages: Sequence[SaidMessage],
    *,
    kind: str,
    zone: ZoneInfo,
    today: date,
    why: Mapping[UUID, Why],
    writer: ThreadWriter = NOBODY,
) -> list[Bubble]:
    """Return messages as a thread shows them, in their order.

    Args:
        messages: one part of a conversation, oldest first.
        kind: of the conversation; in a room all are on one side.
        zone: the reader's.
        today: the day it is there.
        why: of messages that repeat a question, by their ids.
        writer: what the reader may do there themselves.
    """
    return list(_bubbles(messages, kind, zone, today, why, writer))


def talk_of(row: ConversationRow, url: str, zone: ZoneInfo, today: date) -> DrawnTalk:
    """Return a conversation as the list shows it, leading to an address."""
    # Of a session, the channel is itself; of a thread the tenant, which is the same for all that one sees.
    place = row.channel_name or ("" if row.channel == row.external_id else row.channel)
    if row.platform == THREADS:
        place = row.person or ""
    name = row.title or row.person_name or row.person or place or row.external_id
    return DrawnTalk(
        row=row,
        url=url,
        name=name,
        avatar=avatar_of(f"{row.platform}/{row.person or row.external_id}", name),
        platform=platform_name(row.platform),
        place="" if place == name else place,
        kind=KINDS.get(row.kind, row.kind),
        when=moments.briefly(row.matched, zone, today),
        exact=moments.exactly(row.matched, zone),
        last=_last(row),
    )


def _last(row: ConversationRow) -> Last | None:
    last = row.last
    if last is None:
        return None
    by = (
        ""
        if row.kind != "channel" and last.role == "user"
        else last.author_name or ROLES.get(last.role, last.role)
    )
    media = media_of(last.message_type, {})
    return Last(by, last.content or ("Deleted" if last.deleted else media[0] if media else "Without text"))


def is_kept_back(message: SaidMessage) -> bool:
    """Tell whether nothing of what was said is to be shown."""
    return message.withheld or message.deletion == TAKEN_BACK


def instead_of(message: SaidMessage, *, is_seen: bool = False) -> str:
    """Return what is said in place of a text; empty where there is one, or something else to see."""
    if message.deletion == TAKEN_BACK:
        return "Taken back by who said it: the text is not shown."
    if message.withheld:
        return "The platform does not pass on what was said here."
    if message.content or is_seen:
        return ""
    return "Deleted: the text is no longer stored." if message.deleted else "Without text."


def metadata_of(message: SaidMessage) -> dict[str, JSON]:
    """Return what else is known of a message; other writers of chat_log may keep there what they like."""
    return message.metadata if isinstance(message.metadata, dict) else {}


def opinions_of(message: SaidMessage, zone: ZoneInfo, today: date) -> list[DrawnOpinion]:
    """Return what people think of a message, the oldest first."""
    return [
        DrawnOpinion(
            is_good=opinion.value > 0,
            said=_judgement(opinion.value),
            label=opinion.label or "",
            comment=opinion.comment or "",
            by=opinion.author_name or opinion.author or "",
            when=moments.briefly(opinion.given, zone, today),
            exact=moments.exactly(opinion.given, zone),
        )
        for opinion in message.opinions
    ]


def speaker_of(message: SaidMessage) -> tuple[str, str]:
    """Return what tells apart who spoke, and what they are called."""
    role = ROLES.get(message.role, message.role)
    if message.role in _PROGRAMS | _ASIDE:
        # What Messenger's bot says bears the id of the person it is said to.
        return f"{message.platform}/{message.role}/{message.author_name or ''}", message.author_name or role
    identity = message.author or ""
    return f"{message.platform}/{identity}", message.author_name or identity or role


def _bubbles(
    messages: Sequence[SaidMessage],
    kind: str,
    zone: ZoneInfo,
    today: date,
    why: Mapping[UUID, Why],
    writer: ThreadWriter,
) -> Iterator[Bubble]:
    last_day, last_speaker, last_at = "", "", None
    for message in messages:
        key = moments.local_day(message.timestamp, zone).isoformat()
        identity, name = speaker_of(message)
        begins = key != last_day or identity != last_speaker or _is_later(last_at, message.timestamp)
        yield Bubble(
            message=message,
            side=_side(message, kind, writer),
            name=name,
            avatar=avatar_of(identity, name),
            begins=begins,
            day=moments.day_of(message.timestamp, zone, today) if key != last_day else "",
            day_key=key,
            clock=moments.clock(message.timestamp, zone),
            exact=moments.exactly(message.timestamp, zone),
            media=() if is_kept_back(message) else media_of(message.message_type, metadata_of(message)),
            kind="" if message.message_type in _PLAIN_TYPES else str(message.message_type),
            answered="" if message.response_ms is None else words.duration(message.response_ms / 1000),
            why=why.get(message.id),
            opinions=tuple(opinions_of(message, zone, today)[-OPINIONS_SHOWN:]),
            more_opinions=max(0, len(message.opinions) - OPINIONS_SHOWN),
            is_own=writer.wrote(message.author),
            may_reply=writer.may_write,
            may_change=message.deleted is None and writer.may_change(message.author),
        )
        last_day, last_speaker, last_at = key, identity, message.timestamp


def _judgement(value: float) -> str:
    """Say what a value means; beyond a thumb, how much it is."""
    said = "Helpful" if value > 0 else "Not helpful"
    return said if value in _THUMBS else f"{said} ({value:g})"


def _side(message: SaidMessage, kind: str, writer: ThreadWriter) -> str:
    if message.role in _ASIDE:
        return "aside"
    if writer.may_write:
        return "end" if writer.wrote(message.author) else "start"
    return "end" if message.role in _PROGRAMS and kind != "channel" else "start"


def _is_later(before: datetime | None, now: datetime) -> bool:
    return before is not None and (now - before).total_seconds() > _RUN_S
