"""Where a request ends, and whether another server could see it end elsewhere (RFC 9112, 6 and 11.2).

llhttp reads requests fast, and nearly as strictly as is needed: what it takes and a proxy before us may read
in another way is refused here. It gets one request at a time, for it tells not where one ends: what is behind
that is another's. How connections live is not known here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from models.errors import ChatlogError, MustAct

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What may come of a head that does not end, or of a body without a byte that counts.
_UNFINISHED_MAX_BYTES = 16 * 1024
_END = b"\r\n\r\n"
_VERSIONS = {b"HTTP/1.0", b"HTTP/1.1"}
#: Lines that go on or end otherwise than by CR LF (5.2 and 2.2), or that begin like no request.
_HOPELESS = re.compile(rb"\A[^!-~]|\n[ \t]|(?<!\r)\n")
_UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*(?=\r\n)", re.IGNORECASE)


class NotHttp(ChatlogError):
    """What came is no request, or one that can be read in two ways; its connection has to end."""

    must_act = MustAct.CALLER


class Body(Protocol):
    """What is known of a body that is coming in."""

    def cut(self, data: bytes) -> int:
        """Return how many of these bytes, that follow those before, are surely of this request.

        Raises:
            NotHttp: more came than there can be to say.
        """

    def note_content(self) -> None:
        """Note that bytes that were cut had content."""


class Counted:
    """A body whose length was said."""

    def __init__(self, length: int) -> None:
        self._left = length

    def cut(self, data: bytes) -> int:
        """Return how many of these bytes are of the body."""
        cut = min(self._left, len(data))
        self._left -= cut
        return cut

    def note_content(self) -> None:
        """Do nothing: its length is known."""


class Chunked:
    """A body in chunks. It ends with an empty line, as a chunk of it may, too."""

    def __init__(self) -> None:
        self._last = b""
        self._without_content = 0

    def cut(self, data: bytes) -> int:
        """Return how many bytes there are until an empty line: behind it there may be another request.

        Raises:
            NotHttp: a line of it does not end.
        """
        if self._without_content > _UNFINISHED_MAX_BYTES:
            raise NotHttp("a chunk's line, or lines behind the last chunk, that do not end")
        joined = self._last + data
        end = joined.find(_END)
        cut = len(data) if end < 0 else end + len(_END) - len(self._last)
        self._last = joined[1 - len(_END) :] if end < 0 else b""
        self._without_content += cut
        return cut

    def note_content(self) -> None:
        """Begin anew to count what comes without content."""
        self._without_content = 0


def head_length(received: bytes) -> int:
    """Return how long the head is that these bytes begin with; 0 if it has not all come.

    Raises:
        NotHttp: no head begins so.
    """
    end = received.find(_END)
    if end >= 0:
        return end + len(_END)
    if len(received) > _UNFINISHED_MAX_BYTES or _HOPELESS.search(received):
        raise NotHttp("a head that is too long, or goes on or ends otherwise than by CR LF")
    return 0


def checked(head: bytes) -> bytes:
    """Return a head as it is to be read: without an offer to speak something else, which would hide its body.

    Raises:
        NotHttp: its first line is none of HTTP/1.1 or HTTP/1.0.
    """
    line = head[: head.index(b"\r\n")].split(b" ")
    if len(line) != 3 or line[2] not in _VERSIONS:
        raise NotHttp("a first line that is none of HTTP/1.1")
    return _UPGRADE.sub(b"", head) if b"upgrade" in head.lower() else head


def body_of(headers: Sequence[tuple[bytes, bytes]], version: str) -> Body | None:
    """Return what a head says of the body behind it; None if there is none.

    Args:
        headers: with names in small letters; a Content-Length has digits alone.
        version: of HTTP.

    Raises:
        NotHttp: it says two things, or what only some understand.
    """
    hosts, lengths, codings = (
        [value for name, value in headers if name == wanted]
        for wanted in (b"host", b"content-length", b"transfer-encoding")
    )
    if len(hosts) > 1 or (not hosts and version != "1.0"):
        raise NotHttp("no Host, or more than one")
    if codings:
        if lengths or version == "1.0" or [coding.lower() for coding in codings] != [b"chunked"]:
            raise NotHttp("a Transfer-Encoding other than chunked, or beside a length, or in HTTP/1.0")
        return Chunked()
    if len(lengths) > 1:
        raise NotHttp("two lengths")
    return Counted(int(lengths[0])) if lengths else None
