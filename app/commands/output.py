"""Standard output and error of a command, such that no text ends it, and neither does whoever reads no more.

A terminal, a pipe or a log may take fewer characters than people and we write. What it does not take is spelt
out; bytes of files go past all this.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

#: How our own marks are written where they are not to be had. None may end a string of JSON.
_MARKS = {
    "✓": "+",
    "✗": "x",
    "→": "->",
    "…": "...",
    "–": "-",
    "─": "-",
    "━": "=",
    "“": "'",
    "”": "'",
    "·": ".",
}
_SPELT_OUT = "chatlog.spelt-out"


def make_safe() -> None:
    """Have standard output and error spell out what they do not take, and be there if they were closed."""
    codecs.register_error(_SPELT_OUT, _spell_out)
    # Or the next file or connection that is opened would get its number, and what is printed.
    if sys.stdout is None:
        sys.stdout = _nowhere(1)
    if sys.stderr is None:
        sys.stderr = _nowhere(2)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Who says ASCII most often said nothing, by an empty LANG; click takes it for UTF-8 as well.
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding="utf-8" if is_ascii else None, errors=_SPELT_OUT)


def flush() -> None:
    """Write what is left; whoever reads no more has seen enough, and the end of Python need not complain."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _nowhere(number: int) -> TextIO:
    opened = os.open(os.devnull, os.O_WRONLY)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    return os.fdopen(number, "w", encoding="utf-8")


def _spell_out(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_spelt, error.object[error.start : error.end])), error.end


def _spelt(letter: str) -> str:
    """Return an ASCII text for a character: as JSON escapes it, so that JSON stays JSON."""
    if letter in _MARKS:
        return _MARKS[letter]
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
