"""A Discord message object: whether somebody wrote it, the message, and what an update of it means.

When a message was said is in its id, to the millisecond, and in `timestamp` with the same value; the id is
taken, as deletions and replies have nothing else. Only for an id that is none `timestamp` is read.

An update is an edit if it has `edited_timestamp`. Without, it fills in the answer to a command that was
promised before (flag `loading`), or changes nothing that was said. Archives from before August 2024 have
updates with a few fields only: what such a one does not tell stays as it was. An edit whose text is withheld
tells that the message is there, and no text.

`content` is always the field of this name. Words that are shown in another way (a forward, a poll, embeds,
components) are in `metadata`: `models.platforms.discord_bodies`.
"""

from models import JSON
from models.errors import BadRecord, Reason
from models.fields import required_id, required_moment_ms, required_text
from models.messages import UNKNOWN, ConversationKind, Edit, Extraction, Message, MessageRole
from models.platforms.discord_bodies import CROSSPOST, body_of, metadata_of
from models.platforms.discord_events import MENU_ANSWER, SLASH_ANSWER, SYSTEM_TYPES, VISIBLE_TYPES
from models.values import id_or_none, object_in, text_or_none

_Object = dict[str, JSON]

#: The first ms of 2015: what the time in an id is counted from.
_EPOCH_MS = 1_420_070_400_000
#: Below the time in an id: worker, process and counter.
_TIME_SHIFT = 22
#: As many digits as 64 bits take at most; the time of the greatest fits a timestamp.
_SNOWFLAKE_MAX_DIGITS = 20

_DIALOGUES = frozenset({1, 3})
_THREADS = frozenset({10, 11, 12})
#: The type of a reference to what is passed on.
_FORWARD = 1

_USER, _BOT = MessageRole.USER, MessageRole.BOT
_CHANNEL, _DIALOGUE, _THREAD = ConversationKind.CHANNEL, ConversationKind.DIALOGUE, ConversationKind.THREAD
_NOT_EXEMPT: frozenset[str] = frozenset()
_EXEMPT_MENTION, _EXEMPT_REPLY = frozenset({"mention"}), frozenset({"reply"})
_EXEMPT_BOTH = _EXEMPT_MENTION | _EXEMPT_REPLY


def snowflake_ms(identifier: str) -> int | None:
    """Return when what has this id was made; None for what is no id of Discord's."""
    if identifier.isdecimal() and identifier.isascii() and len(identifier) <= _SNOWFLAKE_MAX_DIGITS:
        return (int(identifier) >> _TIME_SHIFT) + _EPOCH_MS
    return None


def created(data: _Object, event: _Object) -> Extraction:
    """Return what a new message comes to.

    Args:
        data: the message object.
        event: the whole record, which the message keeps.

    Raises:
        BadRecord: a visible message without its id, channel, author or time, or with text that is no text.
    """
    kind = data.get("type")
    if type(kind) is not int:
        raise BadRecord(Reason.MISSING_FIELD, "d.type: missing, or no whole number")
    return Extraction("message", (_message(data, event),)) if kind in VISIBLE_TYPES else _unspoken(kind)


def updated(data: _Object, event: _Object) -> Extraction:
    """Return what an update of a message comes to: an edit, a text that fills in, or nothing.

    Raises:
        BadRecord: as `created`, for an update that tells a text or all of the message.
    """
    kind = data.get("type")
    if type(kind) is int and kind not in VISIBLE_TYPES:
        return _unspoken(kind)
    is_whole = type(kind) is int and type(data.get("author")) is dict
    if data.get("content") is None:
        return Extraction("update")
    if data.get("edited_timestamp") is not None:
        edited = required_moment_ms(data.get("edited_timestamp"), "d.edited_timestamp")
        return Extraction("edit", (_edited(data, event, edited) if is_whole else _part(data, event, edited),))
    if is_whole and _answers_a_command(data) and _is_told(data):
        return Extraction("fill", (_edit_to(_message(data, event), None),))
    return Extraction("update")


def _edited(data: _Object, event: _Object, edited: int) -> Message | Edit:
    message = _message(data, event)
    return message if message.is_withheld else _edit_to(message, edited)


