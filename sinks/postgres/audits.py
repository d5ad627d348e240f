"""Messages that audits tell of → rows, once each, with the record of what was taken.

A batch is one transaction: its messages, by the workers' own statement with all that is counted of them, the
audits' records, and what the run has done so far. So a run that is killed has done what its record says, and
another one goes on from there. Batches of two runs take turns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.audits import PLATFORM
from models.messages import ConversationKind, MessageRole
from sinks.postgres.audit_rows import AuditsWritten, AuditTalk, record_of, row_of, talk_of
from sinks.postgres.audit_runs import judged, note_run
from sinks.postgres.message_changes import moment
from sinks.postgres.message_rows import as_json
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import asyncpg

    from models.audits import AuditLead, AuditMessage
    from sinks.postgres.message_rows import MessageRow

    Connection = asyncpg.Connection[asyncpg.Record]

_SQL, _MESSAGES = statements("audits"), statements("messages")
_DAY_MS = 24 * 60 * 60 * 1000


class AuditHistory:
    """Writes what audits tell.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        connection: without a limit on statements, as the maintainer role, and nobody else's.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._months: set[str] = set()
        #: From when to when somebody is not recorded, in ms since 1970.
        self._opted_out: dict[str, list[tuple[int, int | None]]] = {}

    async def read_opt_outs(self) -> None:
        """Learn who is not recorded."""
        with judged():
            for row in await self._connection.fetch(_SQL.find_opted_out, PLATFORM):
                self._opted_out.setdefault(row["person_id"], []).append((row["since_ms"], row["until_ms"]))

    def is_out(self, person: str, at_ms: int) -> bool:
        """Tell whether somebody was not to be recorded at a time."""
        return any(
            since <= at_ms and (until is None or at_ms < until)
            for since, until in self._opted_out.get(person, ())
        )

    async def note_leads(self, run: int, leads: Sequence[AuditLead]) -> None:
        """Keep that there are these leads."""
        rows = [
            {"id": lead.id, "created_ms": lead.created_ms} for lead in {one.id: one for one in leads}.values()
        ]
        with judged():
            await self._connection.execute(_SQL.note_leads, run, as_json(rows))

    async def taken(self, audits: Collection[str]) -> dict[str, bytes]:
        """Return the digests of those of these audits that were taken."""
        if not audits:
            return {}
        with judged():
            rows = await self._connection.fetch(_SQL.find_audits, list(audits))
        return {row["id"]: row["digest"] for row in rows}

    async def look(self, messages: Sequence[AuditMessage], met: Collection[str]) -> AuditsWritten:
        """Return what writing these would come to, and write nothing.

        Args:
            messages: no two of one audit.
            met: leads that the caller has met.
        """
        with judged():
            written, new, _ = await self._sort(messages, met)
        written.made = [each.audit.id for each in new]
        return written

    async def write(
        self,
        run: int,
        messages: Sequence[AuditMessage],
        leads: Mapping[str, AuditLead],
        met: Collection[str],
        *,
        told_at: str,
        counts_with: Callable[[AuditsWritten], Mapping[str, object]],
    ) -> AuditsWritten:
        """Write messages, those that are not there yet, in one transaction.

        Args:
            run: which makes them.
            messages: no two of one audit.
            leads: those that they are of.
            met: leads that the caller has met.
            told_at: when the run began, in ISO 8601.
            counts_with: what the run has done with this batch, for its record.

        Raises:
            BadRecord: one of them is refused for what it says.
            RunEnded: what the run made is being taken back.
        """
        with judged():
            await self._make_months(messages)
            async with self._connection.transaction():
                await self._connection.execute(_SQL.take_turn)
                written, new, talks = await self._sort(messages, met)
                if new:
                    await self._write_new(run, new, leads, talks, written, told_at)
                await note_run(self._connection, run, counts_with(written))
        return written

    async def _sort(
        self, messages: Sequence[AuditMessage], met: Collection[str]
    ) -> tuple[AuditsWritten, list[AuditMessage], dict[str, AuditTalk]]:
        """Return what there is of these, those of which there is nothing, and the conversations there are.

        Also of leads that were met: somebody may have taken theirs back since.
        """
        known = await self.taken([each.audit.id for each in messages])
        talks = await self._find_talks({each.lead_id for each in messages})
        written, new = AuditsWritten(), []
        written.old_talks = {lead: talk for lead, talk in talks.items() if lead not in met}
        for each in messages:
            digest = known.get(each.audit.id)
            if digest is None:
                if self._is_unheard(each, talks.get(each.lead_id)):
                    written.opted_out.append(each.audit.id)
                else:
                    new.append(each)
            elif digest == each.digest:
                written.there += 1
            else:
                written.changed.append(each.audit.id)
        return written, new, talks

    def _is_unheard(self, message: AuditMessage, talk: AuditTalk | None) -> bool:
        # Of a lead that goes by another number now, what they said is still kept as that of the one before.
        return (
            talk is not None
            and message.role == MessageRole.USER
            and self.is_out(talk.subject_id, message.audit.at_ms)
        )

    async def _find_talks(self, leads: Collection[str]) -> dict[str, AuditTalk]:
        if not leads:
            return {}
        rows = await self._connection.fetch(_SQL.find_talks, list(leads))
        return {row["lead_id"]: AuditTalk(str(row["id"]), row["channel"], row["subject_id"]) for row in rows}

    async def _write_new(
        self,
        run: int,
        new: Sequence[AuditMessage],
        leads: Mapping[str, AuditLead],
        talks: Mapping[str, AuditTalk],
        written: AuditsWritten,
        told_at: str,
    ) -> None:
        written.new_talks = {
            lead: talk_of(leads[lead]) for lead in sorted({each.lead_id for each in new} - talks.keys())
        }
        known = {**talks, **written.new_talks}
        ids = {each.audit.id: each.id for each in new}
        rows = sorted(
            (row_of(each, ids[each.audit.id], known[each.lead_id]) for each in new), key=lambda row: row.id
        )
        made = await self._insert(rows, {each.lead_id: known[each.lead_id] for each in new})
        # A message that is there without a record is not this run's to take back.
        written.made = [audit for audit, message in ids.items() if message in made]
        written.there += len(new) - len(written.made)
        await self._connection.execute(
            _SQL.keep_audits,
            run,
            as_json([record_of(each, ids[each.audit.id]) for each in new if ids[each.audit.id] in made]),
        )
        if written.new_talks:
            await self._tell_talks(run, written.new_talks, leads, told_at)

    async def _insert(self, rows: Sequence[MessageRow], talks: Mapping[str, AuditTalk]) -> set[str]:
        """Write rows; return the ids of those that were not there."""
        conversations = [
            {
                "id": talk.id,
                "channel": talk.channel,
                "external_id": lead,
                "kind": ConversationKind.DIALOGUE,
            }
            for lead, talk in talks.items()
        ]
        # Nothing edits, deletes or clears these, nobody is sampled, and who talks with a lead stays nowhere.
        (written,) = await self._connection.fetch(
            _MESSAGES.insert_messages,
            PLATFORM,
            as_json(rows),
            as_json(conversations),
            [],
            "[]",
            "[]",
            None,
            True,
        )
        return {str(each) for each in written["ids"]}

    async def _tell_talks(
        self, run: int, talks: Mapping[str, AuditTalk], leads: Mapping[str, AuditLead], told_at: str
    ) -> None:
        told = [
            {
                "id": talk.id,
                "subject_id": talk.subject_id,
                "metadata": leads[lead].metadata(told_at),
                "created_ms": leads[lead].created_ms,
            }
            for lead, talk in talks.items()
        ]
        await self._connection.execute(_SQL.tell_talks, as_json(told))
        named = [{"lead_id": lead, "id": talk.id} for lead, talk in talks.items()]
        await self._connection.execute(_SQL.note_talks, run, as_json(named))

    async def _make_months(self, messages: Sequence[AuditMessage]) -> None:
        """Make the partitions of months that are not there, so that nothing waits in the default one."""
        days = {each.audit.at_ms // _DAY_MS for each in messages}
        times = {(at := moment(day * _DAY_MS)).strftime("%Y-%m"): at for day in days}
        if new := times.keys() - self._months:
            months = [times[month] for month in new]
            back = await self._connection.fetchval(_SQL.months_missing, PLATFORM, months)
            if back is not None:
                await self._connection.fetch(_SQL.make_months, PLATFORM, back)
            self._months |= new
