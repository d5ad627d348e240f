"""States of bots become rows: how a bot stands with somebody is the same whatever came when."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.postgres.connections import create_pool
from models.bot_states import BotState
from sinks.postgres.bot_states import BotStatesSink
from sinks.retry import RetryPolicy
from tests.services import in_own_loop
from tests.sinks.postgres.message_records import fetch
from tests.sinks.sources import each_its_own_source

if TYPE_CHECKING:
    import asyncpg

    from app.settings import Settings

MINUTE = 60_000
START = 1_764_460_800_000
TOLD = """SELECT userid, (extract(epoch FROM since) * 1000)::bigint AS since,
    (extract(epoch FROM updated) * 1000)::bigint AS updated, state FROM bot_states ORDER BY userid"""


def sink_on(pool: asyncpg.Pool) -> BotStatesSink:
    return BotStatesSink(pool, RetryPolicy("test"), max_items=100, max_wait_s=0.001)


def expected_of(states: list[BotState]) -> list[dict[str, object]]:
    """How the bot stands with each person, told by going through all states in the order of time."""
    found: dict[str, dict[str, object]] = {}
    for state in sorted(states, key=lambda each: each.key):
        known = found.get(state.userid)
        since = known["since"] if known and known["state"] == state.state else state.updated
        told = {"userid": state.userid, "since": since, "updated": state.updated, "state": state.state}
        found[state.userid] = told
    return [found[userid] for userid in sorted(found)]


histories = st.lists(
    st.builds(
        BotState,
        st.sampled_from(["ann", "ben"]),
        st.integers(0, 8).map(lambda minute: START + minute * MINUTE),
        state=st.sampled_from(["QOUT", "BLOCKED", None]),
    ),
    unique_by=lambda state: state.key,
    max_size=10,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), states=histories)
def test_how_a_bot_stands_is_the_same_in_any_order_and_told_twice(
    database: Settings, data: st.DataObject, states: list[BotState]
) -> None:
    told = data.draw(st.permutations(states + states[: len(states) // 2]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(told)), max_size=3)))

    async def store() -> None:
        pool = await create_pool(database.database, min_size=0)
        try:
            await pool.execute("TRUNCATE bot_states, bot_state_changes")
            sink = sink_on(pool)
            for begin, end in zip([0, *cuts], [*cuts, len(told)], strict=True):
                assert await sink.write(each_its_own_source(told[begin:end])) == []
            assert [dict(row) for row in await pool.fetch(TOLD)] == expected_of(states)
            assert await pool.fetchval("SELECT count(*) FROM bot_state_changes") == len(states)
        finally:
            pool.terminate()

    in_own_loop(store())


async def test_what_two_wrote_of_one_person_at_once_is_right_once_the_last_is_told_again(
    database: Settings, pool: asyncpg.Pool
) -> None:
    states = [BotState("ann", START + minute * MINUTE, state="BLOCKED") for minute in range(40)]
    halves = states[::2], states[1::2]
    await asyncio.gather(*(sink_on(pool).write(each_its_own_source(half)) for half in halves))
    await sink_on(pool).write(each_its_own_source(states[-1:]))
    (row,) = await fetch(database, TOLD)
    assert (row["since"], row["updated"]) == (START, states[-1].updated)