def _part(data: _Object, event: _Object, edited: int) -> Edit:
    """Return the edit of which older archives have no more than a few fields."""
    source_id = required_id(data.get("id"), "d.id")
    return Edit(
        source_id=source_id,
        content=required_text(data.get("content"), "d.content"),
        edited=edited,
        timestamp=snowflake_ms(source_id),
        channel=id_or_none(data.get("channel_id")),
        raw_payload=event,
    )


def _is_told(data: _Object) -> bool:
    """Tell whether the answer is there, in whatever form, and no longer awaited."""
    body = body_of(data, _flags(data))
    return body != "loading" and (body is not None or bool(data.get("content")))


def _edit_to(message: Message, edited: int | None) -> Edit:
    return Edit(
        source_id=message.source_id,
        content=message.content,
        edited=edited,
        timestamp=message.timestamp,
        channel=message.channel,
        message=message,
        message_type=message.message_type,
        metadata=message.metadata,
        raw_payload=message.raw_payload,
    )


def _message(data: _Object, event: _Object) -> Message:
    source_id = required_id(data.get("id"), "d.id")
    timestamp = snowflake_ms(source_id)
    if timestamp is None:
        timestamp = required_moment_ms(data.get("timestamp"), "d.timestamp")
    author = object_in(data.get("author"))
    is_bot = author.get("bot") is True
    content = required_text(data.get("content"), "d.content")
    flags = _flags(data)
    reply_to = _reply_to(data, flags) if data.get("message_reference") is not None else None
    body = body_of(data, flags)
    is_program = is_bot or data.get("webhook_id") is not None
    is_withheld = not content and body is None and not is_program
    return Message(
        source_id=source_id,
        timestamp=timestamp,
        channel=required_id(data.get("channel_id"), "d.channel_id"),
        role=_BOT if is_program else _USER,
        content=content,
        author_id=required_id(author.get("id"), "d.author.id"),
        author_name=text_or_none(author.get("username")),
        author_is_bot=is_bot,
        kind=_kind_of_channel(data, event),
        message_type="withheld" if is_withheld else _message_type(data, content, body),
        reply_to=reply_to,
        reply_to_timestamp=None if reply_to is None else snowflake_ms(reply_to),
        is_withheld=is_withheld,
        exemptions=_exemptions(data, reply_to),
        metadata=metadata_of(data, author, flags),
        raw_payload=event,
    )


def _message_type(data: _Object, content: str, body: str | None) -> str | None:
    """Return what it is beside plain text; where there is text, only what it is by its nature."""
    if body is not None and (not content or body in _BY_NATURE):
        return body
    kind = data.get("type")
    return "slash_answer" if kind == SLASH_ANSWER else "menu_answer" if kind == MENU_ANSWER else None


_BY_NATURE = frozenset({"forward", "crosspost", "loading"})


def _answers_a_command(data: _Object) -> bool:
    if data.get("type") in (SLASH_ANSWER, MENU_ANSWER):
        return True
    # A webhook's own messages have an application of another id, if any.
    return data.get("webhook_id") is not None and data.get("webhook_id") == data.get("application_id")


def _reply_to(data: _Object, flags: int) -> str | None:
    """Return what the message answers; a forward and a copy of an announcement refer to another thing."""
    reference = object_in(data.get("message_reference"))
    if flags & CROSSPOST or reference.get("type") == _FORWARD:
        return None
    return id_or_none(reference.get("message_id"))


def _kind_of_channel(data: _Object, event: _Object) -> ConversationKind:
    channel_type = data.get("channel_type")
    if type(channel_type) is not int:
        # Older captures: only a dialogue is in no server. The history never tells.
        return _CHANNEL if "guild_id" in data or event.get("source") == "rest" else _DIALOGUE
    if channel_type in _DIALOGUES:
        return _DIALOGUE
    return _THREAD if channel_type in _THREADS else _CHANNEL


def _exemptions(data: _Object, reply_to: str | None) -> frozenset[str]:
    if data.get("mentions") or data.get("mention_roles") or data.get("mention_everyone") is True:
        return _EXEMPT_MENTION if reply_to is None else _EXEMPT_BOTH
    return _NOT_EXEMPT if reply_to is None else _EXEMPT_REPLY


def _flags(data: _Object) -> int:
    flags = data.get("flags")
    return flags if type(flags) is int else 0


def _unspoken(kind: JSON) -> Extraction:
    if kind in SYSTEM_TYPES:
        return Extraction("system")
    return Extraction(UNKNOWN, unknown=f"message type {kind}" if type(kind) is int else "message type")
