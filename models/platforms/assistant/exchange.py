"""A question and its answer: two messages of one turn. And what all formats ask of a record."""

import math
from dataclasses import dataclass
from decimal import Decimal

from models import JSON
from models.errors import BadRecord, Reason
from models.fields import SECONDS_MAX, SECONDS_MIN, required_moment_ms, required_timestamp_ms
from models.messages import ConversationKind, Edit, Found, Message, MessageRole
from models.platforms.assistant.content import WITHHELD, Content
from models.values import id_or_none

_Object = dict[str, JSON]

#: Sessions and persons are in indexes, two at a time: PostgreSQL takes about 2,700 bytes a row of one. Ids of
#: messages are hashed, and may be as long as they like.
ID_MAX_BYTES = 1_024
#: The greatest that the column of `response_ms` holds, 24 days.
_RESPONSE_MAX_MS = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What a person said and what was answered.

    Attributes:
        question_id: who the question is.
        answer_id: who the answer is.
        session: what both belong to.
        asked: when the question came.
        question: what was asked; None where nothing new was.
        answer: what was answered; None for nothing that is shown.
        person: who asked.
        person_name: how they are called.
        answered: when the answer was there; None where that is not told.
        response_ms: how long it took; None where that is not told.
        reply_to: what the question answers; what the answer does, where no question was told.
        sampled_by: with what an answer that is told alone is kept, or left out by a sample; None for itself.
        answer_type: what kind of answer it is, if not told by what was said: `unfinished`, `error`.
        metadata: what else is worth a column, of both.
        raw_payload: the record.
    """

    question_id: str
    answer_id: str
    session: str
    asked: int
    question: Content | None
    answer: Content | None
    person: str | None = None
    person_name: str | None = None
    answered: int | None = None
    response_ms: int | None = None
    reply_to: str | None = None
    sampled_by: str | None = None
    answer_type: str | None = None
    metadata: _Object | None = None
    raw_payload: JSON = None

    def messages(self) -> list[Message]:
        """Return the question and the answer, as far as there is one.

        Raises:
            BadRecord: the answer is beyond the year 9999.
        """
        found: list[Message] = []
        if self.question is not None:
            found.append(self._message(self.question, self.question_id, self.asked, MessageRole.USER))
        if self.answer is not None:
            answered = required_timestamp_ms(max(self.answered or 0, self.asked + 1), "the answer's time")
            found.append(self._message(self.answer, self.answer_id, answered, MessageRole.ASSISTANT))
        return found

    def _message(self, said: Content, source_id: str, timestamp: int, role: MessageRole) -> Message:
        is_answer = role is MessageRole.ASSISTANT
        follows = is_answer and self.question is not None
        return Message(
            source_id=source_id,
            timestamp=timestamp,
            channel=self.session,
            role=role,
            content=said.text,
            author_id=self.person,
            author_name=None if is_answer else self.person_name,
            conversation=self.session,
            kind=ConversationKind.SESSION,
            message_type=(is_answer and self.answer_type) or said.message_type,
            reply_to=self.question_id if follows else self.reply_to,
            reply_to_timestamp=self.asked if follows else None,
            response_ms=_response_ms(self.response_ms) if is_answer else None,
            is_withheld=said.message_type == WITHHELD,
            sampled_by=self.question_id if follows else self.sampled_by if is_answer else None,
            metadata=with_parts(self.metadata, said),
            raw_payload=None if follows else self.raw_payload,
        )


def with_parts(metadata: _Object | None, said: Content) -> _Object | None:
    """Return metadata with the names of the parts that are no text; None for neither."""
    return {**(metadata or {}), "parts": list(said.parts)} if said.parts else metadata or None


def logged_again(messages: list[Message], told: int | None) -> list[Found]:
    """Return messages that may be logged several times, each with the text that it has as of this time.

    Args:
        messages: as they are now.
        told: as of when; None where this is the first time, or no time is told.
    """
    if told is None:
        return list(messages)
    fills = [
        Edit(
            source_id=message.source_id,
            content=message.content,
            told=told,
            timestamp=message.timestamp,
            channel=message.channel,
            message=message,
            message_type=message.message_type,
            metadata=message.metadata,
        )
        for message in messages
    ]
    return [*messages, *fills]


def message_id_in(value: JSON, field: str) -> str:
    """Return the id of a message, a turn, a trace.

    Raises:
        BadRecord: there is none.
    """
    identifier = id_or_none(value)
    if identifier is None:
        raise BadRecord(Reason.MISSING_FIELD, f"{field}: missing or empty")
    return identifier


def index_id_in(value: JSON, field: str) -> str | None:
    """Return the id of a session or a person; None where there is none.

    Raises:
        BadRecord: it is too long for an index.
    """
    identifier = id_or_none(value)
    if identifier is not None and len(identifier.encode()) > ID_MAX_BYTES:
        raise BadRecord(Reason.TOO_LARGE, f"{field}: longer than {ID_MAX_BYTES} bytes")
    return identifier


def moment_in(value: JSON, field: str) -> int:
    """Return a time in ms, with what is finer cut off: of ISO 8601, and of seconds or ms as a number.

    Raises:
        BadRecord: `missing_field` for null, `wrong_type`, `timestamp_out_of_range`.
    """
    if type(value) is float:
        if not math.isfinite(value):
            raise BadRecord(Reason.WRONG_TYPE, f"{field}: not a number")
        # As it is written: the nearest binary number to 1.001 is a little less, and would be cut to 1,000 ms.
        written = Decimal(repr(value))
        value = int(written * 1000 if SECONDS_MIN <= written <= SECONDS_MAX else written)
    return required_moment_ms(value, field)


def optional_moment_in(value: JSON, field: str) -> int | None:
    """Return a time that may be absent.

    Raises:
        BadRecord: as `moment_in`, but for null.
    """
    return None if value is None else moment_in(value, field)


def told_in(event: _Object, *names: str) -> _Object:
    """Return those fields that tell something, under their names."""
    return {name: event[name] for name in names if event.get(name) not in (None, "", [], {})}


def _response_ms(value: int | None) -> int | None:
    return value if value is not None and 0 <= value <= _RESPONSE_MAX_MS else None
