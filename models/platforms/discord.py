"""Discord: the dispatches of its gateway, and messages of its REST history, to what was said and done.

A dispatch is `{op, t, s, d}` as the gateway sent it. A message that was fetched from the history has no
envelope; ours is `{"source": "rest", "channel_id", "guild_id", "channel_type", "d": message}`, of which the
history itself tells neither guild nor type of channel: both are optional. It is the same message with the
same id, so it falls on the same row.

What a message is, and what is an edit, is `models.platforms.discord_messages`' matter. Here is the rest:

- A deletion tells neither who did it nor when, so `deleted` is None; when the message was said is in its id.
- That somebody joined a server is a presence whose channel is the server: it is in no channel of it, and no
  stay in one. It is known to be told twice some 400 ms apart, so who it is has whole minutes. That somebody
  left is told without a time, so nothing is found in it but its kind.
- Which channel a thread belongs to is told when the thread is made or the server comes into sight, and not
  by its messages: `ChannelParent`. A thread's messages have the thread's own id as their channel.
- Nobody is known as a moderator: a message has its author's roles as ids, of which only the server knows
  what they may do.
"""

from collections.abc import Callable, Iterator, Mapping

from models import JSON
from models.decoding import decode_object
from models.errors import BadRecord, Reason
from models.fields import required_id, required_moment_ms
from models.messages import UNKNOWN, ChannelParent, Deletion, Extraction, Presence, PresenceKind
from models.platforms.discord_events import OPCODES, SILENT_EVENTS
from models.platforms.discord_messages import created, snowflake_ms, updated
from models.values import id_or_none, list_in, object_in, text_or_none

#: What becomes of an event, for counters.
KINDS = frozenset(
    {
        "message",
        "system",  # a message that the platform wrote
        "edit",
        "fill",  # a slash command's answer, promised before and told now
        "update",  # of a message whose text stays: a link's preview, a pin, a thread
        "delete",
        "bulk_delete",
        "join",  # a server, not a channel
        "leave",
        "threads",  # which channel they belong to
        "control",  # between the gateway and its client
        "other",
    }
)

_Object = dict[str, JSON]
_MINUTE_MS = 60_000
#: What the wrapper of a message of the history tells in its place.
_PLACE = ("channel_id", "guild_id", "channel_type")
#: No dispatch has a longer name.
_NAME_MAX = 64


def extract(raw: bytes | None) -> Extraction:
    """Return what a dispatch, or a message of the history, comes to.

    Raises:
        BadRecord: it is neither; or a visible message, a deletion or a member lacks an id, or its text is
            no text.
    """
    event = decode_object(raw)
    name = event.get("t")
    if name == "MESSAGE_CREATE":
        return created(object_in(event.get("d")), event)
    if name is None:
        return _without_name(event)
    return _dispatch(name, object_in(event.get("d")), event)


def key_of(raw: bytes) -> str | None:
    """Return the channel, of a thread its own; the server of what concerns no channel. None for the rest."""
    try:
        event = decode_object(raw)
    except BadRecord:
        return None
    data, name = object_in(event.get("d")), event.get("t")
    channel = id_or_none(data.get("channel_id"))
    if channel is None and type(name) is str and name.startswith(("THREAD_", "CHANNEL_")):
        channel = id_or_none(data.get("id"))
    server = id_or_none(data.get("guild_id"))
    if server is None and type(name) is str and name.startswith("GUILD_"):
        server = id_or_none(data.get("id"))
    return channel or server or id_or_none(event.get("channel_id"))


def _without_name(event: _Object) -> Extraction:
    """Read what is no dispatch: a message of the history, or the gateway's talk with its client."""
    if event.get("source") == "rest":
        told = object_in(event.get("d"))
        place: _Object = {
            name: event[name] for name in ("channel_id", "guild_id", "channel_type") if name in event
        }
        return created(told if place.keys() <= told.keys() else {**place, **told}, event)
    opcode = event.get("op")
    if type(opcode) is not int or opcode == 0:
        raise BadRecord(Reason.NOT_AN_EVENT, "neither a gateway's payload nor a message of the history")
    return Extraction("control") if opcode in OPCODES else Extraction(UNKNOWN, unknown=f"op {opcode}")


def _dispatch(name: JSON, data: _Object, event: _Object) -> Extraction:
    if type(name) is not str:
        raise BadRecord(Reason.NOT_AN_EVENT, "t: a dispatch has a name")
    if name == "MESSAGE_UPDATE":
        return updated(data, event)
    if (read := _READERS.get(name)) is not None:
        return read(data)
    return Extraction("other") if name in SILENT_EVENTS else Extraction(UNKNOWN, unknown=_name(name))


def _name(name: str) -> str:
    """Return a dispatch's name for the log, if it is surely one and nothing that somebody said."""
    return name if len(name) <= _NAME_MAX and name.isidentifier() else "no name"


def _deleted(data: _Object) -> Extraction:
    return Extraction("delete", (_deletion(data.get("id"), "d.id", data),))


def _all_deleted(data: _Object) -> Extraction:
    return Extraction("bulk_delete", [_deletion(item, "d.ids", data) for item in list_in(data.get("ids"))])


def _deletion(source_id: JSON, field: str, data: _Object) -> Deletion:
    source_id = required_id(source_id, field)
    return Deletion(
        source_id=source_id, timestamp=snowflake_ms(source_id), channel=id_or_none(data.get("channel_id"))
    )


def _joined(member: _Object) -> Extraction:
    user = object_in(member.get("user"))
    guild = required_id(member.get("guild_id"), "d.guild_id")
    person = required_id(user.get("id"), "d.user.id")
    joined = required_moment_ms(member.get("joined_at"), "d.joined_at")
    presence = Presence(
        source_id=f"{guild}:{person}:join:{joined // _MINUTE_MS}",
        kind=PresenceKind.JOIN,
        channel=guild,
        timestamp=joined,
        author_id=person,
        author_name=text_or_none(user.get("username")),
    )
    return Extraction("join", (presence,))


def _left(_: _Object) -> Extraction:
    return Extraction("leave")


def _thread(data: _Object) -> Extraction:
    return Extraction("threads", list(_parents([data])))


def _threads(data: _Object) -> Extraction:
    return Extraction("threads", list(_parents(list_in(data.get("threads")))))


def _parents(threads: list[JSON]) -> Iterator[ChannelParent]:
    """Yield what each thread belongs to; nothing for one that does not tell."""
    for thread in map(object_in, threads):
        channel, parent = id_or_none(thread.get("id")), id_or_none(thread.get("parent_id"))
        if channel is not None and parent is not None:
            yield ChannelParent(channel=channel, parent=parent, name=text_or_none(thread.get("name")))


#: What to make of a dispatch that is no message and no update of one, but tells of one, a person or a thread.
_READERS: Mapping[str, Callable[[_Object], Extraction]] = {
    "MESSAGE_DELETE": _deleted,
    "MESSAGE_DELETE_BULK": _all_deleted,
    "GUILD_MEMBER_ADD": _joined,
    "GUILD_MEMBER_REMOVE": _left,
    "THREAD_CREATE": _thread,
    "THREAD_UPDATE": _thread,
    "GUILD_CREATE": _threads,
    "THREAD_LIST_SYNC": _threads,
}
