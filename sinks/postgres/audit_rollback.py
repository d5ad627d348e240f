"""What a run of the backfill made of audits, taken away again: messages, conversations, and their counts.

In short transactions, lead by lead, each taking its turn with those of runs that write: killed, it is begun
again and goes on, as the record of an audit goes last. What others made stays, and so does the record of the
run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from models.audits import PLATFORM
from models.errors import ChatlogError, MustAct
from sinks.postgres.audit_runs import NoSuchRun, RunStatus, judged, once_it_can
from sinks.postgres.message_changes import span_of
from sinks.retry import RetryPolicy
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

Result = TypeVar("Result")

_SQL, _MESSAGES = statements("audits"), statements("messages")
#: Records that one transaction takes away: less than a second.
AT_ONCE = 2_000


class NotAllGone(ChatlogError):
    """Something is left of what should have gone."""

    must_act = MustAct.OPERATOR

    def __init__(self, run: int, records: int, messages: int) -> None:
        super().__init__(
            f"Run {run} is not rolled back as a whole: records of audits that are left: {records}; messages "
            f"of platform {PLATFORM} that no record tells of, whoever made them: {messages}"
        )


@dataclass(slots=True)
class TakenBack:
    """What has gone.

    Attributes:
        audits: how many records of audits.
        messages: how many messages; fewer where somebody else had deleted some.
        conversations: how many conversations in which nothing was left.
    """

    audits: int = 0
    messages: int = 0
    conversations: int = 0


class AuditRollback:
    """Takes back what one run made.

    What is asked raises ServiceDown when the connection is lost, and CannotGoOn where the database refuses.

    Attributes:
        gone: what has gone so far.

    Args:
        connection: without a limit on statements, as the maintainer role, and nobody else's.
        run: which run.
        lead: only what is of this lead; None for all.
    """

    def __init__(self, connection: Connection, run: int, lead: str | None = None) -> None:
        self._connection = connection
        self._run = run
        self._lead = lead
        self._retries = RetryPolicy("backfill")
        self.gone = TakenBack()

    async def take_back(self) -> None:
        """Take it back; `gone` tells how far that is.

        Raises:
            NoSuchRun: there is no such run.
            NotAllGone: something is left.
        """
        before = await self._do(self._begin)
        while audits := await self._do(self._unsay):
            await self._do(partial(self._forget, audits))
        await self._do(partial(self._end, before))

    async def _do(self, work: Callable[[], Awaitable[Result]]) -> Result:
        async def judge() -> Result:
            with judged():
                return await work()

        return await once_it_can(self._connection, self._retries, judge)

    async def _begin(self) -> RunStatus:
        """Have the run write no more; return how it had ended."""
        async with self._connection.transaction():
            await self._connection.execute(_SQL.take_turn)
            found = await self._connection.fetchrow(_SQL.find_runs, self._run)
            if found is None:
                raise NoSuchRun(self._run)
            # One that is still running is ended by this; of a killed one that is true, too.
            is_running = found["status"] == RunStatus.RUNNING
            before = RunStatus.INTERRUPTED if is_running else RunStatus(found["status"])
            begun = RunStatus.ROLLING_BACK if self._lead is None else before
            if begun != found["status"]:
                await self._connection.fetchval(_SQL.begin_rollback, self._run, begun)
        return before

    async def _unsay(self) -> list[str]:
        """Take back the next messages, and what they counted for; return the ids of their audits."""
        async with self._connection.transaction():
            await self._connection.execute(_SQL.take_turn)
            records = await self._connection.fetch(_SQL.find_records, self._run, self._lead, AT_ONCE)
            if not records:
                return []
            messages = [str(row["message_id"]) for row in records]
            await self._connection.execute(_MESSAGES.plan_for_one_platform)
            unsaid = await self._connection.fetch(_SQL.take_back, PLATFORM, messages, *span_of(messages))
            talks = [row["conversation_id"] for row in unsaid]
            await self._connection.execute(_SQL.tell_talks_again, PLATFORM, talks)
        self.gone.messages += sum(row["messages"] for row in unsaid)
        return [row["id"] for row in records]

    async def _forget(self, audits: list[str]) -> None:
        """Take back conversations in which nothing is left, whom they count, and the records.

        Whom they count after what was said has gone for all to see, or who counts people at this moment would
        count them in again; and in one transaction with the records, by which it is begun again.
        """
        async with self._connection.transaction():
            await self._connection.execute(_SQL.take_turn)
            await self._connection.execute(_MESSAGES.plan_for_one_platform)
            told = await self._connection.fetchrow(_SQL.find_told, self._run, audits)
            if told is None:
                return
            await self._connection.execute(_SQL.wait_for_counts, PLATFORM, told["days"])
            await self._connection.execute(_SQL.forget_weeks, PLATFORM, told["people"])
            records = await self._connection.fetchval(_SQL.drop_records, self._run, audits)
            empty = await self._connection.fetchval(_SQL.drop_empty_talks, PLATFORM, told["talks"])
        self.gone.audits += records
        self.gone.conversations += empty

    async def _end(self, before: RunStatus) -> None:
        """Make sure that nothing is left, and note that it has gone."""
        async with self._connection.transaction():
            await self._connection.execute(_SQL.take_turn)
            left = await self._connection.fetchrow(_SQL.count_left, self._run, self._lead, PLATFORM)
            records, messages = (left["records"], left["messages"]) if left else (0, 0)
            if records or messages:
                raise NotAllGone(self._run, records, messages)
            counts = {
                "audits_taken_back": self.gone.audits,
                "messages_taken_back": self.gone.messages,
                "conversations_taken_back": self.gone.conversations,
            }
            status = RunStatus.ROLLED_BACK if self._lead is None else before
            await self._connection.execute(
                _SQL.end_rollback, self._run, msgspec.json.encode(counts).decode(), status
            )
            await self._connection.execute(_SQL.drop_leads)
