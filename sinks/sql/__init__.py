"""The SQL of the product: a file for each capability, and in it every statement under a name.

    -- name: find_export
    -- One of the owner's exports.
    SELECT * FROM export_status WHERE …;

A statement begins with its name and a sentence on it, has no blank line, and ends with a semicolon. Commands
that only make sense together (`SET LOCAL …`) may be one statement. Modules take what they need when they are
imported, so that a name that no file has stops a program before it starts:

    _FIND = statements("exports").find_export
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENTS = re.compile(r"(--.*\n|\s)*")
_ONE = re.compile(r"--.*\n(?:.*\S.*\n)*.*;")


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements of one file, as attributes.

    Attributes:
        file: its name, for messages.
        texts: every statement by its name, without the semicolon at its end.
    """

    file: str
    texts: Mapping[str, str]

    def __getattr__(self, name: str) -> str:
        """Return the text of a statement.

        Raises:
            AttributeError: the file has none of this name.
        """
        try:
            return self.texts[name]
        except KeyError:
            raise AttributeError(f"{self.file} has no statement named {name}") from None


@cache
def statements(capability: str, package: str = __name__) -> Statements:
    """Read the statements of a capability.

    Args:
        capability: the file's name, without its ending.
        package: where the file is.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it has SQL without a name, a name twice, or a statement that is not written as this
            module's head says.
    """
    file = f"{capability}.sql"
    return Statements(file, parse(file, files(package).joinpath(file).read_text(encoding="utf-8")))


def parse(file: str, content: str) -> dict[str, str]:
    """Return the statements in the text of a file, by name.

    Raises:
        ValueError: as `statements` says.
    """
    head, *parts = _NAME.split(content)
    if not _COMMENTS.fullmatch(head):
        raise ValueError(f"{file} begins with a statement that has no name")
    texts: dict[str, str] = {}
    for name, text in zip(parts[::2], map(str.strip, parts[1::2]), strict=True):
        if name in texts:
            raise ValueError(f"{file} has two statements named {name}")
        if not _ONE.fullmatch(text):
            raise ValueError(f"{file}: {name} is not one statement: a sentence on it, its SQL, a semicolon")
        texts[name] = text.removesuffix(";")
    return texts
