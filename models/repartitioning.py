"""A record on its way home: produced once more, to the partition where its user's records meet.

Key, value and headers are the source's own. Where it came from goes before them in headers of ours, as with
dead letters, so that whoever reads it there can treat it as if it had been read at its source. Without the
source's timestamp: an old record would be past the topic's retention as soon as it is there.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from models.errors import BadRecord, Reason

#: Kafka allows a name to come twice, and a value to be null.
Header: TypeAlias = tuple[str, bytes | None]

SOURCE = "chatlog-source"


class SourcePlace(NamedTuple):
    """Where a record was read first.

    Attributes:
        topic: its topic.
        partition: its partition there.
        offset: its offset there.
        timestamp_ms: when that topic got it; -1 if that is not known.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


def with_source(source: SourcePlace, headers: Sequence[Header]) -> list[Header]:
    """Return the headers of a record that is led home."""
    place = f"{source.partition} {source.offset} {source.timestamp_ms} {source.topic}"
    return [(SOURCE, place.encode()), *headers]


def source_in(headers: Sequence[Header]) -> tuple[SourcePlace, tuple[Header, ...]]:
    """Return where a record that was led home came from, and the headers that it had there.

    Raises:
        BadRecord: nobody of ours produced it.
    """
    if headers and headers[0][0] == SOURCE:
        try:
            place = (headers[0][1] or b"").decode()
            partition, offset, timestamp_ms, topic = place.split(" ", 3)
            return SourcePlace(topic, int(partition), int(offset), int(timestamp_ms)), tuple(headers[1:])
        except ValueError:
            raise BadRecord(Reason.WRONG_TYPE, f"header {SOURCE}: not a place in a topic") from None
    raise BadRecord(Reason.MISSING_FIELD, f"header {SOURCE}: missing; only capture workers write here")
