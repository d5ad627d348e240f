"""What is appended becomes sums and stays: as if all had been worked out at once, whatever came when."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.postgres.connections import create_pool
from models.errors import Reason
from models.records import MessageRecord, PresenceRecord, Record
from models.stays import stays_of
from sinks.errors import CannotGoOn, ServiceDown
from sinks.postgres import settling
from sinks.sql import statements
from tests.services import in_own_loop
from tests.sinks.postgres.message_records import (
    CHANNEL,
    GAP,
    NOW_MS,
    clear,
    deletion_of,
    edit_of,
    fetch,
    message,
    presence,
    settler_on,
    sink_on,
)
from tests.sinks.sources import each_its_own_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from app.settings import Settings

MINUTE_MS = 60_000
EXAMPLES = 15
#: So that what a sample leaves out is young enough to be counted.
START_MS = round(time.time() * 1000) - 20 * 60 * MINUTE_MS
#: Longer than an index takes, and of nothing that could be compressed.
_RANDOM = random.Random(0).randbytes(2000).hex()
_EMPTY = (
    "TRUNCATE messages, conversations, people, sampled_out, presences, stays, stay_deltas, message_days, "
    "message_day_deltas"
)


def at(timestamp_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=timestamp_ms)


async def stays_in(pool: asyncpg.Pool) -> list[tuple[Any, ...]]:
    rows = await pool.fetch(
        "SELECT channel, person_id, joined, last_at, left_at, messages, told FROM stays ORDER BY 1, 2, 3, 7"
    )
    return [tuple(row) for row in rows]


def by_plain_definition(told: Sequence[Record], platform: str) -> list[tuple[Any, ...]]:
    """Return the stays as they are said to be, from everything at once."""
    seen: dict[tuple[str, str | None], set[tuple[str, datetime, str]]] = {}
    for each in told:
        if isinstance(each, MessageRecord):
            one = each.id, at(each.timestamp), "message"
        else:
            assert isinstance(each, PresenceRecord)
            one = each.source, at(each.timestamp), each.kind
        seen.setdefault((each.channel, each.author_id), set()).add(one)
    ends = seen.pop((CHANNEL, None), set())
    return sorted(
        (channel, person, stay.joined, stay.last_at, stay.left_at, stay.messages, stay.told)
        for (channel, person), theirs in seen.items()
        for stay in stays_of([(moment, kind) for _, moment, kind in theirs | ends], GAP)
    )


@st.composite
def ways_to_come(draw: st.DrawFn, platform: str) -> list[list[Record]]:
    """Batches of what some people said and when they came and went: in any order, some of it again."""
    minutes = st.integers(0, 300)
    told: list[Record] = [
        message(
            number,
            platform=platform,
            author_id=draw(st.sampled_from("ab")),
            timestamp=START_MS + draw(minutes) * MINUTE_MS,
            kept=draw(st.integers(0, 3)) > 0,
        )
        for number in range(draw(st.integers(0, 12)))
    ]
    if platform == "vrchat":
        for number in range(draw(st.integers(0, 8))):
            kind = draw(st.sampled_from(["join", "leave", "join", "leave", "leave_all"]))
            person = None if kind == "leave_all" else draw(st.sampled_from("ab"))
            moment = START_MS + draw(minutes) * MINUTE_MS
            told.append(presence(number, kind, moment, person, platform=platform))
    again = draw(st.lists(st.sampled_from(told), max_size=4)) if told else []
    order = draw(st.permutations([*told, *again]))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
    return [order[since:until] for since, until in itertools.pairwise([0, *cuts, len(order)])]


@pytest.mark.parametrize("platform", ["twitch", "vrchat"])
def test_stays_are_what_they_would_be_worked_out_at_once(database: Settings, platform: str) -> None:
    async def settled(batches: Sequence[Sequence[Record]]) -> list[tuple[Any, ...]]:
        pool = await create_pool(database.database, min_size=0)
        gap = None if platform == "vrchat" else GAP
        try:
            await pool.execute(_EMPTY)
            for number, batch in enumerate(batches):
                sink = sink_on(pool, platform=platform, stay_gap=gap)
                await sink.write(each_its_own_source(batch))
                # Several workers settle; sometimes what comes is not settled before more comes.
                if number % 3 < 2:
                    await asyncio.gather(*(settler_on(pool).settle() for _ in range(2)))
            await settler_on(pool).settle()
            return await stays_in(pool)
        finally:
            pool.terminate()

    @settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
    @given(ways_to_come(platform))
    def holds(batches: list[list[Record]]) -> None:
        told = [record for batch in batches for record in batch]
        assert in_own_loop(settled(batches)) == by_plain_definition(told, platform)

    holds()


async def test_more_than_a_transaction_may_do_is_settled_all_the_same(
    database: Settings, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "DELTAS", 3)
    monkeypatch.setattr(settling, "CLEARED", 2)
    said = [message(number, author_id=f"p{number}") for number in range(10)]
    long_ago = [message(20 + n, author_id="p", timestamp=NOW_MS - 10**9 - n) for n in range(5)]
    await sink_on(pool).write(each_its_own_source([*said, *long_ago]))
    await sink_on(pool).write(each_its_own_source([clear(NOW_MS + 100, "p")]))

    await settler_on(pool).settle()

    assert await pool.fetchval("SELECT sum(messages) FROM message_days") == 15
    assert await pool.fetchval("SELECT sum(messages) FROM stays") == 15
    assert await pool.fetchval("SELECT count(*) FROM messages WHERE deleted IS NOT NULL") == 5
    assert await pool.fetchval("SELECT bool_and(settled) FROM message_clears")
    assert await fetch(database, "SELECT FROM stay_deltas UNION ALL SELECT FROM message_day_deltas") == []


@pytest.mark.parametrize(
    "said",
    [
        message(1, role=_RANDOM),
        message(1, author_id=_RANDOM, timestamp=START_MS, kept=False),
        # In the year 294276, the last one that PostgreSQL has.
        message(1, id=message(1).id, timestamp=9_224_318_015_999_999),
    ],
    ids=["role", "person", "time"],
)
async def test_what_could_not_be_summed_up_is_refused_with_its_message(
    pool: asyncpg.Pool, said: MessageRecord
) -> None:
    """Hostile, as nothing that is captured is like that: one of them would hold up all that is settled."""
    (refused,) = await sink_on(pool).write(each_its_own_source([said, message(2)]))
    assert refused[1].reason is Reason.REJECTED_BY_DATABASE
    await settler_on(pool).settle()
    assert await pool.fetchval("SELECT sum(messages) FROM message_days") == 1


async def test_what_cannot_be_summed_up_is_told_and_does_not_hold_up_the_rest(pool: asyncpg.Pool) -> None:
    await pool.execute("ALTER TABLE message_days ADD CHECK (messages < 0)")
    await sink_on(pool).write(each_its_own_source([message(1)]))
    with pytest.raises(CannotGoOn, match="cannot be summed up"):
        await settler_on(pool).settle()
    assert await pool.fetchval("SELECT sum(messages) FROM stays") == 1


async def test_one_has_the_turn_and_the_others_leave_it_to_them(pool: asyncpg.Pool) -> None:
    await sink_on(pool).write(each_its_own_source([message(1)]))
    async with pool.acquire() as other, other.transaction():
        await other.execute(statements("settling").take_turn)
        await settler_on(pool).settle()
        assert await pool.fetchval("SELECT count(*) FROM message_day_deltas") == 1
    await settler_on(pool).settle()
    assert await pool.fetchval("SELECT count(*) FROM message_day_deltas") == 0


async def test_a_platform_whose_tables_are_held_does_not_hold_up_the_others(pool: asyncpg.Pool) -> None:
    said = {name: message(1, platform=name) for name in ("twitch", "discord")}
    for name, each in said.items():
        late = deletion_of(each, NOW_MS + 50, id=None)
        await sink_on(pool, platform=name).write(each_its_own_source([each, late]))
    async with pool.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE messages_twitch IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(ServiceDown):
            await settler_on(pool).settle()
        assert await pool.fetchval("SELECT deleted FROM messages_discord") == at(NOW_MS + 50)
        assert await pool.fetchval("SELECT sum(messages) FROM message_days") == 2
    await settler_on(pool).settle()
    assert await pool.fetchval("SELECT count(*) FROM messages WHERE deleted IS NOT NULL") == 2


async def test_a_change_that_its_message_did_not_see_is_looked_at_again(pool: asyncpg.Pool) -> None:
    said = message(1)
    async with pool.acquire() as other:
        writing = other.transaction()
        await writing.start()
        # As another process writes it, which sees no change that is not committed.
        await other.execute(
            "INSERT INTO messages (platform, id, timestamp, conversation_id, channel, role, "
            "author_id, content) "
            "VALUES ('twitch', $1, $2, $3, $4, 'user', 'a', 'text')",
            *(said.id, at(said.timestamp), said.conversation_id, CHANNEL),
        )
        changes: list[Record] = [edit_of(said, NOW_MS + 9), clear(NOW_MS + 10, "a", deletion="hide")]
        await sink_on(pool).write(each_its_own_source(changes))
        patient = settler_on(pool, settle_after=timedelta(minutes=1))
        await patient.settle()
        assert await pool.fetchval("SELECT count(*) FROM message_versions WHERE NOT settled") == 1
        await writing.commit()
    await patient.settle()
    assert await pool.fetchval("SELECT content FROM messages") == f"edited at {NOW_MS + 9}"
    await settler_on(pool).settle()
    assert await pool.fetchval("SELECT deletion FROM messages") == "hide"


async def test_what_a_sample_left_out_is_forgotten_after_two_days(pool: asyncpg.Pool) -> None:
    await pool.execute(
        "INSERT INTO sampled_out SELECT message_id_at(message_source(gen_random_uuid()), moment), moment "
        "FROM unnest($1::timestamptz[]) AS moment",
        [datetime.now(UTC) - timedelta(hours=hours) for hours in (1, 47, 50, 500)],
    )
    await settler_on(pool).settle()
    assert await pool.fetchval("SELECT count(*) FROM sampled_out") == 2
