"""Dead letters for those who may see and settle them, by the API and its pages; each asks `may`.

A dead letter is the tenant's as a whole; a caller who is narrowed to a platform reaches those that came from
its topics. What one holds is what somebody said: it is for those who may read all messages there.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from app.dead_letters.box import DeadLetterBox, Filter
from app.dead_letters.rows import Drop, OfOneReason, Replay, ToldLetter
from app.errors import NotFound
from app.postgres.answers import answer_within
from models.access import DEFAULT_TENANT, Action, Reach, Thing, events_thing, may, widest_reach
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    import asyncpg

    from app.dead_letters.box import KeptDeadLetter
    from models.access import Caller

#: Rows that are dropped, or written down for a replay, by one statement.
BATCH = 5_000
#: How long a request may go on dropping, or writing down, before it says how much is left.
SETTLE_WITHIN_S = 10.0
#: How long a request waits for a replay that may be over at once.
SOON_S = 2.0
_LOOK_EVERY_S = 0.1

_SQL = statements("dead_letters")


class NoSuchDeadLetter(NotFound):
    """There is no such dead letter, or it is not the caller's to see."""

    def __init__(self) -> None:
        super().__init__("There is no dead letter of this number: it may have been dropped.")


class NoSuchReplay(NotFound):
    """There is no such replay, or nothing of it is the caller's to see."""

    def __init__(self) -> None:
        super().__init__("There is no such replay: its dead letters may have been dropped since.")


