"""Conversations and messages out of audit logs: one conversation a lead, one message an audit with text.

May be killed and run again at any time, also beside the workers: what was taken stays, and nothing is taken
twice (`sinks.postgres.audits`). While a batch is written, the next is read.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.backfill.audit_batches import AuditBatch
from app.backfill.audit_counts import AuditCounts
from app.backfill.audit_lines import AuditLines
from app.backfill.audit_sources import BadRow
from app.backfill.lead_book import LeadBook
from models.audits import SkipReason, message_of
from models.errors import BadRecord
from models.messages import MessageRole
from sinks.errors import SinkError
from sinks.postgres.audit_rows import talk_of
from sinks.postgres.audit_runs import RunStatus, begin_run, end_run, once_it_can
from sinks.postgres.audits import AuditHistory
from sinks.retry import RetryPolicy
from sinks.splitting import write_or_split

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import asyncpg

    from app.backfill.audit_sources import AuditSource
    from models.audits import Audit, AuditLead, AuditMessage
    from sinks.postgres.audit_rows import AuditsWritten


class AuditBackfill:
    """One run.

    Args:
        connection: where messages go: without a limit on statements, as the maintainer role, and its own.
        source: where audits come from.
        who: has it run.
        options: as they were given, for the record.
        dry_run: only tell what would come of it.
        say: told a line of each conversation, message and audit that is skipped; None where nobody asks.
        now: when it begins.
    """

    def __init__(
        self,
        connection: asyncpg.Connection[asyncpg.Record],
        source: AuditSource,
        *,
        who: str,
        options: Mapping[str, object],
        dry_run: bool = False,
        say: Callable[[str], None] | None = None,
        now: datetime | None = None,
    ) -> None:
        self.counts = AuditCounts()
        self.run: int | None = None
        self._connection = connection
        self._history = AuditHistory(connection)
        self._source = source
        self._who = who
        self._options = options
        self._dry_run = dry_run
        self._lines = AuditLines(say)
        self._told_at = (now or datetime.now(UTC)).isoformat(timespec="milliseconds")
        self._retries = RetryPolicy("backfill")

    async def take(self) -> AuditCounts:
        """Take all that the source has; return what came of it.

        Raises:
            SinkError: the database is down, or refuses. SourceUnreadable, UnfitColumns: of the source.
            RunEnded: it is being rolled back. What was taken before stays, whatever is raised.
        """
        if self._dry_run:
            await self._take()
            return self.counts
        self.run = await begin_run(self._connection, self._who, self._source.name, self._options)
        ended = RunStatus.FAILED
        try:
            await self._take()
            ended = RunStatus.FINISHED
        except (asyncio.CancelledError, KeyboardInterrupt):
            ended = RunStatus.INTERRUPTED
            raise
        finally:
            await self._end(self.run, ended)
        return self.counts

    async def _end(self, run: int, ended: RunStatus) -> None:
        try:
            await end_run(self._connection, run, ended, self.counts.as_row())
        except SinkError:
            # Its record goes on to say that it runs, and since when it wrote nothing.
            if ended is RunStatus.FINISHED:
                raise

    async def _take(self) -> None:
        await self._history.read_opt_outs()
        with LeadBook() as book:
            async for leads in self._source.leads():
                good = [lead for lead in leads if not isinstance(lead, BadRow)]
                self._note_errors(leads)
                book.add_leads(good)
                if self.run is not None:
                    await self._note_leads(self.run, good)
            await self._take_audits(book)

    async def _note_leads(self, run: int, leads: Sequence[AuditLead]) -> None:
        await once_it_can(self._connection, self._retries, lambda: self._history.note_leads(run, leads))

    async def _take_audits(self, book: LeadBook) -> None:
        batch, writing = AuditBatch(), None
        try:
            async for chunk in self._source.audits():
                self._note_errors(chunk)
                self._sort(chunk, book, batch)
                if batch.is_full:
                    if writing is not None:
                        await writing
                    writing = asyncio.create_task(self._write(batch, book))
                    batch = AuditBatch()
            if writing is not None:
                await writing
            writing = None
            await self._write(batch, book)
        finally:
            if writing is not None:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    def _note_errors(self, rows: Sequence[object]) -> None:
        for row in rows:
            if isinstance(row, BadRow):
                self._fail(row)

    def _fail(self, row: BadRow) -> None:
        self.counts.note_error(row)
        self._lines.error(row)

    # -- what is read

    def _sort(self, chunk: Sequence[Audit | BadRow], book: LeadBook, batch: AuditBatch) -> None:
        """Put what audits tell into a batch, and those that tell nothing."""
        audits = [each for each in chunk if not isinstance(each, BadRow)]
        self.counts.audits += len(audits)
        leads = book.leads({each.lead_id for each in audits if each.lead_id})
        for audit in audits:
            try:
                told = message_of(audit)
            except BadRecord as error:
                self._fail(BadRow(f"audit {audit.id}", error.detail))
                continue
            if isinstance(told, SkipReason):
                batch.skip(audit, told)
            elif (lead := leads.get(told.lead_id)) is None:
                batch.skip(audit, SkipReason.ORPHAN, told)
            elif told.role == MessageRole.USER and self._history.is_out(lead.subject_id, audit.at_ms):
                batch.skip(audit, SkipReason.OPTED_OUT, told)
            else:
                self._put(told, batch)

    def _put(self, told: AuditMessage, batch: AuditBatch) -> None:
        first = batch.add(told)
        if first is told:
            return
        if first.digest == told.digest:
            self.counts.old_messages += 1
        else:
            self._change(told.audit.id)

    def _change(self, audit: str) -> None:
        self.counts.changed += 1
        self._lines.changed(audit)

    def _skip(self, audit: str, actor: str, why: SkipReason) -> None:
        if why is SkipReason.UNKNOWN_ACTOR:
            self.counts.note_actor(actor)
        else:
            self.counts.skipped[why] += 1
        self._lines.skipped(audit, why)

    # -- what is written

    async def _write(self, batch: AuditBatch, book: LeadBook) -> None:
        """Write messages, halved where one of them is refused, and count what is skipped."""

        async def write(some: Sequence[AuditMessage]) -> int:
            written = await once_it_can(self._connection, self._retries, lambda: self._written(some, book))
            self.counts.note_written(written)
            book.add_met([*written.new_talks, *written.old_talks])
            self._lines.written(written, {each.audit.id: each for each in some})
            return len(written.made)

        await self._count_skipped(batch, book)
        _, refused = await write_or_split(list(batch.messages.values()), write)
        for message, why in refused:
            self._fail(BadRow(f"audit {message.audit.id}", why.detail))

    async def _count_skipped(self, batch: AuditBatch, book: LeadBook) -> None:
        """Count audits of which no message is made, or as changed where there is one of them."""
        audits = [each.id for each in batch.skipped]
        taken = await once_it_can(self._connection, self._retries, lambda: self._history.taken(audits))
        changed = batch.changed({**book.audits(audits), **taken})
        for each in batch.skipped:
            if each.id in changed:
                self._change(each.id)
            else:
                self._skip(each.id, each.actor, each.why)

    async def _written(self, messages: Sequence[AuditMessage], book: LeadBook) -> AuditsWritten:
        if self.run is None:
            return await self._look(messages, book)
        return await self._store(messages, book, self.run)

    async def _store(self, messages: Sequence[AuditMessage], book: LeadBook, run: int) -> AuditsWritten:
        of = {each.lead_id for each in messages}
        return await self._history.write(
            run,
            messages,
            book.leads(of),
            book.met(of),
            told_at=self._told_at,
            counts_with=lambda written: self.counts.with_written(written).as_row(),
        )

    async def _look(self, messages: Sequence[AuditMessage], book: LeadBook) -> AuditsWritten:
        """Return what writing messages would come to, with all that would have been written before."""
        before = book.audits(each.audit.id for each in messages)
        unseen = [each for each in messages if each.audit.id not in before]
        again = [each for each in messages if each.audit.id in before]
        met = book.met({each.lead_id for each in messages})
        written = await self._history.look(unseen, met)
        ids = set(written.made)
        made = {each.audit.id: each for each in unseen if each.audit.id in ids}
        book.add_audits({audit: each.digest for audit, each in made.items()})
        leads = book.leads({each.lead_id for each in made.values()} - met - written.old_talks.keys())
        written.new_talks = {lead: talk_of(told) for lead, told in leads.items()}
        changed = [each.audit.id for each in again if before[each.audit.id] != each.digest]
        written.changed += changed
        written.there += len(again) - len(changed)
        return written
