"""LibreChat: the messages of its database, one a record.

`messageId` is who a message is, `parentMessageId` what it answers: an answer that was made again has the same
parent, and both stay. The author of an answer is the person whose conversation it is. A message is saved
again as it grows, is edited or rated: where `updatedAt` is later than `createdAt`, its text is as of then.
Its `feedback` is a person's opinion of an answer.
"""

from models import JSON
from models.errors import BadRecord, Reason
from models.messages import ConversationKind, Feedback, Found, Message, MessageRole
from models.platforms.assistant.content import Content, said_in
from models.platforms.assistant.exchange import (
    index_id_in,
    logged_again,
    message_id_in,
    moment_in,
    optional_moment_in,
    told_in,
    with_parts,
)
from models.values import id_or_none, is_true, list_in, object_in, text_or_none

_Object = dict[str, JSON]

#: What the first message of a conversation has for its parent.
_NO_PARENT = "00000000-0000-0000-0000-000000000000"
_RATINGS = {"thumbsUp": 1.0, "thumbsDown": -1.0}


def matches(event: _Object) -> bool:
    """Tell whether a record is in this format."""
    return "messageId" in event and "conversationId" in event


def session_of(event: _Object) -> str | None:
    """Return the conversation."""
    return id_or_none(event.get("conversationId"))


def read(event: _Object) -> list[Found]:
    """Return the message, if anything is shown of it, and what was thought of it.

    Raises:
        BadRecord: it has no id, conversation or time, or text that is none.
    """
    message_id = message_id_in(event.get("messageId"), "messageId")
    session = index_id_in(event.get("conversationId"), "conversationId")
    if session is None:
        raise BadRecord(Reason.MISSING_FIELD, "conversationId: missing or empty")
    created = moment_in(event.get("createdAt"), "createdAt")
    updated = optional_moment_in(event.get("updatedAt"), "updatedAt")
    person = index_id_in(event.get("user"), "user")
    found: list[Found] = []
    if (said := _said(event)) is not None:
        parent = id_or_none(event.get("parentMessageId"))
        reply_to = None if parent == _NO_PARENT else parent
        is_question = event.get("isCreatedByUser") is True
        message = Message(
            source_id=message_id,
            timestamp=created,
            channel=session,
            conversation=session,
            kind=ConversationKind.SESSION,
            content=said.text,
            role=MessageRole.USER if is_question else MessageRole.ASSISTANT,
            author_id=person,
            reply_to=reply_to,
            sampled_by=None if is_question else reply_to,
            message_type=_message_type(event) or said.message_type,
            metadata=with_parts(
                told_in(event, "sender", "model", "endpoint", "finish_reason", "tokenCount"), said
            ),
            raw_payload=event,
        )
        found += logged_again([message], updated if updated is not None and updated > created else None)
    feedback = object_in(event.get("feedback"))
    if (rating := text_or_none(feedback.get("rating"))) in _RATINGS:
        tag = feedback.get("tag")
        found.append(
            Feedback(
                source_id=f"{message_id}:feedback",
                refers_to=message_id,
                value=_RATINGS[rating],
                given=created if updated is None else updated,
                label=text_or_none(tag) or text_or_none(object_in(tag).get("key")),
                comment=text_or_none(feedback.get("text")),
                author_id=person,
                channel=session,
            )
        )
    return found


def _said(event: _Object) -> Content | None:
    """Return the text, which may be in parts; of a message that is only files, their kinds."""
    said = said_in(event.get("text"), "text") or said_in(event.get("content"), "content")
    if said is not None:
        return said
    files = tuple(text_or_none(object_in(file).get("type")) or "file" for file in list_in(event.get("files")))
    return Content("", "attachment", files) if files else None


def _message_type(event: _Object) -> str | None:
    if is_true(event.get("error")):
        return "error"
    return "unfinished" if is_true(event.get("unfinished")) else None
