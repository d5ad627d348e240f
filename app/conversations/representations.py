"""What the API gives of conversations and messages, as OpenAPI describes it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

if TYPE_CHECKING:
    from app.conversations.known import MessageVersion, Opinion, PersonSeen, StayRow
    from app.conversations.rows import ConversationRow, Preview, SaidMessage


def instant(moment: datetime) -> str:
    """Return a time to the millisecond, as messages have it, in UTC."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z".zfill(24)


Instant = Annotated[datetime, PlainSerializer(instant, when_used="json")]


class Named(BaseModel):
    """Somebody, by the platform's id of them."""

    id: str
    name: str | None = Field(description="What they are called; null where that is not known.")

    @classmethod
    def of(cls, person: str | None, name: str | None) -> Self | None:
        """Return how the API shows somebody; nobody is null."""
        return None if person is None else cls(id=person, name=name)


class SurveyNamed(BaseModel):
    """A survey."""

    name: str
    owner: str = Field(description="The address of whose it is.")


class MessageLine(BaseModel):
    """A message in a line."""

    id: UUID
    timestamp: Instant
    role: str
    author_name: str | None
    content: str = Field(description="The beginning of what was said; empty where that is not to be shown.")
    message_type: str | None
    deleted: Instant | None

    @classmethod
    def of(cls, line: Preview | None) -> Self | None:
        """Return how the API shows a line."""
        return None if line is None else cls.model_validate(line, from_attributes=True)


class MessageOpinion(BaseModel):
    """What somebody thinks of a message."""

    model_config = ConfigDict(from_attributes=True)

    value: float = Field(description="Better is more: 1 and -1 for thumbs.")
    given: Instant
    label: str | None
    comment: str | None
    author: str | None = Field(description="Whose it is; null where nobody told.")
    author_name: str | None = Field(description="What they are called; null where that is not known.")

    @classmethod
    def of(cls, opinion: Opinion) -> Self:
        """Return how the API shows it."""
        return cls.model_validate(opinion)


class ShownMessage(BaseModel):
    """A message, as far as it is to be shown."""

    id: UUID
    platform: str
    channel: str | None
    conversation: UUID
    timestamp: Instant = Field(description="When it was said.")
    role: str = Field(description="Who spoke: user, assistant, bot, system or tool.")
    author: Named | None = Field(description="Who it is from; null of an assistant.")
    content: str = Field(description="What was said last; empty where that is not to be shown.")
    message_type: str | None = Field(description="In the platform's words; null for plain text.")
    question: str | None = Field(description="The survey's question that it asks or answers.")
    survey: SurveyNamed | None
    shortcode: str | None
    reply_to: UUID | None
    reply: MessageLine | None = Field(description="What it answers, where that may be read.")
    response_ms: int | None = Field(description="How long an answer took.")
    weight: float = Field(description="How many messages it stands for, where the channel is sampled.")
    edited: Instant | None = Field(description="Since when the text is what it is.")
    deleted: Instant | None = Field(description="When it was taken back.")
    deletion: str | None = Field(
        description="What became of it then: keep (still shown), blank, or unsent (its author took it back)."
    )
    withheld: bool = Field(description="Whether the platform keeps back what was said.")
    metadata: Any = Field(description="What else is known of it; of a survey's bot, what it knew then.")
    versions: int = Field(description="How many texts it had.")
    feedback: list[MessageOpinion] = Field(description="What people think of it, the oldest first.")

    @classmethod
    def of(cls, said: SaidMessage) -> Self:
        """Return how the API shows a message."""
        return cls(
            id=said.id,
            platform=said.platform,
            channel=said.channel,
            conversation=said.conversation,
            timestamp=said.timestamp,
            role=said.role,
            author=Named.of(said.author, said.author_name),
            content=said.content,
            message_type=said.message_type,
            question=said.question,
            survey=SurveyNamed(name=said.survey, owner=said.survey_owner or "") if said.survey else None,
            shortcode=said.shortcode,
            reply_to=said.reply_to,
            reply=MessageLine.of(said.reply),
            response_ms=said.response_ms,
            weight=said.weight,
            edited=said.edited,
            deleted=said.deleted,
            deletion=said.deletion,
            withheld=said.withheld,
            metadata=said.metadata,
            versions=said.versions,
            feedback=[MessageOpinion.of(opinion) for opinion in said.opinions],
        )


