"""What a check has to say: one line, how bad it is, and how to mend it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


_MARKS = {Level.OK: "✓", Level.NOTE: "!", Level.WRONG: "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        area: what it is about: connection, settings, topic, group, schema, search, tenants, rights,
            connectors, erasure.
        level: how bad it is.
        message: what is.
        mend: what to do about it; empty if nothing.
    """

    area: str
    level: Level
    message: str
    mend: str = ""

    def __str__(self) -> str:
        """Return the line that a person reads."""
        line = f"{_MARKS[self.level]} {self.area}: {self.message}"
        return f"{line} → {self.mend}" if self.mend else line
