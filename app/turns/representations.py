"""What the API gives and takes of turns and sessions, as OpenAPI describes it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.turns.names import APP_MAX, APP_PATTERN, NAME_FORM, NAME_MAX, NAME_PATTERN
from models.decoding import MAX_DEPTH, is_deeper_than
from models.fields import INDEXED_MAX_BYTES
from models.text import clean_json

if TYPE_CHECKING:
    from app.turns.rows import KnownSession, KnownTurn, SessionSums
    from models import JSON


def _clean(told: JSON) -> JSON:
    # Of the event, which is what has to be read again, it is a level below the first.
    if is_deeper_than(MAX_DEPTH, {"": told}):
        raise ValueError(f"objects and lists are nested more than {MAX_DEPTH - 1} levels deep")
    return clean_json(told)


#: What no column can hold becomes U+FFFD, as in whatever is captured: half of an emoji loses no turn.
_Cleaned = BeforeValidator(_clean)
Name = Annotated[str, Field(min_length=1, max_length=NAME_MAX, pattern=NAME_PATTERN)]
AppName = Annotated[str, Field(min_length=1, max_length=APP_MAX, pattern=APP_PATTERN)]
PersonId = Annotated[str, Field(min_length=1, max_length=INDEXED_MAX_BYTES // 4, pattern=r"^[^\x00]+$")]
Said = Annotated[str | list[dict[str, Any] | str] | None, _Cleaned]
Text = Annotated[Annotated[str, Field(max_length=2000)] | None, _Cleaned]
Metadata = Annotated[dict[str, Any], _Cleaned]
Time = Annotated[
    str | int | float | None,
    Field(
        description="ISO 8601 with an offset, or s or ms since 1970; left out, now.",
        examples=["2026-11-24T12:20:00Z"],
    ),
]


#: What one request brings at most.
TURNS_MAX = 100


class _Given(BaseModel):
    # A yes is true, not 1; and false is no time.
    model_config = ConfigDict(extra="forbid", strict=True)


class NewSession(_Given):
    """A session that is made, or touched."""

    session_id: Name | None = Field(
        default=None,
        description=f"Which: {NAME_FORM}. Left out, a new one: `session_<uuid>_<ms>`.",
        examples=["session_3b24"],
    )
    user_id: PersonId | None = Field(default=None, description="Whose it is.", examples=["cust-4711"])
    metadata: Metadata = Field(
        default={},
        description="What is known of it. It takes the place of what was told before; empty, it stays.",
    )
    timestamp: Time = None


class NewTurn(_Given):
    """A question, its answer, or both."""

    user_message: Said = Field(
        default=None,
        description="What was asked: text, or a list of parts as OpenAI has them.",
        examples=["Where is my parcel?"],
    )
    ai_response: Said = Field(
        default=None, description="What was answered, likewise.", examples=["It left the depot this morning."]
    )
    response_time_ms: Annotated[float, Field(ge=0, lt=2**31)] | None = Field(
        default=None, description="How long the answer took.", examples=[1840]
    )
    mood: Text = Field(default=None, description="Of who asks.", examples=["worried"])
    metadata: Metadata = Field(default={}, description="What else is known.", examples=[{"locale": "en"}])
    user_id: PersonId | None = Field(
        default=None,
        description="Who asks; without, nobody can be found, opted out or erased by it.",
        examples=["cust-4711"],
    )
    user_name: Text = Field(default=None, description="How they are called.")
    turn_id: Name | None = Field(
        default=None,
        description=f"Which turn of the session, so that it is the same when told again: {NAME_FORM}. "
        "The header Idempotency-Key does as well.",
        examples=["turn_01JN5ZK3Q8W2"],
    )
    timestamp: Time = None
    app: AppName | None = Field(default=None, description="Which program logs it.", examples=["shop"])
    model: Text = Field(default=None, description="Which model answered.", examples=["gpt-5"])
    reply_to: Name | None = Field(
        default=None, description="The turn whose question is answered again; give no user_message then."
    )
    user_ip: Text = Field(
        default=None,
        description="From where; left out, what a trusted proxy tells. Kept as CHAT_LOG_ADDRESSES says.",
        examples=["203.0.113.77"],
    )
    user_agent: Text = Field(default=None, description="With what; left out, the header User-Agent.")
    error: Text = Field(default=None, description="What went wrong with the answer.")
    unfinished: bool = Field(default=False, description="Whether the answer was stopped.")


class NewTurnOfASession(NewTurn):
    """A turn among those of several sessions."""

    session_id: Name = Field(description=f"Of which session: {NAME_FORM}.", examples=["session_3b24"])


class NewTurns(_Given):
    """Several turns, of any sessions of one app."""

    turns: Annotated[list[NewTurnOfASession], Field(min_length=1, max_length=TURNS_MAX)]


class NewFeedback(_Given):
    """What somebody thinks of an answer. A later one of the same person takes its place."""

    value: Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)] = Field(
        description="More is better: 1 and -1 for thumbs.", examples=[-1]
    )
    label: Text = Field(default=None, description="A reason out of a list.", examples=["wrong"])
    comment: Annotated[str | None, _Cleaned] = Field(default=None, description="In their words.")
    user_id: PersonId | None = Field(default=None, description="Who.", examples=["cust-4711"])
    feedback_id: Name | None = Field(
        default=None, description="Which opinion, where one person may have several of a turn."
    )
    metadata: Metadata = {}
    timestamp: Time = None


class TakenSession(BaseModel):
    """A session that Kafka has, or that is not kept as logging is switched off."""

    logged: bool = Field(description="Whether it is kept: false where ENABLE_CHAT_LOGGING is.")
    session_id: str
    conversation_id: str = Field(description="The id of its conversation.")


class TakenTurn(TakenSession):
    """A turn that Kafka has, or that is not kept as logging is switched off."""

    turn_id: str
    timestamp: datetime | None = Field(description="When it was asked; null where it is not kept.")
    user_message_id: str | None = Field(description="The id of the question; null where there is none.")
    ai_response_id: str | None = Field(description="The id of the answer; null where there is none.")


class ShownTurn(BaseModel):
    """A turn: an answer with its question, or a question that has no answer."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(description="Of the answer; where there is none, of the question.")
    session_id: str
    turn_id: str | None = Field(description="As whoever logged it called it by this API.")
    timestamp: datetime = Field(description="When it was answered; where it was not, asked.")
    user_message_id: str | None
    user_message: str = Field(description="Text, whatever markup is in it.")
    ai_response_id: str | None
    ai_response: str = Field(description="Text, whatever markup is in it.")
    response_type: str | None = Field(description="Other than plain text: refusal, error, unfinished …")
    response_time_ms: int | None
    mood: str | None
    user_id: str | None
    user_ip: str | None
    user_agent: str | None
    deleted: datetime | None
    metadata: dict[str, Any]

    @classmethod
    def of(cls, turn: KnownTurn, session_id: str) -> Self:
        """Return how the API shows a turn."""
        shown = {name: getattr(turn, name) for name in cls.model_fields if name != "session_id"}
        return cls(session_id=session_id, **shown)