class ShownConversation(BaseModel):
    """A conversation; its figures are of what you may read."""

    id: UUID
    platform: str
    channel: str = Field(description="Where; empty for a page that nothing names.")
    channel_name: str | None
    external_id: str = Field(description="What the platform calls it.")
    kind: str = Field(description="channel (a room of many), dialogue, session or thread.")
    person: Named | None = Field(description="Whom it is with; null of a room.")
    title: str | None
    started: Instant
    last_at: Instant = Field(description="When the last message was said; of a room up to a minute behind.")
    messages: int | None = Field(description="How many there are; null of a room.")
    survey: str | None = Field(description="The survey that the last message is of.")
    last: MessageLine | None = Field(description="The last message.")

    @classmethod
    def of(cls, row: ConversationRow) -> Self:
        """Return how the API shows a conversation."""
        return cls(
            id=row.id,
            platform=row.platform,
            channel=row.channel,
            channel_name=row.channel_name,
            external_id=row.external_id,
            kind=row.kind,
            person=Named.of(row.person, row.person_name),
            title=row.title,
            started=row.started,
            last_at=row.last_at,
            messages=row.messages,
            survey=row.survey,
            last=MessageLine.of(row.last),
        )


class MessagesPart(BaseModel):
    """A part of a conversation, in the order in which it was said."""

    items: list[ShownMessage] = Field(description="The oldest first.")
    before: str | None = Field(description="Earlier ones are had by this as `before`; null at the beginning.")
    after: str | None = Field(description="Later ones are had by this as `after`; null at the end.")


class MessageText(BaseModel):
    """A text that a message had, or that it was taken back."""

    model_config = ConfigDict(from_attributes=True)

    kind: str = Field(description="first, fill (what filled an empty one in), edit or deletion.")
    changed: Instant
    content: str | None
    message_type: str | None
    changed_by: str | None
    reason: str | None
    deletion: str | None

    @classmethod
    def of(cls, version: MessageVersion) -> Self:
        """Return how the API shows it."""
        return cls.model_validate(version)


class MessagePlace(BaseModel):
    """Where a message is in its conversation."""

    conversation: UUID
    cursor: str = Field(
        description="What is before it is had by this as `before`, what is after it as `after`."
    )
    around: str = Field(description="Where to read what was said about it.")
    before: str = Field(description="Where to read what was said before it.")
    after: str = Field(description="Where to read what was said after it.")


class WholeMessage(ShownMessage):
    """A message with its place and its texts."""

    place: MessagePlace
    texts: list[MessageText] = Field(
        description="Which texts it had, the oldest first; none if it had but one."
    )
    raw: Any = Field(
        default=None, description="The event that it came by; with `raw=true`, where it is kept."
    )


class PersonStay(BaseModel):
    """From when to when somebody was in a channel."""

    model_config = ConfigDict(from_attributes=True)

    channel: str
    joined: Instant
    last_at: Instant
    left_at: Instant | None
    messages: int = Field(description="How many they sent, counted before sampling.")
    told: bool = Field(
        description="Whether the platform told it; else it is a time without a gap of half an hour."
    )

    @classmethod
    def of(cls, stay: StayRow) -> Self:
        """Return how the API shows it."""
        return cls.model_validate(stay)


class ShownPerson(BaseModel):
    """Somebody, as far as a platform knows them."""

    platform: str
    id: str
    name: str | None
    named: Instant | None = Field(description="When they were last seen with that name.")
    conversations: list[ShownConversation] = Field(
        description="Theirs, and those in which they spoke: 200 at most, the latest first."
    )
    has_more: bool = Field(description="Whether there are more; GET /v1/conversations?person= has them all.")
    stays: list[PersonStay] = Field(description="When they were where: 200 at most, the latest first.")

    @classmethod
    def of(cls, person: PersonSeen) -> Self:
        """Return how the API shows somebody."""
        return cls(
            platform=person.platform,
            id=person.id,
            name=person.name,
            named=person.named,
            conversations=[ShownConversation.of(row) for row in person.conversations],
            has_more=person.has_more,
            stays=[PersonStay.of(stay) for stay in person.stays],
        )
