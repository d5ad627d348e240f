"""`chatlog backfill`, as people run it, on a real database."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.backfill.surveyids import RowOutcome, fill_surveyids
from app.postgres.connections import connect, create_pool
from models.entries import ChatLogEntry, Direction
from sinks.postgres.chat_log import ChatLogSink
from sinks.retry import RetryPolicy
from tests.backfill.running import become
from tests.backfill.running import run as run_backfill
from tests.sinks.sources import each_its_own_source
from tests.survey_tables import ANN, BENS, FIRST, MADE, SECOND, SURVEY, execute, make_surveys, session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.settings import Settings
    from tests.backfill.running import Ended

MADE_MS = round(MADE.timestamp() * 1000)
DAY_MS = 24 * 60 * 60 * 1000


@pytest.fixture
async def tables(settings: Callable[..., Settings]) -> Settings:
    """Settings of a system with the schema, two owners and their surveys."""
    made = settings()
    await make_surveys(made)
    return made


async def test_old_rows_get_the_survey_that_new_ones_would_get(tables: Settings) -> None:
    await execute(tables, SURVEY, SECOND, ANN, "form", MADE + timedelta(days=40))
    await store(
        tables,
        said("ann-1", later_ms=1),
        # In another month, and thus partition; and after a new version.
        said("ann-2", later_ms=41 * DAY_MS),
        said("ben", pageid="page-of-ben", later_ms=1),
        said("early", later_ms=0),
        said("shared", pageid="page-of-both"),
        said("nobody's", pageid="page-of-nobody"),
        said("no page", pageid=None),
        said("unknown form", shortcode="unknown"),
        said("no form", shortcode=None),
        said("known", surveyid=BENS),
    )

    ended = await run(tables)

    assert await surveyids(tables) == {
        "ann-1": FIRST,
        "ann-2": SECOND,
        "ben": BENS,
        "early": None,
        "shared": None,
        "nobody's": None,
        "no page": None,
        "unknown form": None,
        "no form": None,
        "known": BENS,
    }
    assert (ended.returncode, ended.stdout.splitlines()) == (
        0,
        [
            "9 rows had no surveyid",
            "3 filled",
            "1 left: they name no form",
            "3 left: nobody has their page, or several owners have",
            "2 left: the page's owner had no survey of their form yet",
        ],
    )


async def test_a_dry_run_tells_the_same_and_changes_nothing(tables: Settings) -> None:
    await store(tables, said("ann"), said("nobody's", pageid="page-of-nobody"))

    ended = await run(tables, "--dry-run")

    assert ended.stdout.splitlines() == [
        "2 rows had no surveyid",
        "1 would be filled",
        "1 left: nobody has their page, or several owners have",
    ]
    assert set((await surveyids(tables)).values()) == {None}


async def test_it_can_be_repeated_when_surveys_were_added(tables: Settings) -> None:
    await store(tables, *(said(f"person {number}", later_ms=number) for number in range(1, 31)))
    await store(tables, said("late", shortcode="other"))

    first = await run(tables, "--batch", "7")
    second = await run(tables)
    await execute(tables, SURVEY, SECOND, ANN, "other", MADE)
    third = await run(tables)

    assert [ended.stdout.splitlines()[1] for ended in (first, second, third)] == [
        "30 filled",
        "0 filled",
        "1 filled",
    ]
    assert Counter((await surveyids(tables)).values()) == {FIRST: 30, SECOND: 1}


async def test_interrupted_it_goes_on_where_it_was(tables: Settings) -> None:
    await store(tables, *(said(f"person {number:02}", later_ms=number) for number in range(1, 31)))
    connection = await connect(tables.database, statement_timeout_s=0)
    async for _ in fill_surveyids(connection, batch_rows=10):
        break
    connection.terminate()
    assert Counter((await surveyids(tables)).values()) == {FIRST: 10, None: 20}

    ended = await run(tables)

    assert ended.stdout.splitlines() == ["20 rows had no surveyid", "20 filled"]


async def test_it_and_the_workers_do_not_get_into_each_others_way(tables: Settings) -> None:
    """Messages that are delivered again, while their rows are being filled, and new ones."""
    old = [said(f"person {number % 50}", later_ms=number) for number in range(1, 2_001)]
    await store(tables, *old)

    async def deliver_again() -> None:
        for number in range(10):
            new = [said(f"new {number} {each}", later_ms=1 + each, surveyid=FIRST) for each in range(100)]
            await store(tables, *old, *new)

    async def fill() -> Counter[RowOutcome]:
        async with session(tables) as connection:
            return sum([batch async for batch in fill_surveyids(connection, batch_rows=50)], Counter())

    _, outcomes, again = await asyncio.gather(deliver_again(), fill(), fill())

    # Two at once share the work: what one has filled, the other leaves.
    assert outcomes[RowOutcome.FILLED] + again[RowOutcome.FILLED] == 2_000
    async with session(tables) as connection:
        found = await connection.fetch("SELECT surveyid::varchar, count(*) FROM chat_log GROUP BY 1")
    assert [tuple(row) for row in found] == [(FIRST, 3_000)]


async def test_who_may_not_fill_is_told_what_is_missing(tables: Settings) -> None:
    await store(tables, said("ann"))
    await become(tables, "chatlog_writer")

    ended = await run(tables)

    assert ended.returncode == 1
    assert "grant it the role chatlog_maintainer" in ended.stderr


async def test_the_role_for_it_suffices(tables: Settings) -> None:
    await store(tables, said("ann"))
    await become(tables, "chatlog_maintainer")

    ended = await run(tables)

    assert (ended.returncode, ended.stdout.splitlines()[1]) == (0, "1 filled"), ended.stderr


def said(userid: str, *, later_ms: int = 1, **fields: Any) -> ChatLogEntry:
    """A message on Ann's page, so many ms after the first surveys were made."""
    values: dict[str, Any] = {
        "pageid": "page-of-ann",
        "direction": Direction.USER,
        "content": "hello",
        "question_ref": "q",
        "shortcode": "form",
        "surveyid": None,
        "message_type": "text",
        "raw_payload": {"some": "event"},
        "metadata": {"some": "state"},
    }
    return ChatLogEntry(userid=userid, timestamp=MADE_MS + later_ms, **(values | fields))


async def store(settings: Settings, *entries: ChatLogEntry) -> None:
    """Write rows as they were written before anything was looked up."""
    pool = await create_pool(settings.database)
    try:
        sink = ChatLogSink(pool, RetryPolicy("test"), max_entries=500, max_wait_s=0, max_writes=2)
        assert await sink.write(each_its_own_source(entries)) == []
    finally:
        pool.terminate()


async def surveyids(settings: Settings) -> dict[str, str | None]:
    async with session(settings) as connection:
        rows: Sequence[Any] = await connection.fetch("SELECT userid, surveyid::varchar FROM chat_log")
    return {row["userid"]: row["surveyid"] for row in rows}


async def run(settings: Settings, *arguments: str) -> Ended:
    return await run_backfill(settings, "surveyids", *arguments)
