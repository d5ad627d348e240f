"""What a check has to say: one line, how bad it is, and how to mend it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        area: what it is about: connection, settings, topic, group, schema, rights.
        level: how bad it is.
        message: what is.
        mend: what to do about it; empty if nothing.
    """

    area: str
    level: Level
    message: str
    mend: str = ""
