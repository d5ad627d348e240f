"""Persist: entries from the chat-log topic → rows; dead letters from their topic → the table of them."""

from __future__ import annotations

import asyncio
import logging
from operator import attrgetter
from typing import TYPE_CHECKING

from msgspec.structs import replace
from prometheus_client import Counter

from models.dead_letters import from_record
from models.entries import Direction, decode_entry
from models.errors import BadRecord, Reason
from sinks.dead_letters import dead_letter_of
from sinks.errors import CannotGoOn
from sinks.postgres.live import StoredMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import ConsumerRecord
    from prometheus_client import CollectorRegistry

    from agents.chunks import Chunk
    from models.dead_letters import DeadLetter
    from models.entries import ChatLogEntry
    from models.surveys import SurveyMap
    from sinks.dead_letters import DeadLetterTable, DeadLetterTopic
    from sinks.postgres.chat_log import ChatLogSink
    from sinks.postgres.fresh import Fresh
    from sinks.postgres.live import LiveMessages

log = logging.getLogger(__name__)


class Persist:
    """Stores the entries of a chunk; a record that no row can hold becomes a dead letter.

    An entry that does not say which survey it belongs to gets the one that its page and shortcode tell.

    Attributes:
        records_read: counts the records that are rows or dead letters.

    Args:
        sink: stores entries.
        dead_letters: takes the records that no row can hold.
        surveys: knows which survey a page and a shortcode belong to.
        registry: what is asked for the figures; None where nobody asks.
        live: remembers what is said now; None where nobody asks.
    """

    def __init__(
        self,
        sink: ChatLogSink,
        dead_letters: DeadLetterTopic,
        surveys: Fresh[SurveyMap],
        registry: CollectorRegistry | None = None,
        live: LiveMessages | None = None,
    ) -> None:
        self._sink = sink
        self._dead_letters = dead_letters
        self._surveys = surveys
        self._live = live
        self.records_read = Counter(
            "chatlog_records_read", "Entries read of which everything is safe.", registry=registry
        )
        #: Has chunks come to the sink in the order of the log, whatever they wait for before.
        self._in_order = asyncio.Lock()

    async def __call__(self, chunk: Chunk) -> None:
        """Return when every record of `chunk` is a committed row or a dead letter."""
        async with self._in_order:
            surveyid_of = (await self._surveys.known()).surveyid_of
        # From here to the sink without a pause: of messages with one key, the first in the log wins.
        entries: list[tuple[ChatLogEntry, ConsumerRecord]] = []
        bad: list[DeadLetter] = []
        for record in chunk:
            try:
                entry = decode_entry(record.value)
            except BadRecord as error:
                bad.append(dead_letter_of(record, error))
            else:
                if entry.surveyid is None and (
                    surveyid := surveyid_of(entry.pageid, entry.shortcode, entry.timestamp * 1000)
                ):
                    entry = replace(entry, surveyid=surveyid)
                entries.append((entry, record))
        if refused := await self._sink.write(entries):
            bad.extend(dead_letter_of(record, error) for record, error in refused)
            _tell_of_conflicts([record for record, error in refused if error.reason is Reason.KEY_CONFLICT])
        await self._dead_letters.send(bad)
        self.records_read.inc(len(chunk))
        if self._live is not None:
            self._note_live(self._live, entries)

    def _note_live(self, live: LiveMessages, entries: Sequence[tuple[ChatLogEntry, ConsumerRecord]]) -> None:
        since = live.horizon_ms
        live.note(
            StoredMessage(
                "messenger",
                entry.pageid or "",
                entry.surveyid,
                entry.userid if entry.direction is Direction.USER else None,
                entry.timestamp,
            )
            for entry, _ in entries
            if entry.timestamp >= since
        )


def _tell_of_conflicts(records: Sequence[ConsumerRecord]) -> None:
    if records:
        first = min(records, key=attrgetter("offset"))
        log.warning(
            "Two messages of one person in one millisecond: the first has the row, "
            "the later is kept with the dead letters",
            extra={
                "topic": first.topic,
                "partition": first.partition,
                "offset": first.offset,
                "records": len(records),
            },
        )


class KeepDeadLetters:
    """Copies dead letters from their topic to the table that people list, replay and drop them from.

    Attributes:
        foreign: counts the records of the topic that are no dead letters of ours.

    Args:
        table: where they are kept.
        registry: what is asked for the figures; None where nobody asks.
    """

    def __init__(self, table: DeadLetterTable, registry: CollectorRegistry | None = None) -> None:
        self._table = table
        self.foreign = Counter(
            "chatlog_foreign_dead_letters",
            "Records in the dead-letters topic that somebody else wrote there.",
            registry=registry,
        )

    async def __call__(self, chunk: Chunk) -> None:
        """Return when every dead letter of `chunk` is in the table.

        Raises:
            CannotGoOn: one cannot be kept at all.
        """
        dead_letters: list[tuple[DeadLetter, ConsumerRecord]] = []
        foreign: list[tuple[DeadLetter, ConsumerRecord]] = []
        for record in chunk:
            try:
                dead_letter = from_record(record.key, record.value, tuple(record.headers))
            except BadRecord as error:
                foreign.append((dead_letter_of(record, error), record))
            else:
                dead_letters.append((dead_letter, record))
        refused = await self._table.write(dead_letters)
        foreign.extend((dead_letter_of(record, why), record) for record, why in refused)
        # Kept like any other, under its own place in the log, so that nothing is lost.
        if impossible := await self._table.write(foreign):
            record, why = impossible[0]
            raise CannotGoOn(
                f"{record.topic}[{record.partition}]@{record.offset} cannot be kept: "
                f"{why.detail}; run `chatlog check`"
            )
        self.foreign.inc(len(foreign))
