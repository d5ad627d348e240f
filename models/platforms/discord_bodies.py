"""What a Discord message shows beside its text: what kind of thing, its words, its files, who asked for it.

`metadata` of a message has, as far as there is any of it:

- `guild_id`: the server; `display_name`: how the author is called there, if not by their own name.
- `text`: words that are shown but are not in `content`: of a forward (whose author is not told), a poll and
  its answers, embeds, components; line by line.
- `attachments`: `id, filename, content_type, size` of each. Their URLs expire, so they are in the raw payload
  only.
- `stickers`: their names.
- `refers_to`: `message_id, channel_id, guild_id` of what was forwarded or crossposted.
- `asked_by`: the id of whoever gave the command that this answers; `command`: its name.
- `ephemeral`: that only they saw it.
- `webhook_id`: by which webhook it came: many persons may be behind one.
"""

from collections.abc import Iterator

from models import JSON
from models.values import id_or_none, list_in, object_in, text_or_none

_Object = dict[str, JSON]


#: What a message's `flags` say, as far as it matters here. No enum: a member takes longer than the rule.
CROSSPOST, EPHEMERAL, LOADING, VOICE = 2, 64, 128, 8192

#: The type of a component that is text.
_TEXT_DISPLAY = 10
#: What of an attachment is worth a column.
_OF_ATTACHMENT = ("id", "filename", "content_type", "size", "duration_secs")
_OF_REFERENCE = ("message_id", "channel_id", "guild_id")
#: A field that is not empty, and what it makes of a message. The first counts.
_BODIES = {
    "message_snapshots": "forward",
    "poll": "poll",
    "attachments": "attachment",
    "sticker_items": "sticker",
    "components": "components",
    "embeds": "embed",
    "activity": "activity",
    "soundboard_sounds": "sound",
}
#: Where words are beside the text, and where files are. Most messages have none of either.
_WORDY = ("embeds", "components", "poll", "message_snapshots")
_WITH_FILES = ("attachments", "message_snapshots")


def body_of(data: _Object, flags: int) -> str | None:
    """Return what the message is or shows beside its text; None for nothing."""
    if flags & (LOADING | CROSSPOST | VOICE):
        return "loading" if flags & LOADING else "crosspost" if flags & CROSSPOST else "voice"
    for field, body in _BODIES.items():
        if data.get(field):
            return body
    return None


def metadata_of(data: _Object, author: _Object, flags: int) -> dict[str, JSON] | None:
    """Return what else is worth a column; None for nothing."""
    found: dict[str, JSON] = {}
    if (guild := id_or_none(data.get("guild_id"))) is not None:
        found["guild_id"] = guild
    member = data.get("member")
    name = member.get("nick") if type(member) is dict else None
    if (name := text_or_none(name) or text_or_none(author.get("global_name"))) is not None:
        found["display_name"] = name
    if any(map(data.get, _WORDY)) and (text := "\n".join(_words(data))):
        found["text"] = text
    if any(map(data.get, _WITH_FILES)) and (attachments := list(_attachments(data))):
        found["attachments"] = attachments
    if stickers := list_in(data.get("sticker_items")):
        found["stickers"] = [text_or_none(object_in(sticker).get("name")) for sticker in stickers]
    if data.get("message_snapshots") or flags & CROSSPOST:
        found["refers_to"] = _told(object_in(data.get("message_reference")), _OF_REFERENCE)
    if (webhook := id_or_none(data.get("webhook_id"))) is not None:
        found["webhook_id"] = webhook
        found |= _asked(data)
    if flags & EPHEMERAL:
        found["ephemeral"] = True
    return found or None


def _asked(data: _Object) -> dict[str, JSON]:
    asked = object_in(data.get("interaction_metadata")) or object_in(data.get("interaction"))
    person = id_or_none(object_in(asked.get("user")).get("id"))
    name = text_or_none(asked.get("name")) or text_or_none(object_in(data.get("interaction")).get("name"))
    told = {"asked_by": person, "command": name}
    return {key: value for key, value in told.items() if value is not None}


def _words(data: _Object) -> Iterator[str]:
    """Yield the words shown beside the text, in the order in which they are."""
    for snapshot in _snapshots(data):
        yield from _texts(snapshot, "content")
        yield from _words_within(snapshot)
    if poll := object_in(data.get("poll")):
        yield from _texts(object_in(poll.get("question")), "text")
        for answer in map(object_in, list_in(poll.get("answers"))):
            yield from _texts(object_in(answer.get("poll_media")), "text")
    yield from _words_within(data)


def _words_within(message: _Object) -> Iterator[str]:
    for embed in map(object_in, list_in(message.get("embeds"))):
        yield from _texts(embed, "title", "description")
        for field in map(object_in, list_in(embed.get("fields"))):
            yield from _texts(field, "name", "value")
    if components := message.get("components"):
        yield from _displayed(components)


def _displayed(components: JSON) -> Iterator[str]:
    """Yield the text of components at any depth: of containers, and of sections."""
    for component in map(object_in, list_in(components)):
        if component.get("type") == _TEXT_DISPLAY:
            yield from _texts(component, "content")
        yield from _displayed(component.get("components"))


def _attachments(data: _Object) -> Iterator[JSON]:
    for message in (data, *_snapshots(data)):
        for attachment in map(object_in, list_in(message.get("attachments"))):
            yield _told(attachment, _OF_ATTACHMENT)


def _snapshots(data: _Object) -> Iterator[_Object]:
    snapshots = list_in(data.get("message_snapshots"))
    return (object_in(object_in(snapshot).get("message")) for snapshot in snapshots)


def _texts(part: _Object, *names: str) -> Iterator[str]:
    return (text for name in names if (text := text_or_none(part.get(name))) is not None)


def _told(part: _Object, names: tuple[str, ...]) -> dict[str, JSON]:
    return {name: part[name] for name in names if part.get(name) is not None}
