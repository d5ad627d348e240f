"""Lines of the log that the VRChat client writes: who joined and left the room that its user is in.

`YYYY.MM.DD HH:MM:SS Level      -  [Tag] text`, in the machine's local time without its zone, in whole
seconds. A line tells neither where it stands nor in which room the client is, so whoever reads the file hands
over each line with what it knows:

    {"source": "log", "file": "output_log_2026-03-02_19-00-11.txt", "offset": 48211, "zone": "Europe/Berlin",
     "location": "wrld_…", "line": "2026.03.02 19:04:11 Debug      -  [Behaviour] OnPlayerJoined …"}

- `file` and `offset`, the file's name and where in it the line begins in bytes, are who the line is.
- `zone` is the machine's zone by its IANA name, or the difference from UTC that the machine had when the line
  was written (`+01:00`).
- `location` is that of the last line before it in the file that `read_log_line` reads as one, or null where
  there was none: then people's presence is the file's, as that is one run of the client.

A zone's local hour that comes twice, as summer ends, is taken for the first of the two, and one that is left
out, as summer begins, for what a clock would show that was not set. A difference from UTC is never ambiguous.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from models import JSON
from models.errors import BadRecord, Reason
from models.fields import required_id, required_text, required_timestamp_ms
from models.messages import Extraction, Presence, PresenceKind
from models.text import REPLACEMENT
from models.values import id_or_none

_JOIN, _LEAVE, _LEAVE_ALL = PresenceKind.JOIN, PresenceKind.LEAVE, PresenceKind.LEAVE_ALL
#: What a line does that is none of these: it names the room for those after it.
LOCATION = "location"
_OTHER = "log/other"
KINDS = frozenset({*(f"log/{kind}" for kind in PresenceKind), f"log/{LOCATION}", _OTHER})

_LINE = re.compile(r"(\d{4})\.(\d\d)\.(\d\d) (\d\d:\d\d:\d\d) .{11}-  (.*)", re.ASCII | re.DOTALL)
_OPS = {
    "[Behaviour] OnPlayerJoined ": _JOIN,
    "[Behaviour] OnPlayerLeft ": _LEAVE,
    "[Behaviour] Joining ": LOCATION,
}
#: The client's own user leaves: by one of these, or as it ends (and then by none of these).
_LEFT_ROOM = frozenset({"[Behaviour] OnLeftRoom", "[Behaviour] Successfully left room"})
_QUIT = re.compile(r"VRCApplication: (?:On|Handle)ApplicationQuit\b")
#: A name and the account's id, that of the oldest accounts being ten characters, which might be a name's too.
_USER = re.compile(r"(.*) \((usr_[0-9a-zA-Z-]+|[0-9a-zA-Z]{10})\)", re.DOTALL)
#: Before autumn 2024 the line told no id. (Of an old account, some months of names hold theirs.)
_IDS_SINCE = "2025"
_DIFFERENCE = re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII)


class LogLine(NamedTuple):
    """What a line tells.

    Attributes:
        op: `join`, `leave`, `leave_all` or `location`.
        local_time: when, by the machine's clock: `2026-03-02T19:04:11`.
        user_id: who; None for the own user, and where only the name is told.
        user_name: how they are called.
        location: the room that the client joins.
    """

    op: str
    local_time: str
    user_id: str | None = None
    user_name: str | None = None
    location: str | None = None


def is_log_line(line: str) -> bool:
    """Tell whether a text has the form of a line. Those of an exception have it not, but for the first."""
    return _LINE.fullmatch(line) is not None


def read_log_line(line: str) -> LogLine | None:
    """Return what a line tells; None for most, which tell nothing of presence.

    What a machine that went down leaves at the end of a file, NULs, is no part of a name.
    """
    if not (parts := _LINE.fullmatch(line.rstrip("\r\n\0" + REPLACEMENT))):
        return None
    year, month, day, time, text = parts.groups()
    local_time = f"{year}-{month}-{day}T{time}"
    if text in _LEFT_ROOM or _QUIT.match(text):
        return LogLine(_LEAVE_ALL, local_time)
    for beginning, op in _OPS.items():
        if text.startswith(beginning) and (rest := text.removeprefix(beginning)).strip():
            return _line_of(op, local_time, rest)
    return None


def _line_of(op: str, local_time: str, rest: str) -> LogLine | None:
    if op == LOCATION:
        return LogLine(op, local_time, location=rest) if rest.startswith("wrld_") else None
    # Names hold blanks and parentheses too: the last ones count.
    named = _USER.fullmatch(rest)
    if named and (named[2].startswith("usr_") or local_time >= _IDS_SINCE):
        return LogLine(op, local_time, named[2], named[1])
    return LogLine(op, local_time, None, rest)


def extract_log_line(told: dict[str, JSON]) -> Extraction:
    """Return what a line comes to that is handed over as this module says.

    Raises:
        BadRecord: it tells of presence, but not where it stands, or not when.
    """
    line = read_log_line(required_text(told.get("line"), "line"))
    if line is None or line.op == LOCATION:
        return Extraction(_kind_of(line))
    file, offset = required_id(told.get("file"), "file"), told.get("offset")
    if type(offset) is not int or offset < 0:
        raise BadRecord(Reason.WRONG_TYPE, "offset: expected a number of bytes")
    presence = Presence(
        source_id=f"{file}:{offset}",
        kind=PresenceKind(line.op),
        channel=required_id(id_or_none(told.get("location")) or file, "location"),
        timestamp=_utc_ms(line.local_time, required_id(told.get("zone"), "zone")),
        author_id=line.user_id,
        author_name=line.user_name,
    )
    return Extraction(_kind_of(line), (presence,))


def extract_bare_line(text: str) -> Extraction:
    """Return what a line comes to that is handed over with nothing else.

    Raises:
        BadRecord: it tells of presence, and nobody can know when that was; or it is no line.
    """
    line = read_log_line(text)
    if line is None and not is_log_line(text):
        raise BadRecord(Reason.NOT_AN_EVENT, "neither JSON nor a line of the client's log")
    if line is not None and line.op != LOCATION:
        raise BadRecord(
            Reason.MISSING_FIELD,
            "a line of the log alone, without its file, offset and zone: wrap it as docs/platforms.md says",
        )
    return Extraction(_kind_of(line))


def _kind_of(line: LogLine | None) -> str:
    return f"log/{line.op}" if line else _OTHER


def _utc_ms(local_time: str, zone: str) -> int:
    try:
        moment = datetime.fromisoformat(local_time).replace(tzinfo=_zone(zone))
        return required_timestamp_ms(int(moment.timestamp()) * 1000, "line: its time")
    except (ValueError, OverflowError):
        raise BadRecord(Reason.TIMESTAMP_OUT_OF_RANGE, "line: its time is none") from None


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    if difference := _DIFFERENCE.fullmatch(name):
        sign = -1 if difference[1] == "-" else 1
        minutes = int(difference[2]) * 60 + int(difference[3])
        return timezone(sign * timedelta(minutes=minutes)) if minutes < 24 * 60 else _no_zone()
    if name in ("Z", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # no such name, or no name at all (`../x`, a directory)
        return _no_zone()


def _no_zone() -> tzinfo:
    raise BadRecord(Reason.UNKNOWN_VALUE, "zone: neither an IANA name nor a difference from UTC like +01:00")
