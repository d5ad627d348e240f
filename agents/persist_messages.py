"""Persist of messages: records of a platform → rows; what no row can hold → dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.errors import BadRecord, Reason
from models.records import MessageRecord, decode_record
from sinks.dead_letters import dead_letter_of
from sinks.postgres.live import StoredMessage

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from agents.chunks import Chunk
    from models.dead_letters import DeadLetter
    from models.records import Record
    from sinks.dead_letters import DeadLetterTopic
    from sinks.postgres.live import LiveMessages
    from sinks.postgres.messages import MessagesSink


class PersistMessages:
    """Stores the records of one platform's messages.

    Args:
        sink: stores them.
        dead_letters: takes the records that no row can hold.
        live: remembers what is said now; None where nobody asks.
    """

    def __init__(
        self, sink: MessagesSink, dead_letters: DeadLetterTopic, live: LiveMessages | None = None
    ) -> None:
        self._sink = sink
        self._dead_letters = dead_letters
        self._live = live
        self._records_read = sink.figures.records_read.labels(sink.platform)

    async def __call__(self, chunk: Chunk) -> None:
        """Return when what every record of `chunk` tells is committed, or the record is a dead letter."""
        records: list[tuple[Record, ConsumerRecord]] = []
        bad: list[DeadLetter] = []
        # Up to the sink without a pause: what is about one message comes there in the order of the log.
        for consumed in chunk:
            try:
                records.append((self._decode(consumed), consumed))
            except BadRecord as error:
                bad.append(dead_letter_of(consumed, error))
        refused = await self._sink.write(records)
        bad.extend(dead_letter_of(consumed, why) for consumed, why in refused)
        await self._dead_letters.send(bad)
        self._records_read.inc(len(chunk))
        if self._live is not None:
            since = self._live.horizon_ms
            self._live.note(
                _spoken(record)
                for record, _ in records
                if isinstance(record, MessageRecord) and record.kept and record.timestamp >= since
            )

    def _decode(self, consumed: ConsumerRecord) -> Record:
        record = decode_record(consumed.value)
        if record.platform != self._sink.platform:
            # Its tables may be locked, or be missing, and this platform must not wait for them.
            raise BadRecord(Reason.UNKNOWN_VALUE, f"platform: expected {self._sink.platform!r}")
        return record


def _spoken(message: MessageRecord) -> StoredMessage:
    # A session of an assistant is no place.
    channel = "" if message.platform == "assistant" else message.channel
    person = message.author_id if message.role == "user" else None
    return StoredMessage(message.platform, channel, None, person, message.timestamp, message.response_ms)
