"""Who opted out: from when on, up to when, and what of the past goes with it, of nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from app.access import NotAllowed
from app.people.opt_outs import NoSuchPerson, NotOptedOut, OptOuts
from models.access import Caller, CallerRole
from models.ids import conversation_key, message_id, message_source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: Statements that leave something of a person ($1), or about their first message ($1::uuid).
_LEAVE_TRACES = (
    """INSERT INTO message_versions (platform, source, kind, changed, content)
    VALUES ('twitch', $1::uuid, 'edit', $2, 'said otherwise')""",
    """INSERT INTO message_feedback (platform, source, refers_to, value, given, author_id)
    VALUES ('twitch', gen_random_uuid(), $1::uuid, 1, $2, 'somebody else')""",
    """INSERT INTO message_feedback (platform, source, refers_to, value, given, author_id)
    VALUES ('twitch', gen_random_uuid(), gen_random_uuid(), 1, $2, $1)""",
    "INSERT INTO people (platform, person_id, name, named) VALUES ('twitch', $1, 'Name', $2)",
    """INSERT INTO stays (platform, channel, person_id, joined, last_at)
    VALUES ('twitch', '1', $1, $2, $2)""",
    """INSERT INTO stay_deltas (platform, channel, person_id, first, last)
    VALUES ('twitch', '1', $1, $2, $2)""",
    """INSERT INTO presences (platform, source, kind, channel, person_id, timestamp)
    VALUES ('twitch', gen_random_uuid(), 'join', '1', $1, $2)""",
    "INSERT INTO message_clears (platform, channel, author_id, cleared) VALUES ('twitch', '1', $1, $2)",
)

MODERATOR = Caller("moderator@example.org", roles=frozenset({CallerRole.MODERATOR}))
ANA, BEN = "733100221", "733100222"
SAID = datetime(2026, 9, 30, 23, 59, tzinfo=UTC)
#: Where something of a person is, by the column that names them.
TRACES = {
    "messages": "author_id",
    "people": "person_id",
    "stays": "person_id",
    "stay_deltas": "person_id",
    "presences": "person_id",
    "message_clears": "author_id",
    "message_feedback": "author_id",
}


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as made:
        yield made


@pytest.fixture
async def as_maintainer(database_url: str) -> AsyncIterator[OptOuts]:
    """As `chatlog people` has it: with no rights but those of its role."""

    async def take_the_role(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        await connection.execute("SET ROLE chatlog_maintainer")

    async with asyncpg.create_pool(database_url, min_size=1, max_size=1, init=take_the_role) as made:
        yield OptOuts(made)


async def record(pool: asyncpg.Pool[asyncpg.Record], person: str, months: int = 3) -> None:
    """Leave what there is of somebody: a message a month in a dialogue, one of them edited, and the rest."""
    for month in range(months):
        said = SAID + timedelta(days=31 * month)
        source_id = f"{person}-{month}"
        message = UUID(message_id("twitch", source_id, round(said.timestamp() * 1000)))
        conversation = UUID(conversation_key("twitch", "1", person))
        await pool.execute(
            """INSERT INTO messages (
                platform, id, timestamp, conversation_id, channel, role, author_id, content
            )
            VALUES ('twitch', $1, $2, $3, '1', 'user', $4, 'said')""",
            message,
            said,
            conversation,
            person,
        )
        await pool.execute(
            "INSERT INTO conversations AS c (id, platform, channel, external_id, started, last_at, captured) "
            "VALUES ($1, 'twitch', '1', $2, $3, $3, 1) "
            "ON CONFLICT (id) DO UPDATE SET captured = c.captured + 1, last_at = excluded.last_at",
            conversation,
            person,
            said,
        )
    source = UUID(message_source("twitch", f"{person}-0"))
    for statement in _LEAVE_TRACES:
        await pool.execute(statement, source if "$1::uuid" in statement else person, SAID)


async def left_of(pool: asyncpg.Pool[asyncpg.Record], person: str) -> dict[str, Any]:
    left = {
        table: await pool.fetchval(f"SELECT count(*) FROM {table} WHERE {column} = $1", person)
        for table, column in TRACES.items()
    }
    sources = [UUID(message_source("twitch", f"{person}-{month}")) for month in range(3)]
    for table, column in (("message_versions", "source"), ("message_feedback", "refers_to")):
        left[f"{table} of messages"] = await pool.fetchval(
            f"SELECT count(*) FROM {table} WHERE {column} = ANY ($1)", sources
        )
    left["captured"] = await pool.fetchval(
        "SELECT captured FROM conversations WHERE external_id = $1", person
    )
    return left


async def test_of_the_past_nothing_of_them_is_left_and_all_of_others(
    pool: asyncpg.Pool[asyncpg.Record], as_maintainer: OptOuts
) -> None:
    for person in (ANA, BEN):
        await record(pool, person)
    before = await left_of(pool, BEN)

    await as_maintainer.opt_out(MODERATOR, "twitch", ANA, past=True)
    deleted = [messages async for messages in as_maintainer.delete_past(MODERATOR, "twitch", ANA)]

    assert deleted == [1, 1, 1]
    assert set((await left_of(pool, ANA)).values()) == {0}
    assert await left_of(pool, BEN) == before
    assert min(before.values()) > 0


async def test_it_begins_and_ends_ten_seconds_after_it_was_said_and_keeps_what_was_between(
    pool: asyncpg.Pool[asyncpg.Record], as_maintainer: OptOuts
) -> None:
    now = datetime.now(UTC)
    await as_maintainer.opt_out(MODERATOR, "twitch", ANA, past=False)
    await as_maintainer.opt_out(MODERATOR, "twitch", ANA, past=False)
    (begun,) = await as_maintainer.find(MODERATOR)
    await as_maintainer.opt_in(MODERATOR, "twitch", ANA)
    (ended,) = await as_maintainer.find(MODERATOR, "twitch")

    assert (begun.person_id, begun.until) == (ANA, None)
    assert begun.since is not None
    assert timedelta(seconds=9) < begun.since - now < timedelta(seconds=60)
    assert ended.since == begun.since
    assert ended.until is not None
    assert ended.until >= ended.since


async def test_the_past_is_added_to_an_opt_out_that_is_there(as_maintainer: OptOuts) -> None:
    await as_maintainer.opt_out(MODERATOR, "twitch", ANA, past=False)
    await as_maintainer.opt_out(MODERATOR, "twitch", ANA, past=True)
    await as_maintainer.opt_out(MODERATOR, "twitch", ANA, past=True)

    first, second = await as_maintainer.find(MODERATOR)

    assert first.since is None
    assert second.since is not None
    assert (first.until, second.until) == (None, None)


async def test_who_never_opted_out_cannot_opt_in(as_maintainer: OptOuts) -> None:
    with pytest.raises(NotOptedOut):
        await as_maintainer.opt_in(MODERATOR, "twitch", ANA)


@pytest.mark.parametrize(
    ("platform", "person"), [("icq", ANA), ("messenger", ANA), ("twitch", ""), ("twitch", "\0")]
)
async def test_what_nobody_is_called_is_refused(as_maintainer: OptOuts, platform: str, person: str) -> None:
    with pytest.raises(NoSuchPerson):
        await as_maintainer.opt_out(MODERATOR, platform, person, past=False)


async def test_only_who_may_reaches_them(as_maintainer: OptOuts) -> None:
    await as_maintainer.opt_out(MODERATOR, "twitch", ANA, past=False)
    owner = Caller("owner@example.org")
    elsewhere = Caller(MODERATOR.email, roles=MODERATOR.roles, scope=frozenset({"platform:discord"}))

    for caller in (owner, elsewhere):
        assert await as_maintainer.find(caller) == []
        with pytest.raises(NotAllowed):
            await as_maintainer.opt_out(caller, "twitch", BEN, past=True)
        with pytest.raises(NotAllowed):
            await as_maintainer.opt_in(caller, "twitch", ANA)
        with pytest.raises(NotAllowed):
            [_ async for _ in as_maintainer.delete_past(caller, "twitch", ANA)]
