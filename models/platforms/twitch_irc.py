r"""Lines of Twitch's chat over IRC, with tags: `@tags :prefix COMMAND #channel :text`.

A connector hands over line by line. A frame of several lines is read all the same: whatever was said in it is
found. Where one of its lines is refused, so is the frame.

JOIN and PART are no presence: they come in batches, late, without ids and times, and not at all in large
rooms. Whispers are private, and nobody asked for them. A NUL at the end of a line is in the text what it is
everywhere (`models.text`); behind the end it is nothing.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from models.errors import BadRecord, Reason
from models.fields import optional_indexed_id, required_id, required_moment_ms
from models.messages import UNKNOWN, Clear, Deletion, Extraction, Found
from models.platforms.twitch_messages import Said, chat_message
from models.text import REPLACEMENT, decode_text

#: Several lines in one record.
FRAME = "frame"
_NUMERIC = "numeric"
_PRIVMSG, _USERNOTICE, _CLEARMSG, _CLEARCHAT = "PRIVMSG", "USERNOTICE", "CLEARMSG", "CLEARCHAT"
#: In these nothing is said or done that a log holds. After RECONNECT a gap follows: the connector's matter.
_SILENT = frozenset(
    {
        *("CAP", "GLOBALUSERSTATE", "HOSTTARGET", "JOIN", "NOTICE", "PART", "PING", "PONG", "RECONNECT"),
        *("ROOMSTATE", "USERSTATE", "WHISPER"),
    }
)
KINDS = _SILENT | {_PRIVMSG, _USERNOTICE, _CLEARMSG, _CLEARCHAT, _NUMERIC, FRAME}

#: So looks a command that Twitch may have added; anything else is no line, and might be somebody's words.
_COMMAND = re.compile(r"[A-Z]{2,20}")
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPED = {":": ";", "s": " ", "r": "\r", "n": "\n"}
#: A notice of another room of a shared chat tells its own kind in another tag.
_OF_ANOTHER_ROOM = "sharedchatnotice"
_NO_BADGES: frozenset[str] = frozenset()


class IrcLine(NamedTuple):
    """One line.

    Attributes:
        tags: by name, unescaped; of one given twice the last.
        prefix: who sends it: `login!login@login.tmi.twitch.tv`, or the server.
        command: what it is.
        target: its first parameter: `#login` of a room.
        text: its second one; None where there is none.
    """

    tags: dict[str, str]
    prefix: str
    command: str
    target: str
    text: str | None


def extract_irc(raw: bytes) -> Extraction:
    """Return what a line, or a frame of lines, comes to.

    Raises:
        BadRecord: it is no line of IRC, or what was said or done in it lacks what a row needs.
    """
    text = decode_text(raw)
    # Not str.splitlines: people's texts may hold what else Unicode takes for the end of a line.
    if "\n" not in text:
        return _extract_line(text.removesuffix("\r"))
    lines = [line for part in text.split("\n") if (line := part.removesuffix("\r")).strip(REPLACEMENT)]
    if not lines:
        raise BadRecord(Reason.EMPTY, "the record has no line")
    if len(lines) == 1:
        return _extract_line(lines[0])
    each = [_extract_line(line) for line in lines]
    unknown = next((extraction.unknown for extraction in each if extraction.unknown), None)
    found = [item for extraction in each for item in extraction.found]
    return Extraction(UNKNOWN if unknown else FRAME, found, unknown)


def room_of(raw: bytes) -> str | None:
    """Return the id of the room that a line, or a frame's first one, is of; else the room's login, if any."""
    line = parse_line(decode_text(raw).partition("\n")[0].removesuffix("\r"))
    return line.tags.get("room-id") or _login(line.target)


def parse_line(line: str) -> IrcLine:
    """Take a line apart. Any text has some form: whether it is a command that makes sense is not asked."""
    tags: dict[str, str] = {}
    prefix = ""
    if line[:1] == "@":
        told, _, line = line[1:].partition(" ")
        for pair in told.split(";"):
            name, _, value = pair.partition("=")
            tags[name] = value
        if "\\" in told:
            tags = {name: _ESCAPE.sub(_unescaped, value) for name, value in tags.items()}
    if line[:1] == ":":
        prefix, _, line = line[1:].partition(" ")
    command, _, line = line.partition(" ")
    target, is_more, text = line.partition(" ")
    if text[:1] == ":":
        text = text[1:]
    return IrcLine(tags, prefix, command, target, text if is_more else None)


def _extract_line(raw: str) -> Extraction:
    line = parse_line(raw)
    command = line.command
    if command == _PRIVMSG:
        return Extraction(_PRIVMSG, _said(line, line.text or "", line.prefix.partition("!")[0], raw))
    if find := _FINDERS.get(command):
        return Extraction(command, find(line, raw))
    if command in _SILENT:
        return Extraction(command)
    if len(command) == 3 and command.isascii() and command.isdigit():
        return Extraction(_NUMERIC)
    if _COMMAND.fullmatch(command):
        return Extraction(UNKNOWN, (), command)
    raise BadRecord(Reason.NOT_AN_EVENT, "neither a line of IRC nor an envelope of EventSub")


def _notice(line: IrcLine, raw: str) -> tuple[Found, ...]:
    """Return what a person says with a notice, and in no other line. Most notices have no such words."""
    return _said(line, line.text, line.tags.get("login"), raw) if line.text else ()


def _said(line: IrcLine, text: str, login: str | None, raw: str) -> tuple[Found, ...]:
    tag = line.tags.get
    kind, badges, source_badges, bits = tag("msg-id"), tag("badges"), tag("source-badges"), tag("bits")
    room_login = _login(line.target)
    source_id = tag("id")
    if not source_id:
        raise BadRecord(
            Reason.MISSING_FIELD, "id: missing or empty: was the capability twitch.tv/tags asked for?"
        )
    message = chat_message(
        Said(
            source_id=source_id,
            timestamp=_sent(line),
            room=_room(line),
            room_login=room_login,
            author_id=optional_indexed_id(tag("user-id"), "user-id"),
            login=login,
            name=tag("display-name"),
            text=text,
            message_type=tag("source-msg-id") if kind == _OF_ANOTHER_ROOM else kind,
            badges=_badge_names(badges) if badges else _NO_BADGES,
            source_badges=_badge_names(source_badges) if source_badges else _NO_BADGES,
            reply_to=tag("reply-parent-msg-id"),
            thread=tag("reply-thread-parent-msg-id"),
            bits=_whole_number(bits) or 0,
            reward=tag("custom-reward-id"),
            source_message=tag("source-id"),
            source_room=tag("source-room-id"),
            system_message=tag("system-msg"),
            is_first=tag("first-msg") == "1",
            has_mention=False,  # not marked
            raw=raw,
        )
    )
    if tag("rm-deleted") != "1":
        return (message,)
    # Services that keep a room's last lines tell so of what was deleted since, and not when.
    deletion = Deletion(source_id=message.source_id, timestamp=message.timestamp, channel=message.channel)
    return (message, deletion)


def _deletion(line: IrcLine, _raw: str) -> tuple[Found, ...]:
    """Return the deletion of one message. The line tells its words once more, and they may be cut."""
    source_id = required_id(line.tags.get("target-msg-id"), "target-msg-id")
    channel = line.tags.get("room-id") or None
    return (Deletion(source_id=source_id, deleted=_sent(line), channel=channel),)


def _clear(line: IrcLine, _raw: str) -> tuple[Found, ...]:
    channel, cleared = _room(line), _sent(line)
    if not line.text:
        return (Clear(channel=channel, cleared=cleared),)
    # By the login alone nobody's messages are found, and without anybody it would clear everybody's.
    author_id = required_id(line.tags.get("target-user-id"), "target-user-id")
    duration_s = _whole_number(line.tags.get("ban-duration"))
    reason = "ban" if duration_s is None else "timeout"
    return (
        Clear(channel=channel, cleared=cleared, author_id=author_id, duration_s=duration_s, reason=reason),
    )


_FINDERS: dict[str, Callable[[IrcLine, str], tuple[Found, ...]]] = {
    _USERNOTICE: _notice,
    _CLEARMSG: _deletion,
    _CLEARCHAT: _clear,
}


def _room(line: IrcLine) -> str:
    return required_id(line.tags.get("room-id") or _login(line.target), "room-id")


def _login(target: str) -> str | None:
    return target[1:] or None if target[:1] == "#" else None


def _sent(line: IrcLine) -> int:
    sent = line.tags.get("tmi-sent-ts") or None
    # As ever, the digits of ms; whatever else it may be is for the rule to say.
    is_usual = sent is not None and len(sent) == 13 and sent.isascii() and sent.isdigit()
    return int(sent) if sent and is_usual else required_moment_ms(sent, "tmi-sent-ts")


def _badge_names(badges: str) -> list[str]:
    return [badge.partition("/")[0] for badge in badges.split(",")]


def _whole_number(digits: str | None) -> int | None:
    """Return a number of a sensible size; None for anything else."""
    return int(digits) if digits and digits.isascii() and digits.isdigit() and len(digits) < 10 else None


def _unescaped(escape: re.Match[str]) -> str:
    return _ESCAPED.get(escape[1], escape[1])
