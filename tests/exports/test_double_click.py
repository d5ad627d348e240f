"""A second click on Export: one export, whichever processes the clicks come to; and a second wish is none."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from app.postgres.connections import connect
from app.web import addresses
from tests.services import eventually
from tests.site.owners import ANA, SHARED_NAME, execute, fetch_value
from tests.site.served import ANSWER_S, served
from tests.site.visitor import Visitor, export_form

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

    from app.settings import Settings

FORM = export_form()
CHAT_LOG = addresses.NEW_EXPORT
#: A row is made when it is let go on: that it was held up for long makes the other click no late one.
_WAIT = """
CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(42);
    NEW.created = clock_timestamp();
    RETURN NEW;
END $$
"""
_HOLD_UP = "CREATE TRIGGER hold_up BEFORE INSERT ON export_status FOR EACH ROW EXECUTE FUNCTION hold_up()"


async def count(settings: Settings) -> int:
    return int(await fetch_value(settings, "SELECT count(*) FROM export_status WHERE user_id = $1", ANA))


async def change_all(settings: Settings, **columns: Any) -> None:
    changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(columns, start=1))
    await execute(settings, f"UPDATE export_status SET {changes}", *columns.values())


@asynccontextmanager
async def inserts_held_up(settings: Settings) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Let nobody insert a row until the end: what decides whether to do so has decided by then."""
    await execute(settings, _WAIT)
    await execute(settings, _HOLD_UP)
    connection = await connect(settings.database)
    try:
        await connection.execute("SELECT pg_advisory_lock(42)")
        yield connection
    finally:
        await connection.close()


async def are_waiting(held: asyncpg.Connection[asyncpg.Record], number: int) -> bool:
    waiting = await held.fetchval(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'"
    )
    return bool(waiting == number)


def ago(**length: float) -> datetime:
    return datetime.now(UTC) - timedelta(**length)


@pytest.fixture
async def ana(client: httpx.AsyncClient, system: Settings) -> Visitor:
    """Ana, signed in."""
    visitor = Visitor(client, system)
    await visitor.sign_in()
    return visitor


async def test_clicks_that_come_to_two_processes_at_once_start_one_export(
    system: Settings, tmp_path: Path
) -> None:
    async with AsyncExitStack() as open_now:
        visitors = []
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
            process = await open_now.enter_async_context(served(system, tmp_path / name))
            client = await open_now.enter_async_context(
                httpx.AsyncClient(base_url=process.url, timeout=ANSWER_S)
            )
            visitors.append(Visitor(client, system))
            await visitors[-1].sign_in()
        tokens = [await visitor.csrf_token() for visitor in visitors]
        async with inserts_held_up(system) as held:
            clicks = [
                asyncio.create_task(visitor.post(CHAT_LOG, csrf_token=token, **FORM))
                for visitor, token in zip(visitors, tokens, strict=True)
            ]
            await eventually(lambda: are_waiting(held, len(clicks)))
        answers = await asyncio.gather(*clicks)

    assert {answer.headers["location"] for answer in answers} == {addresses.tab(SHARED_NAME)}
    assert await count(system) == 1


async def test_what_is_chosen_otherwise_is_another_export(ana: Visitor) -> None:
    token = await ana.csrf_token()

    await asyncio.gather(
        *(ana.post(CHAT_LOG, csrf_token=token, **FORM | {"format": name}) for name in ("csv", "jsonl")),
        *(ana.post(CHAT_LOG, csrf_token=token, **FORM | {"what": "responses"}) for _ in range(2)),
    )

    assert await count(ana.settings) == 3


@pytest.mark.parametrize("status", ["Finished", "Failed"])
async def test_what_is_over_can_be_asked_for_again(ana: Visitor, status: str) -> None:
    await ana.submit(CHAT_LOG, **FORM)
    await change_all(ana.settings, status=status, created=ago(seconds=2))

    await ana.submit(CHAT_LOG, **FORM)

    assert await count(ana.settings) == 2


async def test_what_is_over_before_the_second_click_is_not_asked_for_twice(ana: Visitor) -> None:
    await ana.submit(CHAT_LOG, **FORM)
    # As if the second click came at once: the clock is the database's.
    await change_all(ana.settings, status="Finished", created=ago(seconds=-60))

    await ana.submit(CHAT_LOG, **FORM)

    assert await count(ana.settings) == 1


async def test_what_takes_long_can_be_asked_for_again_later(ana: Visitor) -> None:
    await ana.submit(CHAT_LOG, **FORM)
    await change_all(ana.settings, status="Writing", created=ago(seconds=11))

    await ana.submit(CHAT_LOG, **FORM)

    assert await count(ana.settings) == 2