class TurnHistory(BaseModel):
    """Some turns of a session."""

    items: list[ShownTurn]
    next: str | None = Field(description="The `cursor` of what follows; null at the end.")


class ShownSession(BaseModel):
    """A session."""

    session_id: str
    app: str | None = Field(description="Whose, where that is not a part of session_id.")
    conversation_id: str
    user_id: str | None
    started_at: datetime
    last_activity: datetime
    total_messages: int = Field(description="How many answers there were, those included that are gone.")
    metadata: dict[str, Any]

    @classmethod
    def of(cls, session: KnownSession) -> Self:
        """Return how the API shows a session."""
        return cls(**_session_fields(session))


class SessionList(BaseModel):
    """Some sessions, the last used first."""

    items: list[ShownSession]
    next: str | None = Field(description="The `cursor` of what follows; null at the end.")


class SessionStats(ShownSession):
    """A session and what its turns come to."""

    conversation_count: int = Field(description="How many turns there are now.")
    avg_response_time: float | None = Field(description="In ms, of the answers that tell it.")

    @classmethod
    def of_sums(cls, sums: SessionSums) -> Self:
        """Return how the API shows what a session comes to."""
        return cls(
            **_session_fields(sums.session),
            conversation_count=sums.conversation_count,
            avg_response_time=sums.avg_response_time,
        )


def _session_fields(session: KnownSession) -> dict[str, Any]:
    return {
        "session_id": session.name.own,
        "app": session.name.app,
        "conversation_id": session.conversation_id,
        "user_id": session.user_id,
        "started_at": session.started_at,
        "last_activity": session.last_activity,
        "total_messages": session.total_messages,
        "metadata": session.metadata,
    }
