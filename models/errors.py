"""The root of the tree of errors, which says who must act, and the one error that is a record's own fault.

`app.errors` draws the whole tree, and says how a process answers for each error. Everything in `models` that
reads what others wrote raises `BadRecord` for its content, and nothing else. Errors of services (a database
that is down) are not here: they belong to whoever talks to the service.
"""

from enum import StrEnum
from typing import ClassVar


class MustAct(StrEnum):
    """Who can mend what an error tells of."""

    RECORD = "record"
    """Nobody: the record can never be stored, and goes to the dead letters."""
    SERVICE = "service"
    """A service, or time: wait, and try again."""
    CALLER = "caller"
    """Whoever asks: ask otherwise, or for something else."""
    OPERATOR = "operator"
    """Whoever runs the system: a setting, a right, a topic, a disk."""
    US = "us"
    """Whoever writes this program: it is a bug."""


class ChatlogError(Exception):
    """What was foreseen to go wrong; the message says what happened, and what to do.

    Attributes:
        must_act: who can mend it; every class that is raised has it, of its own or inherited.
    """

    must_act: ClassVar[MustAct]


class Reason(StrEnum):
    """Why a record can never be stored, in one word for machines: filters, counters, dead letters."""

    EMPTY = "empty"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    NOT_AN_EVENT = "not_an_event"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_VALUE = "unknown_value"
    BAD_UUID = "bad_uuid"
    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"
    REJECTED_BY_DATABASE = "rejected_by_database"
    KEY_CONFLICT = "key_conflict"


class BadRecord(ChatlogError):
    """This record can never be stored, however often it is tried: park it with the dead letters.

    Attributes:
        reason: one word for machines.
        detail: one line for people. It names the field and what was expected, never what a message said.
    """

    must_act = MustAct.RECORD

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
