"""Open WebUI: the messages of its chats, one a record, and what people think of them.

A message is known by `<chat_id>-<message id>`, as chats that are copied repeat their messages' ids: so is its
parent, and what feedback refers to. Times are in seconds, at times in ms. A message is saved again as it
grows: where `updated_at` is later than `created_at`, its text is as of then.
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
from models.platforms.assistant.opinions import opinion_value
from models.values import id_or_none, is_true, list_in, object_in, text_or_none

_Object = dict[str, JSON]

#: Whose messages are shown.
_ROLES: dict[JSON, MessageRole] = {"user": MessageRole.USER, "assistant": MessageRole.ASSISTANT}


def matches(event: _Object) -> bool:
    """Tell whether a record is a message in this format."""
    return "chat_id" in event and "role" in event


def is_feedback(event: _Object) -> bool:
    """Tell whether a record is an opinion in this format."""
    return "rating" in object_in(event.get("data")) and "chat_id" in object_in(event.get("meta"))


def session_of(event: _Object) -> str | None:
    """Return the chat of a message."""
    return id_or_none(event.get("chat_id"))


def session_of_feedback(event: _Object) -> str | None:
    """Return the chat that an opinion is about."""
    return id_or_none(object_in(event.get("meta")).get("chat_id"))


def read(event: _Object) -> list[Found]:
    """Return the message, if anything is shown of it.

    Raises:
        BadRecord: it has no id, chat or time, or content that is neither text nor parts.
    """
    role = event.get("role")
    if type(role) is not str or role not in _ROLES:
        return []
    chat = _chat_in(event)
    said = _said(event)
    if said is None:
        return []
    created = moment_in(event.get("created_at"), "created_at")
    updated = optional_moment_in(event.get("updated_at"), "updated_at")
    parent = id_or_none(event.get("parent_id"))
    reply_to = None if parent is None else _in_chat(chat, parent)
    message = Message(
        source_id=_in_chat(chat, message_id_in(event.get("id"), "id")),
        timestamp=created,
        channel=chat,
        conversation=chat,
        kind=ConversationKind.SESSION,
        content=said.text,
        role=_ROLES[role],
        sampled_by=reply_to if _ROLES[role] is MessageRole.ASSISTANT else None,
        author_id=index_id_in(event.get("user_id"), "user_id"),
        reply_to=reply_to,
        message_type=_message_type(event) or said.message_type,
        metadata=with_parts(told_in(event, "model_id", "usage"), said),
        raw_payload=event,
    )
    return logged_again([message], updated if updated is not None and updated > created else None)


def read_feedback(event: _Object) -> list[Found]:
    """Return what somebody thinks of a message.

    Raises:
        BadRecord: it has no id, message or time, or a rating that is no number.
    """
    data, about = object_in(event.get("data")), object_in(event.get("meta"))
    chat = _chat_in(about)
    given = event.get("updated_at", event.get("created_at"))
    return [
        Feedback(
            source_id=message_id_in(event.get("id"), "id"),
            refers_to=_in_chat(chat, message_id_in(about.get("message_id"), "meta.message_id")),
            value=opinion_value(data.get("rating"), "data.rating"),
            given=moment_in(given, "created_at"),
            label=text_or_none(data.get("reason")),
            comment=text_or_none(data.get("comment")),
            author_id=index_id_in(event.get("user_id"), "user_id"),
            channel=chat,
            metadata=told_in(data, "model_id", "tags") or None,
        )
    ]


def _chat_in(told: _Object) -> str:
    chat = index_id_in(told.get("chat_id"), "chat_id")
    if chat is None:
        raise BadRecord(Reason.MISSING_FIELD, "chat_id: missing or empty")
    return chat


def _in_chat(chat: str, message_id: str) -> str:
    return message_id if message_id.startswith(f"{chat}-") else f"{chat}-{message_id}"


def _said(event: _Object) -> Content | None:
    """Return the content; of a message that is only files, their kinds."""
    said = said_in(event.get("content"), "content")
    if said is not None:
        return said
    files = tuple(text_or_none(object_in(file).get("type")) or "file" for file in list_in(event.get("files")))
    return Content("", "attachment", files) if files else None


def _message_type(event: _Object) -> str | None:
    if is_true(event.get("error")):
        return "error"
    return "unfinished" if event.get("done") is False else None
