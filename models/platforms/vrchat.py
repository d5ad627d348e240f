"""VRChat: words in notifications, what a bot shows in its own chatbox, and who was in a room with a client.

There is no chat to be read: what others say in their chatboxes no client is given. What comes in:

- messages of the *pipeline*: `{"type": …, "content": …}`, the content being JSON in a string. Words of a
  person are in a notification's details and nowhere else: its `message` is the platform's. The same
  notification out of the REST list, by itself and with its details in a string, is read like it. Presence in
  the pipeline has no time, so nothing is found in it.
- lines of the client's *log*: `models.platforms.vrchat_log`.
- rows of *VRCX's game log*, which reads the same lines: `["file", "time", "type", …]`, in UTC, with no room.
- *OSC* that a bot sent to its own client, with what OSC does not tell: `{"source": "osc", "id": …,
  "received_at": …, "user_id": …, "location": …, "address": "/chatbox/input", "args": [text, is_shown, …]}`.
"""

import re

from models import JSON
from models.decoding import decode_object
from models.errors import BadRecord, Reason
from models.fields import (
    optional_indexed_id,
    optional_text,
    required_id,
    required_moment_ms,
    required_text,
)
from models.messages import (
    UNKNOWN,
    ConversationKind,
    Extraction,
    Message,
    MessageRole,
    Presence,
    PresenceKind,
)
from models.platforms import vrchat_log
from models.text import decode_text
from models.values import id_or_none, list_in, object_in, text_or_none

_Object = dict[str, JSON]

_NOTIFICATION = "notification"
#: Kinds of the pipeline in which nobody says anything.
_SILENT = frozenset(
    {
        *("notification-v2", "notification-v2-update", "notification-v2-delete", "response-notification"),
        *("see-notification", "hide-notification", "clear-notification"),
        *("friend-add", "friend-delete", "friend-update"),
        *("friend-online", "friend-active", "friend-offline", "friend-location"),
        *("user-update", "user-location", "user-badge-assigned", "user-badge-unassigned"),
        *("group-joined", "group-left", "group-member-updated", "group-role-updated"),
        *("instance-queue-joined", "instance-queue-ready", "instance-queue-left", "instance-closed"),
        *("content-refresh", "modified-image-update", "economy-alert"),
    }
)
_CHATBOX, _TYPING, _OSC = "osc/chatbox-input", "osc/chatbox-typing", "osc/other"
_CHATBOX_ADDRESSES = {"/chatbox/input": _CHATBOX, "/chatbox/typing": _TYPING}
_GAMELOG = "gamelog/"
_PRESENCES = {
    "player-joined": PresenceKind.JOIN,
    "player-left": PresenceKind.LEAVE,
    # The own user has left a room for another, or for good.
    "location-destination": PresenceKind.LEAVE_ALL,
    "vrc-quit": PresenceKind.LEAVE_ALL,
}
_GAMELOG_OTHERS = (
    *("location", "portal-spawn", "notification", "screenshot", "api-request", "avatar-change", "event"),
    *("photon-id", "video-play", "video-sync", "resource-load-string", "resource-load-image", "vrcx"),
    *("join-blocked", "avatar-pedestal-change", "openvr-init", "desktop-mode", "sticker-spawn"),
)
KINDS = (
    _SILENT
    | {_NOTIFICATION, _CHATBOX, _TYPING, _OSC}
    | {_GAMELOG + kind for kind in (*_PRESENCES, *_GAMELOG_OTHERS)}
    | vrchat_log.KINDS
)
#: So looks the name of a kind that may have been added; anything else might be somebody's words.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
#: Where a notification holds what its sender wrote: an invitation, a wish for one, an answer to either.
_WORDS = ("inviteMessage", "requestMessage", "responseMessage")


def extract(raw: bytes | None) -> Extraction:
    """Return what a record comes to.

    Raises:
        BadRecord: it is none of what this module reads, or lacks an id, a time or a receiver where something
            was said.
    """
    if not raw:
        raise BadRecord(Reason.EMPTY, "the record has no value")
    first = raw.lstrip()[:1]
    if first == b"{":
        return _extract_object(decode_object(raw))
    if first == b"[":
        return _extract_row(_decode_row(raw))
    return vrchat_log.extract_bare_line(decode_text(raw))


def key_of(raw: bytes) -> str | None:
    """Return the place: a location, else the receiving account, else the file that a line is of."""
    try:
        first = raw.lstrip()[:1]
        if first == b"[":
            return id_or_none(_decode_row(raw)[0])
        if first != b"{":
            return None
        told = decode_object(raw)
        if "source" not in told:
            return id_or_none(_notification(told).get("receiverUserId"))
        places = (id_or_none(told.get(name)) for name in ("location", "user_id", "file"))
        return next(filter(None, places), None)
    except (BadRecord, IndexError):
        return None


