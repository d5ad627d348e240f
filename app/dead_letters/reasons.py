"""What the reasons of dead letters mean, and what to do: in words, for people. Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from models.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping


class Explained(NamedTuple):
    """What a reason says.

    Attributes:
        title: the reason, as people call it.
        means: what the record is.
        remedy: what to do about it.
    """

    title: str
    means: str
    remedy: str


_PRODUCER = "Have whoever produces it mend it. A replay stores it only if this version has come to know it."
_EXPLAINED: Mapping[str, Explained] = MappingProxyType(
    {
        Reason.EMPTY: Explained(
            "Empty",
            "The record has no value.",
            "Nothing can be stored of it: drop it, and see who sends such.",
        ),
        Reason.NOT_JSON: Explained("Not JSON", "The record is cut off, or is no JSON at all.", _PRODUCER),
        Reason.NOT_AN_OBJECT: Explained(
            "Not an object", "The record is a list, a text or a number where an object belongs.", _PRODUCER
        ),
        Reason.NOT_AN_EVENT: Explained(
            "Not one event",
            "The record is a whole webhook request, which is not taken apart.",
            "Have the producer send each event of it as a record of its own; then drop it.",
        ),
        Reason.TOO_DEEP: Explained(
            "Nested too deeply", "The record has lists or objects in one another without end.", _PRODUCER
        ),
        Reason.TOO_LARGE: Explained(
            "Too large",
            "The record, or a field of it, is larger than its topic or an index takes.",
            "Raise the topic's max.message.bytes if the record should fit, then replay it.",
        ),
        Reason.MISSING_FIELD: Explained(
            "A field is missing",
            "The record lacks a field that it has to have; the detail names it.",
            _PRODUCER,
        ),
        Reason.WRONG_TYPE: Explained(
            "Wrong type",
            "A field holds another kind of value than it should; the detail names both.",
            _PRODUCER,
        ),
        Reason.UNKNOWN_VALUE: Explained(
            "Unknown value",
            "A field holds a value that this version does not know.",
            "A later version may know it: upgrade, then replay it.",
        ),
        Reason.BAD_UUID: Explained(
            "No UUID", "A field that should hold a UUID holds something else.", _PRODUCER
        ),
        Reason.TIMESTAMP_OUT_OF_RANGE: Explained(
            "Impossible time", "The record is of a time that is none, or of none that Kafka takes.", _PRODUCER
        ),
        Reason.REJECTED_BY_DATABASE: Explained(
            "Refused by the database",
            "PostgreSQL does not take the row.",
            "Run `chatlog check`: a column may have been altered. Mend that, then replay it.",
        ),
        Reason.KEY_CONFLICT: Explained(
            "Second message with one key",
            "Another message of this person, of the same millisecond and direction, has the row.",
            "A replay brings the same conflict again. Look at it, note what matters, then drop it.",
        ),
    }
)
_UNKNOWN = Explained("", "Another version of chatlog knows this reason.", "Upgrade, then replay it.")


def explain(reason: str) -> Explained:
    """Return what a reason says; one that only another version knows goes by its own name."""
    return _EXPLAINED.get(reason) or _UNKNOWN._replace(title=reason)
