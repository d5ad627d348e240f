"""Records of a platform's messages → rows: in batches, once, in any order, and never lost.

A batch is one transaction: its messages with all that is counted of them in one statement, then what becomes
of messages (`sinks.postgres.message_changes`). Whatever is counted comes from the rows that were added, so a
record that comes again adds nothing.

A row is made by its message, or by an update that tells the whole of it and comes first; then the message, or
an earlier such update, takes the place of what the row says.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.errors import BadRecord, Reason
from models.ids import source_of
from models.records import ClearRecord
from sinks.postgres import message_rows as rows_of
from sinks.postgres.batching_sink import BatchingSink
from sinks.postgres.lately import Lately
from sinks.postgres.message_changes import (
    CLEARED_BACK,
    Cleared,
    apply_clear,
    apply_earlier_clears,
    bring_up_to_date,
    moment,
    span_of,
)
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

    import asyncpg

    from models.records import DeletionRecord, EditRecord, MessageRecord, PresenceRecord, Record
    from sinks.postgres.batching import Batched, Source
    from sinks.postgres.figures import MessageFigures
    from sinks.postgres.message_changes import Connection
    from sinks.retry import RetryPolicy

_SQL = statements("messages")
_INSERT = _SQL.insert_messages

#: How often a process brings the last message of a room up to date. With every batch, all that write would
#: wait for each other at the row of a busy room.
ROOM_EVERY_S = 60.0
#: How often it says anew when somebody was last seen with the name that they have.
NAME_EVERY_MS = 10 * 60 * 1000
#: Rooms and people that it remembers this of.
REMEMBERED = 100_000
#: Messages that a clear takes back at once; the settler sees to the rest.
CLEARED_AT_ONCE = 1_000


@dataclass(slots=True)
class _Done:
    """What a transaction did that is noted once it is committed."""

    rows: int = 0
    rooms: dict[str, tuple[float, int]] = field(default_factory=dict)
    names: dict[str, tuple[str, int]] = field(default_factory=dict)


class MessagesSink(BatchingSink["Record"]):
    """Writes the records of one platform.

    Args:
        platform: which.
        pool: connections as the writer role, for this platform alone: where its tables are locked, others
            go on.
        retry_policy: waits while PostgreSQL is down.
        figures: what is counted, of all platforms.
        max_records: the size of a batch that goes out at once.
        max_wait_s: how long the first record of a smaller batch waits for company.
        max_writes: batches written at the same time.
        stay_gap: after how long without a message somebody is taken to have left; None of a platform that
            tells who comes and goes where messages are said.
    """

    def __init__(
        self,
        platform: str,
        pool: asyncpg.Pool,
        retry_policy: RetryPolicy,
        figures: MessageFigures,
        *,
        max_records: int,
        max_wait_s: float,
        max_writes: int,
        stay_gap: timedelta | None,
    ) -> None:
        super().__init__(
            pool,
            retry_policy,
            key=rows_of.key_of,
            max_items=max_records,
            max_wait_s=max_wait_s,
            max_writes=max_writes,
        )
        self.platform = platform
        self.figures = figures
        figures.start_from_zero(platform)
        self._gap = stay_gap
        #: When a room was brought up to date, by `time.monotonic()`, and since when it is known to be there.
        self._rooms: Lately[tuple[float, int]] = Lately(REMEMBERED)
        #: The name of a person, and when they were seen with it.
        self._names: Lately[tuple[str, int]] = Lately(REMEMBERED)
        self._being_written: set[asyncio.Future[None]] = set()

    async def write(self, items: Sequence[tuple[Record, Source]]) -> list[tuple[Source, BadRecord]]:
        """Write records once each; return what those were decoded from that can never be stored, and why.

        What was submitted before a clear is written before it.

        Raises:
            CannotGoOn: PostgreSQL refuses in a way that neither waiting nor leaving out a record mends.
        """
        clears = [item for item in items if type(item[0]) is ClearRecord]
        if not clears:
            return await self._submit(items)
        earlier = set(self._being_written)
        refused = await self._submit([item for item in items if type(item[0]) is not ClearRecord])
        if earlier:
            await asyncio.wait(earlier)
        return refused + await self._submit(clears)

    async def _submit(self, items: Sequence[tuple[Record, Source]]) -> list[tuple[Source, BadRecord]]:
        done = asyncio.get_running_loop().create_future()
        self._being_written.add(done)
        try:
            return await super().write(items)
        finally:
            self._being_written.discard(done)
            done.set_result(None)

    def _note_batch(self, size: int, rows: int, refused: list[BadRecord], seconds: float) -> None:  # noqa: ARG002  rows are counted with the duplicates
        self.figures.note_batch(self.platform, size, len(refused), seconds)

    async def _insert(self, batch: Sequence[Batched[Record]]) -> int:
        done = _Done()
        try:
            records = rows_of.RecordBatch.of([record for record, _, _ in batch])
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_SQL.end_if_left_alone)
                late = await self._write_messages(connection, records, done)
                if records.has_changes:
                    await self._keep_changes(connection, records)
                if late or records.edits or records.deletions:
                    await self._catch_up(connection, late, [*records.edits, *records.deletions])
                for clear in records.clears:
                    await self._apply_clear(connection, clear)
        except DRIVER_ERRORS as error:
            raise classify(error) from None  # the chain could quote the row
        except (ValueError, OverflowError):
            raise BadRecord(Reason.UNKNOWN_VALUE, "an id or a time that is none") from None
        self._rooms.note(done.rooms)
        self._names.note(done.names)
        self._count(records, done.rows)
        return done.rows

    # -- messages

    async def _write_messages(
        self, connection: Connection, records: rows_of.RecordBatch, done: _Done
    ) -> list[str]:
        """Have messages as rows; return the ids of those that may have been changed before they came."""
        if self._gap is None:
            said = [*records.messages, *records.left_out]
            records.presences.extend(rows_of.said_while_present(each) for each in said if each.author_id)
        conversations, done.rooms = self._conversations_of(records.messages)
        people, done.names = self._names_of([*records.messages, *records.left_out, *records.presences])
        left_out = [] if self._gap is None else records.left_out
        contenders: dict[str, tuple[int | None, MessageRecord]] = {}
        late: list[str] = []
        if records.messages or left_out or people:
            written = await self._insert_messages(
                connection, records.messages, conversations, left_out=left_out, people=people
            )
            done.rows += written["rows"]
            if written["rows"] < len(records.messages):
                contenders = {source_of(each.id): (None, each) for each in reversed(records.messages)}
            if written["is_late"]:
                late += [each.id for each in records.messages]
        if told := _told_by(records.edits):
            messages = [message for _, message in told.values()]
            conversations, rooms = self._conversations_of(messages)
            written = await self._insert_messages(connection, messages, conversations, want_ids=True)
            done.rows += written["rows"]
            done.rooms |= rooms
            made = {source_of(str(each)) for each in written["ids"]}
            await connection.execute(
                _SQL.note_told_by_updates,
                list(made),
                [moment(told[source][0]) for source in made],
            )
            late += [str(each) for each in written["ids"]]
            contenders = {
                **{source: one for source, one in told.items() if source not in made},
                **contenders,
            }
        if contenders:
            late += await self._tell_again(connection, contenders)
        return late

    async def _insert_messages(
        self,
        connection: Connection,
        messages: Sequence[MessageRecord],
        conversations: Sequence[rows_of.Row] = (),
        *,
        left_out: Sequence[MessageRecord] = (),
        people: Sequence[rows_of.Row] = (),
        want_ids: bool = False,
    ) -> asyncpg.Record:
        asked = [
            {"id": each.id, "timestamp": each.timestamp, "channel": each.channel, "author_id": each.author_id}
            for each in left_out
        ]
        (written,) = await connection.fetch(
            _INSERT,
            self.platform,
            rows_of.as_json([rows_of.message_row(each) for each in messages]),
            rows_of.as_json(conversations),
            [each.id for each in messages if each.mirrored],
            rows_of.as_json(asked),
            rows_of.as_json(people),
            self._gap,
            want_ids,
        )
        return written  # the statement returns one row

    async def _tell_again(
        self, connection: Connection, contenders: Mapping[str, tuple[int | None, MessageRecord]]
    ) -> list[str]:
        """Have rows that updates made as earlier tellers say; return the ids of those."""
        rivals = await connection.fetch(_SQL.find_told_by_updates, list(contenders))
        better: dict[str, tuple[int | None, MessageRecord]] = {}
        for rival in rivals:
            source = str(rival["source"])
            told, message = contenders[source]
            if told is None or moment(told) < rival["told"]:
                better[source] = told, message
        if not better:
            return []
        messages = [message for _, message in better.values()]
        ids = [each.id for each in messages]
        await connection.execute(_SQL.plan_for_one_platform)
        await connection.execute(
            _SQL.tell_again,
            self.platform,
            rows_of.as_json([rows_of.message_row(each) for each in messages]),
            *span_of(ids),
        )
        updates = {source: told for source, (told, _) in better.items() if told is not None}
        await connection.execute(
            _SQL.note_told_by_updates, list(updates), [moment(told) for told in updates.values()]
        )
        await connection.execute(
            _SQL.forget_told_by_updates, [each for each in better if each not in updates]
        )
        return ids

    def _conversations_of(
        self, messages: Iterable[MessageRecord]
    ) -> tuple[list[rows_of.Row], dict[str, tuple[float, int]]]:
        """Return which conversations to bring up to date, and what to note of rooms among them."""
        firsts: dict[str, MessageRecord] = {}
        for message in messages:  # by id, so the first of a conversation is its earliest
            firsts.setdefault(message.conversation_id, message)
        now = time.monotonic()
        rows: list[rows_of.Row] = []
        rooms: dict[str, tuple[float, int]] = {}
        for conversation, first in firsts.items():
            if first.kind == "channel":
                known = self._rooms.get(conversation)
                if known and now - known[0] < ROOM_EVERY_S and known[1] <= first.timestamp:
                    continue
                rooms[conversation] = now, min(first.timestamp, known[1] if known else first.timestamp)
            rows.append(
                {
                    "id": conversation,
                    "channel": first.channel,
                    "external_id": first.conversation,
                    "kind": first.kind,
                    "title": first.channel_name,
                }
            )
        return rows, rooms

    def _names_of(
        self, records: Iterable[MessageRecord | PresenceRecord]
    ) -> tuple[list[rows_of.Row], dict[str, tuple[str, int]]]:
        """Return what people are called, where this process has not said so lately."""
        latest: dict[str, tuple[str, int]] = {}
        for record in records:
            person, name = record.author_id, record.author_name
            if person is not None and name is not None:
                before = latest.get(person)
                if before is None or (record.timestamp, name) > (before[1], before[0]):
                    latest[person] = name, record.timestamp
        news = {}
        for person, (name, named) in latest.items():
            known = self._names.get(person)
            if known is None or named >= known[1] + (NAME_EVERY_MS if name == known[0] else 0):
                news[person] = name, named
        rows = [{"person_id": person, "name": name, "named": named} for person, (name, named) in news.items()]
        return rows, news

    # -- what becomes of them

    async def _keep_changes(self, connection: Connection, records: rows_of.RecordBatch) -> None:
        for statement, changes, key in (
            (_SQL.add_texts, map(rows_of.text_row, records.edits), ("source", "kind", "changed")),
            (_SQL.add_deletions, map(rows_of.deletion_row, records.deletions), ("source", "changed")),
            (_SQL.add_clears, map(rows_of.clear_row, records.clears), ("channel", "author_id", "cleared")),
            (_SQL.add_presences, map(rows_of.presence_row, records.presences), ("source",)),
            (_SQL.add_feedback, map(rows_of.feedback_row, records.feedback), ("source",)),
            (_SQL.add_parents, map(rows_of.parent_row, records.parents), ("channel",)),
            (_SQL.add_sessions, map(rows_of.session_row, records.sessions), ("id",)),
        ):
            for wave in rows_of.waves(changes, *key):
                await connection.execute(statement, self.platform, rows_of.as_json(wave))

    async def _catch_up(
        self, connection: Connection, late: Sequence[str], changes: Sequence[EditRecord | DeletionRecord]
    ) -> None:
        """Apply to rows what came before them, and what comes now."""
        await apply_earlier_clears(connection, self.platform, late)
        messages: dict[str, str | None] = {each.source: None for each in changes}
        messages |= {each.source: each.id for each in changes if each.id is not None}
        messages |= {source_of(each): each for each in late}
        await bring_up_to_date(connection, self.platform, messages)

    async def _apply_clear(self, connection: Connection, record: ClearRecord) -> None:
        cleared = moment(record.cleared)
        clear = Cleared(record.channel, record.author_id or "", cleared, record.deletion)
        since = cleared - CLEARED_BACK
        await apply_clear(connection, self.platform, clear, since=since, at_most=CLEARED_AT_ONCE)

    def _count(self, records: rows_of.RecordBatch, rows: int) -> None:
        platform, figures = self.platform, self.figures
        figures.rows.labels(platform).inc(rows)
        figures.duplicates.labels(platform).inc(max(0, len(records.messages) - rows))
        for op, changes in (
            ("edit", records.edits),
            ("deletion", records.deletions),
            ("clear", records.clears),
            ("feedback", records.feedback),
            ("parent", records.parents),
            ("session", records.sessions),
            ("presence", [each for each in records.presences if each.kind != "message"]),
        ):
            if changes:
                figures.changes.labels(platform, op).inc(len(changes))


def _told_by(edits: Iterable[EditRecord]) -> dict[str, tuple[int, MessageRecord]]:
    """Return the messages that updates tell the whole of, each with the time of the earliest such update."""
    told: dict[str, tuple[int, MessageRecord]] = {}
    for edit in edits:
        if edit.message is not None and edit.message.kept:
            changed, source = rows_of.changed_ms(edit), source_of(edit.message.id)
            if source not in told or changed < told[source][0]:
                told[source] = changed, edit.message
    return dict(sorted(told.items(), key=lambda one: one[1][1].id))
