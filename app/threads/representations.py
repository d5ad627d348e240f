"""What the API gives and takes of threads and their messages, as OpenAPI describes it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from models.decoding import MAX_DEPTH, is_deeper_than
from models.fields import INDEXED_MAX_BYTES
from models.text import clean_json
from models.threads import OUR_KEYS

if TYPE_CHECKING:
    from app.threads.rows import KnownPost, KnownThread
    from models import JSON

#: In the longest script, what an index holds.
NAME_MAX = INDEXED_MAX_BYTES // 4
NAME_PATTERN = r"^[^\x00-\x1f\x7f]+$"
TITLE_MAX = 500
TEXT_MAX = 100_000


def _clean(told: JSON) -> JSON:
    if is_deeper_than(MAX_DEPTH, {"": told}):
        raise ValueError(f"objects and lists are nested more than {MAX_DEPTH} levels deep")
    return clean_json(told)


def _without_our_keys(metadata: dict[str, Any]) -> dict[str, Any]:
    if any(key.startswith(OUR_KEYS) for key in metadata):
        raise ValueError(f"keys that begin with {OUR_KEYS} are ours")
    return metadata


def _says_something(content: dict[str, Any] | str) -> dict[str, Any] | str:
    if isinstance(content, str):
        return content
    text, parts = content.get("text"), content.get("parts")
    if not isinstance(text, str) and not (isinstance(parts, list) and parts):
        raise ValueError('a text, {"text": "…"}, or {"parts": […]} with at least one part')
    if isinstance(text, str) and len(text) > TEXT_MAX:
        raise ValueError(f"a text has at most {TEXT_MAX} characters")
    return content


#: What no column can hold becomes U+FFFD, as in whatever is captured.
_Cleaned = BeforeValidator(_clean)
PersonName = Annotated[str, Field(min_length=1, max_length=NAME_MAX, pattern=NAME_PATTERN)]
Title = Annotated[Annotated[str, Field(min_length=1, max_length=TITLE_MAX)], _Cleaned]
Metadata = Annotated[dict[str, Any], _Cleaned, AfterValidator(_without_our_keys)]
Content = Annotated[
    Annotated[str, Field(min_length=1, max_length=TEXT_MAX)] | dict[str, Any],
    _Cleaned,
    AfterValidator(_says_something),
    Field(
        description='A text, `{"text": "…"}`, or `{"parts": [{"type": "text", "text": "…"}, …]}`; what '
        "else an object holds is kept. Its texts are what is searched.",
        examples=[{"text": "Hello, world!"}],
    ),
]
MessageType = Annotated[
    str,
    Field(min_length=1, max_length=100, pattern=NAME_PATTERN, examples=["text"]),
]


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewThread(_Told):
    """A thread that is to be made."""

    learner_id: PersonName = Field(description="With whom it is; never changes.", examples=["learner-456"])
    title: Title | None = Field(default=None, description="What it is called.", examples=["Fractions"])
    metadata: Metadata = Field(
        default={}, description="Whatever is to be kept.", examples=[{"subject": "math"}]
    )


class ThreadChanges(_Told):
    """What is to change of a thread: what is given, and nothing else."""

    title: Title | None = Field(default=None, description="What it is called; null for nothing.")
    metadata: Metadata = Field(default={}, description="In the place of what was kept.")
    archived: StrictBool = Field(default=False, description="Whether it is put aside.")


class ShownThread(BaseModel):
    """A thread."""

    id: UUID
    tenant_id: str
    learner_id: str
    title: str | None
    metadata: dict[str, Any]
    message_count: int = Field(description="How many messages it holds; deleted ones are not among them.")
    archived: bool
    created_at: datetime
    updated_at: datetime = Field(description="When it, or anything in it, was last written.")
    last_message_at: datetime | None

    @classmethod
    def of(cls, known: KnownThread) -> Self:
        """Return a thread as it is shown."""
        return cls(
            id=known.head.id,
            tenant_id=known.head.tenant,
            learner_id=known.head.learner,
            title=known.title,
            metadata=known.metadata,
            message_count=known.messages,
            archived=known.archived is not None,
            created_at=known.head.started,
            updated_at=known.updated,
            last_message_at=known.last_at if known.last_at > known.head.started else None,
        )


class ThreadList(BaseModel):
    """Threads, the last written first."""

    items: list[ShownThread]
    next: str | None = Field(description="The cursor of what follows; null at the end.")


class NewMessage(_Told):
    """A message that is to be written."""

    content: Content
    message_type: MessageType = "text"
    sender_id: PersonName | None = Field(
        default=None, description="Who wrote it, where a service writes for others; you, if left out."
    )
    sender_role: Literal["user", "assistant", "bot", "system", "tool"] | None = Field(
        default=None, description="As what they speak, likewise; `user`, if left out."
    )
    reply_to: UUID | None = Field(default=None, description="Which message of the thread it answers.")
    metadata: Metadata = {}


class MessageChanges(_Told):
    """What is to change of a message: what is given, and nothing else."""

    content: Content | None = None
    message_type: MessageType | None = None
    metadata: Metadata | None = None


class ThreadMessage(BaseModel):
    """A message of a thread."""

    id: UUID
    thread_id: UUID
    sender_id: str | None
    sender_role: str
    content: dict[str, Any]
    message_type: str | None
    reply_to: UUID | None
    metadata: dict[str, Any]
    created_at: datetime
    edited_at: datetime | None = Field(description="When it was last changed; null if it never was.")


def shown_post(known: KnownPost) -> dict[str, Any]:
    """Return a message as `ThreadMessage` describes it.

    Not by the model: to make and check it takes longer than all else that is done for a list.
    """
    return {
        "id": str(known.id),
        "thread_id": str(known.thread),
        "sender_id": known.sender,
        "sender_role": known.role,
        "content": known.content,
        "message_type": known.message_type,
        "reply_to": None if known.reply_to is None else str(known.reply_to),
        "metadata": known.metadata,
        "created_at": known.timestamp,
        "edited_at": known.edited,
    }


class ThreadMessageList(BaseModel):
    """Messages of a thread."""

    items: list[ThreadMessage]
    next: str | None = Field(description="The cursor of what follows; null at the end.")
