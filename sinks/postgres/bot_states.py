"""States of bots → rows: each once, and of each person how the bot stands with them now."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import orjson
from prometheus_client import Counter

from sinks.postgres.batching_sink import BatchingSink
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    from prometheus_client import CollectorRegistry

    from models.bot_states import BotState
    from models.errors import BadRecord
    from sinks.postgres.batching import Batched
    from sinks.retry import RetryPolicy

_SQL = statements("bot_states")
_INSERT, _BRING_UP_TO_DATE = _SQL.insert_bot_states, _SQL.bring_bot_states_up_to_date


class BotStatesSink(BatchingSink["BotState"]):
    """Writes states of bots; `write` returns when each is committed or was refused for its content.

    Args:
        pool: connections as the writer role.
        retry_policy: waits while PostgreSQL is down.
        max_items: the size of a batch that goes out at once.
        max_wait_s: how long the first state of a smaller batch waits for company.
        registry: what is asked for the figures; None where nobody asks.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        retry_policy: RetryPolicy,
        *,
        max_items: int,
        max_wait_s: float,
        registry: CollectorRegistry | None = None,
    ) -> None:
        # One batch at a time: of a person's states, the one batch must see the other.
        super().__init__(
            pool,
            retry_policy,
            key=attrgetter("key"),
            max_items=max_items,
            max_wait_s=max_wait_s,
            max_writes=1,
        )
        self.rows = Counter("chatlog_bot_state_rows", "States of bots that were kept.", registry=registry)

    def _note_batch(self, size: int, rows: int, refused: list[BadRecord], seconds: float) -> None:  # noqa: ARG002
        self.rows.inc(rows)

    async def _insert(self, batch: Sequence[Batched[BotState]]) -> int:
        states = [state for state, _, _ in batch]
        people = sorted({state.userid for state in states})
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                status: str = await connection.execute(_INSERT, orjson.dumps(states).decode())
                await connection.execute(_BRING_UP_TO_DATE, people)
        except DRIVER_ERRORS as error:
            raise classify(error) from None  # the chain could quote the row
        return int(status.rpartition(" ")[2])
