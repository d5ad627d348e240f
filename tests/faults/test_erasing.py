"""An API that is killed while it erases a learner: another goes on, and what was deleted is counted once."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import httpx

from app.postgres.connections import connect
from tests.privacy.requests import as_the_api, asked_for, becomes, rows_of, where_is
from tests.services import eventually
from tests.site.fixtures import api_settings
from tests.site.served import served
from tests.threads.asking import Asking
from tests.threads.conftest import system, unlimited

if TYPE_CHECKING:
    from pathlib import Path

    from app.settings import Settings

__all__ = ["api_settings", "system", "unlimited"]

THREADS, MESSAGES = 8, 3
_WAITS = (
    "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'chatlog-api' "
    "AND wait_event_type = 'Lock' AND query LIKE '%FROM conversations%FOR UPDATE%'"
)
_LEFT = "SELECT id FROM conversations WHERE subject_id = 'l1'"


async def test_an_api_is_killed_in_the_middle_of_an_erasure(system: Settings, tmp_path: Path) -> None:
    async with (
        served(as_the_api(system), tmp_path) as victim,
        httpx.AsyncClient(base_url=victim.url) as client,
    ):
        acme = Asking(client, system, "acme")
        threads = [await acme.thread("l1") for _ in range(THREADS)]
        for thread in threads:
            for number in range(MESSAGES):
                await acme.say(thread, f"{number} of {thread}")
        kept = await acme.thread("l2")
        await acme.say(kept, "stays")

        holding = await connect(system.database)
        try:
            transaction = holding.transaction()
            await transaction.start()
            # The one that was written last is the last to go.
            await holding.execute(f"{_LEFT} AND id = $1 FOR UPDATE", threads[-1])
            request = (await asked_for(acme, "delete"))["id"]
            await eventually(lambda: rows_of(system, _WAITS), what="it waits for the last thread")
            assert len(await rows_of(system, _LEFT)) == 1
            victim.signal(signal.SIGKILL)
            victim.ended(10.0)
            await transaction.rollback()
        finally:
            await holding.close()
    [halfway] = await rows_of(
        system, "SELECT status, threads, messages, finished FROM chat_deletion_logs WHERE thread_id IS NULL"
    )
    assert tuple(halfway) == ("running", THREADS - 1, (THREADS - 1) * MESSAGES, None)

    async with served(as_the_api(system), tmp_path) as next_, httpx.AsyncClient(base_url=next_.url) as client:
        acme = Asking(client, system, "acme")
        done = await becomes(acme, request, "done")
        assert (done["counts"]["conversations"], done["counts"]["messages"]) == (THREADS, THREADS * MESSAGES)
        assert await acme.said(kept) == ["stays"]
    assert await where_is(system, *threads) == set()
    told = await rows_of(
        system, "SELECT conversation_id FROM thread_events WHERE event_type = 'CHAT_THREAD_DELETED'"
    )
    assert sorted(str(row["conversation_id"]) for row in told) == sorted(threads)
