"""Settles what writers append or cannot see: counts into days, stays, changes that missed their message.

Any number of workers may run it: one at a time has its turn, by a lock that ends with each transaction.
Every transaction is bounded, and what it does can be done again: a worker that dies in it changes nothing.

A message and a change of it that are written at one moment, by two processes, do not see each other. So what
waits for its message is looked at until every transaction of that moment has ended, and then no more: a
message that comes later looks for it.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from models.errors import BadRecord
from models.stays import stays_of
from sinks.errors import CannotGoOn, SinkError
from sinks.postgres.message_changes import Cleared, apply_clear, bring_up_to_date
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence
    from datetime import timedelta

    import asyncpg

    from sinks.postgres.message_changes import Connection

log = logging.getLogger(__name__)

_SQL, _CHANGES_SQL = statements("settling"), statements("messages")

#: How far behind figures and stays may be.
EVERY_S = 10.0
#: What one transaction does at most: deltas, people whose stays were told, ids that are forgotten, changes,
#: and messages that a clear takes back.
DELTAS, TOLD, FORGOTTEN, CHANGES, CLEARED = 20_000, 200, 10_000, 500, 2_000
#: Messages of a conversation that are looked through for one whose time nobody told: some tenths of a second.
LOOKED_THROUGH = 200_000
#: When nothing was said before.
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Settler:
    """Settles what belongs to some platforms.

    Args:
        pool: a connection as the writer role.
        platforms: whose messages there are. What holds one up does not hold up the others.
        tell_presence: those of them that tell who comes and goes where messages are said.
        stay_gap: after how long without a message somebody is taken to have left.
        settle_after: after how long every transaction that wrote something has ended.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        platforms: Sequence[str],
        tell_presence: Collection[str],
        *,
        stay_gap: timedelta,
        settle_after: timedelta,
    ) -> None:
        self._pool = pool
        self._platforms = platforms
        self._tell_presence = tell_presence
        self._stay_gap = stay_gap
        self._settle_after = settle_after
        self._trouble = Trouble(log, over="Days, stays and changes of messages are settled again")

    async def keep_settled(self) -> None:
        """Settle now and again, until cancelled. What fails is told in the log and tried again."""
        while True:
            try:
                await self.settle()
            except SinkError as error:
                self._trouble.note(
                    "Days, stays and changes of messages cannot be settled; tried again",
                    {"error": str(error)},
                )
            else:
                self._trouble.end()
            await asyncio.sleep(EVERY_S)

    async def settle(self) -> None:
        """Settle all there is, unless another has the turn.

        Raises:
            SinkError: some of it could not be settled; the rest was.
        """
        failed: SinkError | None = None
        changes: list[Callable[[Connection], Awaitable[bool]]] = [
            partial(apply, platform)
            for platform in self._platforms
            for apply in (self._apply_versions, self._apply_clears)
        ]
        parts = (self._fold_days, self._fold_stays, self._work_out_told_stays, self._prune, *changes)
        for settle in parts:
            try:
                while await self._in_turn(settle):
                    pass
            except SinkError as error:
                failed = error
        if failed:
            raise failed

    async def _in_turn(self, settle: Callable[[Connection], Awaitable[bool]]) -> bool:
        """Settle something in one transaction; return whether there is more, and the turn is ours."""
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                if not await connection.fetchval(_SQL.take_turn):
                    return False
                await connection.execute(_SQL.wait_briefly)
                return await settle(connection)
        except DRIVER_ERRORS as error:
            judged = classify(error)
            if isinstance(judged, BadRecord):
                # It was stored before, so it is no record that could be left out.
                judged = CannotGoOn(f"What was written cannot be summed up: {judged.detail}")
            raise judged from None  # the chain could quote a row

    async def _fold_days(self, connection: Connection) -> bool:
        folded: int = await connection.fetchval(_SQL.fold_days, DELTAS)
        return folded == DELTAS

    async def _fold_stays(self, connection: Connection) -> bool:
        folded: int = await connection.fetchval(_SQL.fold_stays, DELTAS, self._stay_gap)
        return folded == DELTAS

    async def _prune(self, connection: Connection) -> bool:
        gone: int = await connection.fetchval(_SQL.prune_sampled_out, FORGOTTEN)
        return gone == FORGOTTEN

    async def _work_out_told_stays(self, connection: Connection) -> bool:
        news = await connection.fetch(_SQL.take_told, TOLD)
        for platform, channel, person in news:
            told = await connection.fetch(_SQL.read_presences, platform, channel, person)
            all_of_them = platform in self._tell_presence
            await connection.execute(_SQL.forget_told_stays, platform, channel, person, all_of_them)
            stays = stays_of([(row["timestamp"], row["kind"]) for row in told], self._stay_gap)
            await connection.execute(
                _SQL.keep_told_stays,
                *(platform, channel, person),
                [stay.joined for stay in stays],
                [stay.last_at for stay in stays],
                [stay.left_at for stay in stays],
                [stay.messages for stay in stays],
                [stay.told for stay in stays],
            )
        return bool(news)

    async def _apply_versions(self, platform: str, connection: Connection) -> bool:
        """Look for the messages of changes that wait for theirs."""
        waiting = await connection.fetch(_SQL.find_unsettled_versions, platform, CHANGES, self._settle_after)
        messages: dict[str, str | None] = {}
        await connection.execute(_CHANGES_SQL.plan_for_one_platform)
        for row in waiting:
            found = row["id"]
            if found is None and row["is_due"] and row["conversation_id"] is not None:
                found = await connection.fetchval(
                    _SQL.find_by_source,
                    *(platform, row["conversation_id"], row["source"], row["changed"], LOOKED_THROUGH),
                )
            messages.setdefault(str(row["source"]), None)
            if found is not None:
                messages[str(row["source"])] = str(found)
        await bring_up_to_date(connection, platform, messages)
        due = [row["source"] for row in waiting if row["is_due"]]
        await connection.execute(_SQL.note_versions_settled, due, self._settle_after)
        return len(due) == CHANGES

    async def _apply_clears(self, platform: str, connection: Connection) -> bool:
        """Take back what clears did not see, or had not the time for."""
        waiting = await connection.fetch(_SQL.find_unsettled_clears, platform, 1, self._settle_after)
        for row in waiting:
            clear = Cleared(*row)
            taken = await apply_clear(connection, platform, clear, since=_LONG_AGO, at_most=CLEARED)
            if taken < CLEARED:
                await connection.execute(
                    _SQL.note_clear_settled, platform, clear.channel, clear.author_id, clear.cleared
                )
        return bool(waiting)