class DeadLetters:
    """Finds, shows, replays and drops dead letters.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections that may read, mark and delete dead letters.
        platforms: whose records each topic holds.
        on_replay: called when there is something to put back.
    """

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        platforms: Mapping[str, str],
        on_replay: Callable[[], None],
    ) -> None:
        self._pool = pool
        self._platforms = platforms
        self._on_replay = on_replay

    def platform_of(self, topic: str) -> str | None:
        """Return whose records a topic holds; None if it is none of ours."""
        return self._platforms.get(topic)

    def may_read_content(self, caller: Caller, topic: str) -> bool:
        """Tell whether the caller may read what a dead letter of a topic holds: what somebody said."""
        thing = self._thing(topic)
        reads_all = widest_reach(caller, Action.READ_MESSAGES) is Reach.TENANT
        return reads_all and all(
            may(caller, action, thing) for action in (Action.READ_DEAD_LETTERS, Action.READ_MESSAGES)
        )

    async def sum_up(
        self, caller: Caller, wanted: Filter, action: Action = Action.READ_DEAD_LETTERS
    ) -> list[OfOneReason]:
        """Return how many there are of those that are meant, the most frequent first.

        Args:
            caller: who asks.
            wanted: which are meant.
            action: what is to be done with them.
        """
        reached = self._reached(caller, wanted, action)
        if reached is None:
            return []
        async with answer_within():
            rows = await self._pool.fetch(_SQL.sum_up_dead_letters, *reached)
        return [OfOneReason(**row) for row in rows]

    async def page(
        self, caller: Caller, wanted: Filter, *, limit: int, before: int | None = None
    ) -> list[ToldLetter]:
        """Return so many of those that are meant, the newest first, or those older than one."""
        if before is not None:
            up_to = before - 1 if wanted.up_to is None else min(wanted.up_to, before - 1)
            wanted = replace(wanted, up_to=up_to)
        reached = self._reached(caller, wanted, Action.READ_DEAD_LETTERS)
        if reached is None:
            return []
        async with answer_within():
            rows = await self._pool.fetch(_SQL.page_dead_letters, *reached, limit)
        return [ToldLetter.of(row) for row in rows]

    async def get(self, caller: Caller, id_: int) -> tuple[ToldLetter, KeptDeadLetter]:
        """Return a dead letter, and all that it holds, which is not for everybody (`may_read_content`).

        Raises:
            NoSuchDeadLetter: there is none.
        """
        told = await self.page(caller, Filter(ids=[id_]), limit=1)
        if not told:
            raise NoSuchDeadLetter
        async with answer_within(), self._pool.acquire() as connection:
            kept = await DeadLetterBox(connection).read([id_])
        if not kept:
            raise NoSuchDeadLetter
        return told[0], kept[0]

    async def ask_for_replay(self, caller: Caller, wanted: Filter) -> Replay:
        """Have those that are meant put back, which goes on by itself; return how far that is.

        What is about to be put back already stays part of the replay that was asked for before.
        """
        replay = uuid4()
        reached = self._reached(caller, wanted, Action.SETTLE_DEAD_LETTERS)
        if reached is None:
            return Replay(replay, 0, 0, 0, (), None)
        async with answer_within(SETTLE_WITHIN_S * 2):
            while await self._run(_SQL.ask_for_replay, *reached, BATCH, replay):
                continue
        self._on_replay()
        until = time.monotonic() + SOON_S
        found = await self._look_at(replay, None)
        while found.pending and time.monotonic() < until:
            await asyncio.sleep(_LOOK_EVERY_S)
            found = await self._look_at(replay, None)
        return found

    async def replay(self, caller: Caller, replay: UUID) -> Replay:
        """Return how far a replay is.

        Raises:
            NoSuchReplay: there is none.
        """
        reached = self._reached(caller, Filter(), Action.READ_DEAD_LETTERS)
        found = None if reached is None else await self._look_at(replay, reached[2])
        if found is None or not found.asked:
            raise NoSuchReplay
        return found

    async def stop_replay(self, caller: Caller, replay: UUID) -> int:
        """Put back no more of a replay; return how many are left where they were."""
        reached = self._reached(caller, Filter(), Action.SETTLE_DEAD_LETTERS)
        if reached is None:
            return 0
        async with answer_within():
            return await self._run(_SQL.stop_replay, replay, reached[2])

    async def drop(self, caller: Caller, wanted: Filter) -> Drop:
        """Delete those that are meant for ever, as many as there is time for."""
        reached = self._reached(caller, wanted, Action.SETTLE_DEAD_LETTERS)
        if reached is None:
            return Drop(0, 0)
        until, dropped = time.monotonic() + SETTLE_WITHIN_S, 0
        while time.monotonic() < until:
            async with answer_within():
                some = await self._run(_SQL.drop_some_dead_letters, *reached, BATCH)
            dropped += some
            if some < BATCH:
                return Drop(dropped, 0)
        left = await self.sum_up(caller, wanted, Action.SETTLE_DEAD_LETTERS)
        return Drop(dropped, sum(some.kept for some in left))

    async def _look_at(self, replay: UUID, topics: object) -> Replay:
        async with answer_within():
            (row,) = await self._pool.fetch(_SQL.look_at_replay, replay, topics)
        ids = tuple(row["impossible_ids"] or ())
        return Replay(replay, row["asked"], row["pending"], row["impossible"], ids, row["problem"])

    async def _run(self, statement: str, *arguments: object) -> int:
        """Return how many rows a statement changed."""
        return int((await self._pool.execute(statement, *arguments)).rpartition(" ")[2])

    def _reached(self, caller: Caller, wanted: Filter, action: Action) -> tuple[object, ...] | None:
        """Return the filter as statements take it, of what the caller may do this with; None for nothing."""
        topics = wanted.topics
        if not may(caller, action, Thing()):
            if caller.tenant != DEFAULT_TENANT:
                return None
            mine = {topic for topic in self._platforms if may(caller, action, self._thing(topic))}
            topics = sorted(mine if topics is None else mine & set(topics))
            if not topics:
                return None
        return (
            *(wanted.ids, wanted.reasons, topics, wanted.since, wanted.until),
            *(wanted.replayed, wanted.key, wanted.up_to),
        )

    def _thing(self, topic: str) -> Thing:
        platform = self._platforms.get(topic)
        return Thing() if platform is None else events_thing(platform)