def _extract_object(told: _Object) -> Extraction:
    source = told.get("source")
    if source == "log":
        return vrchat_log.extract_log_line(told)
    if source == "osc":
        return _extract_osc(told)
    if "senderUserId" in told:
        return Extraction(_NOTIFICATION, _said(told, told))
    kind = told.get("type")
    if type(kind) is not str or not _NAME.fullmatch(kind):
        raise BadRecord(Reason.NOT_AN_EVENT, "neither a message of the pipeline, nor one of OSC, nor a line")
    if kind == _NOTIFICATION:
        return Extraction(kind, _said(_notification(told), told))
    return Extraction(kind) if kind in _SILENT else Extraction(UNKNOWN, (), kind)


def _notification(told: _Object) -> _Object:
    """Return the notification that a message of the pipeline holds, or that it is."""
    return told if "senderUserId" in told else _object_within(told.get("content"))


def _said(notification: _Object, told: _Object) -> tuple[Message, ...]:
    details = _object_within(notification.get("details") or {})
    text = next((text for name in _WORDS if (text := optional_text(details.get(name), name))), None)
    if not text:
        return ()
    sender = optional_indexed_id(notification.get("senderUserId"), "senderUserId") or None
    reply_to = id_or_none(details.get("inResponseTo"))
    place = {"location": details.get("worldId"), "world": details.get("worldName")}
    return (
        Message(
            source_id=required_id(notification.get("id"), "id"),
            timestamp=required_moment_ms(notification.get("created_at"), "created_at"),
            channel=required_id(notification.get("receiverUserId"), "receiverUserId"),
            role=MessageRole.USER,
            content=text,
            author_id=sender,
            author_name=text_or_none(notification.get("senderUsername")),
            conversation=sender,
            kind=ConversationKind.DIALOGUE,
            message_type=text_or_none(notification.get("type")),
            reply_to=reply_to,
            exemptions=frozenset({"reply"} if reply_to else ()),
            metadata={name: value for name, value in place.items() if text_or_none(value)} or None,
            raw_payload=told,
        ),
    )


def _extract_osc(told: _Object) -> Extraction:
    address, args = told.get("address"), list_in(told.get("args"))
    kind = _CHATBOX_ADDRESSES.get(address, _OSC) if type(address) is str else _OSC
    # The second argument says whether it is shown, or only put into the keyboard. '' takes away what was.
    if kind != _CHATBOX or len(args) < 2 or args[1] is not True or args[0] == "":
        return Extraction(kind)
    message = Message(
        source_id=required_id(told.get("id"), "id"),
        timestamp=required_moment_ms(told.get("received_at"), "received_at"),
        channel=required_id(id_or_none(told.get("location")) or id_or_none(told.get("user_id")), "location"),
        role=MessageRole.BOT,
        content=required_text(args[0], "args[0]"),
        author_id=optional_indexed_id(told.get("user_id"), "user_id") or None,
        author_is_bot=True,
        raw_payload=told,
    )
    return Extraction(kind, (message,))


def _extract_row(row: list[JSON]) -> Extraction:
    """Return what a row of VRCX's game log comes to.

    The row does not tell where in the file its line stands, nor the room: it is known by all that it says,
    and the place is the file. Who joins twice within a second is there once.
    """
    file, told, kind = row[:3] if len(row) >= 3 else (None, None, None)
    if type(kind) is not str or not _NAME.fullmatch(kind):
        raise BadRecord(Reason.NOT_AN_EVENT, "a list that is no row of VRCX's game log")
    if (presence := _PRESENCES.get(kind)) is None:
        return Extraction(_GAMELOG + kind) if kind in _GAMELOG_OTHERS else Extraction(UNKNOWN, (), kind)
    file = required_id(file, "the file's name")
    timestamp = required_moment_ms(told, "the row's time")
    name = user = None
    if presence is not PresenceKind.LEAVE_ALL:
        name, user = (text_or_none(value) for value in (*row[3:5], None, None)[:2])
        user = optional_indexed_id(user, "the user's id")
        if not (name or user):
            raise BadRecord(Reason.MISSING_FIELD, "the user: missing or empty")
    return Extraction(
        _GAMELOG + kind,
        (
            Presence(
                source_id=f"{file}:{timestamp}:{kind}:{user or name or ''}",
                kind=presence,
                channel=file,
                timestamp=timestamp,
                author_id=user,
                author_name=name,
            ),
        ),
    )


def _decode_row(raw: bytes) -> list[JSON]:
    return list_in(decode_object(b'{"row":' + raw + b"}").get("row"))


def _object_within(value: JSON) -> _Object:
    """Return an object, or the one that a string holds as JSON.

    Raises:
        BadRecord: the string holds none.
    """
    return decode_object(value.encode()) if type(value) is str else object_in(value)
