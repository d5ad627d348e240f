"""The rows of jobs: one worker at a time, by a lease, and nothing written by one that has lost it."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import pytest

from models.exports import Status
from sinks.errors import CannotGoOn, ServiceDown
from sinks.exports.log import LEASE_S, ExportLog, Extent, Lease
from sinks.retry import RetryPolicy
from tests.exporting import OWNER, SURVEY, Asked, ask, row_of
from tests.services import eventually

if TYPE_CHECKING:
    import asyncpg

    from app.settings import Settings

BRIEF_S = 0.1


@pytest.fixture
async def export(database: Settings) -> Asked:
    return await ask(database)


def lease_of(export: Asked) -> Lease:
    return Lease(export.id, uuid.uuid4())


def rows_in(pool: asyncpg.Pool, lease_s: float = LEASE_S) -> ExportLog:
    return ExportLog(pool, RetryPolicy("test"), lease_s)


async def claim(log: ExportLog, lease: Lease) -> int | None:
    """Take a job; return which attempt it is."""
    claimed = await log.claim(lease)
    return None if claimed is None else claimed.attempt


async def finish(log: ExportLog, lease: Lease, link: str = "https://storage/file") -> bool:
    return await log.finish(lease, key="exports/key", link=link, rows=5, size_bytes=50, not_shown=2)


async def test_a_job_is_claimed_kept_and_finished(
    database: Settings, pool: asyncpg.Pool, export: Asked
) -> None:
    log, lease = rows_in(pool), lease_of(export)
    assert await claim(log, lease) == 1
    claimed = await row_of(database, export)
    assert (claimed["status"], claimed["attempt"]) == ("Querying", 1)

    assert await log.extend(lease, Extent(Status.WRITING, 3, 30, estimate=7))
    writing = await row_of(database, export)
    assert (writing["status"], writing["rows_done"], writing["bytes_done"]) == ("Writing", 3, 30)
    assert writing["rows_estimate"] == 7
    assert writing["lease_until"] > claimed["lease_until"]
    assert writing["updated"] > claimed["updated"]

    assert await finish(log, lease)
    done = await row_of(database, export)
    assert (done["status"], done["export_link"], done["object_key"]) == (
        "Finished",
        "https://storage/file",
        "exports/key",
    )
    assert (done["rows_done"], done["bytes_done"], done["rows_estimate"]) == (5, 50, 7)
    assert done["cells_not_shown"] == 2
    assert done["finished"] is not None
    assert done["lease_token"] is done["lease_until"] is None


async def test_what_an_earlier_attempt_failed_of_is_kept_until_one_succeeds(
    database: Settings, pool: asyncpg.Pool, export: Asked
) -> None:
    log, first, second = rows_in(pool), lease_of(export), lease_of(export)
    await claim(log, first)
    assert await log.fail(first, "The storage is full\x00")
    failed = await row_of(database, export)
    assert (failed["status"], failed["reason"]) == ("Failed", "The storage is full\ufffd")
    assert failed["export_link"] == "Not Found"

    await pool.execute("UPDATE export_status SET status = 'Started' WHERE id = $1", export.id)
    assert await claim(log, second) == 2
    assert (await row_of(database, export))["reason"] == "The storage is full\ufffd"
    assert await finish(log, second)
    assert (await row_of(database, export))["reason"] is None


async def test_of_many_workers_one_gets_a_job(pool: asyncpg.Pool, export: Asked) -> None:
    log = rows_in(pool)
    claims = await asyncio.gather(*(claim(log, lease_of(export)) for _ in range(20)))
    assert sorted(claims, key=str) == [1] + 19 * [None]


async def test_a_claim_whose_answer_was_lost_is_made_again(pool: asyncpg.Pool, export: Asked) -> None:
    log, lease = rows_in(pool), lease_of(export)
    assert await claim(log, lease) is not None
    assert await claim(log, lease) is not None


async def test_the_job_of_a_silent_worker_is_taken_over_and_the_late_one_changes_nothing(
    database: Settings, pool: asyncpg.Pool, export: Asked
) -> None:
    silent, successor = lease_of(export), lease_of(export)
    brief, log = rows_in(pool, BRIEF_S), rows_in(pool)
    assert await claim(brief, silent) == 1
    assert await eventually(lambda: claim(log, successor)) == 2

    before = await row_of(database, export)
    assert not await brief.extend(silent, Extent(Status.WRITING, 9, 9))
    assert not await finish(brief, silent, "https://storage/late")
    assert not await brief.fail(silent, "late")
    assert not await brief.release(silent, was_to_blame=True)
    assert await row_of(database, export) == before

    assert await finish(log, successor)
    before = await row_of(database, export)
    assert not await finish(brief, silent, "https://storage/late")
    assert await row_of(database, export) == before


async def test_a_lease_that_is_extended_is_not_taken_over(
    database: Settings, pool: asyncpg.Pool, export: Asked
) -> None:
    lease, brief, log = lease_of(export), rows_in(pool, BRIEF_S), rows_in(pool)
    await claim(brief, lease)
    first_until = (await row_of(database, export))["lease_until"]
    assert await log.extend(lease, Extent(Status.WRITING))

    await eventually(lambda: pool.fetchval("SELECT clock_timestamp() > $1", first_until))
    assert await claim(log, lease_of(export)) is None
    assert await log.extend(lease, Extent(Status.WRITING))


async def test_a_worker_that_had_nobody_after_it_may_go_on(pool: asyncpg.Pool, export: Asked) -> None:
    log, lease = rows_in(pool, BRIEF_S), lease_of(export)
    await claim(log, lease)
    await eventually(lambda: is_free(log, export))
    assert await finish(log, lease)


async def test_a_job_that_is_released_is_free_at_once(
    database: Settings, pool: asyncpg.Pool, export: Asked
) -> None:
    log, lease = rows_in(pool), lease_of(export)
    await claim(log, lease)
    await log.extend(lease, Extent(Status.WRITING, 3, 30))
    assert await log.release(lease, was_to_blame=False)
    released = await row_of(database, export)
    assert (released["status"], released["attempt"], released["rows_done"]) == ("Started", 0, 0)
    again = lease_of(export)
    assert await claim(log, again) == 1
    assert await log.release(again, was_to_blame=True)
    assert await claim(log, lease_of(export)) == 2


@pytest.mark.parametrize(
    "over",
    ["status = 'Finished'", "status = 'Failed'", "removed = now()"],
    ids=["finished", "failed", "removed"],
)
async def test_what_is_over_is_not_begun(pool: asyncpg.Pool, export: Asked, over: str) -> None:
    await pool.execute(f"UPDATE export_status SET {over} WHERE id = $1", export.id)
    log = rows_in(pool)
    assert await claim(log, lease_of(export)) is None
    row = await log.look(export.id)
    assert row is not None
    assert row.settled
    assert not row.leased


async def test_a_cancelled_job_is_lost_to_its_worker(
    database: Settings, pool: asyncpg.Pool, export: Asked
) -> None:
    log, lease = rows_in(pool), lease_of(export)
    await claim(log, lease)
    await pool.execute(
        "UPDATE export_status SET status = 'Failed', reason = 'Cancelled by its owner', lease_token = NULL "
        "WHERE id = $1",
        export.id,
    )
    assert not await log.extend(lease, Extent(Status.WRITING))
    assert not await finish(log, lease)
    assert (await row_of(database, export))["reason"] == "Cancelled by its owner"


async def test_a_look_tells_whose_it_is_and_whether_it_is_taken(pool: asyncpg.Pool, export: Asked) -> None:
    log = rows_in(pool)
    assert await log.look(uuid.uuid4()) is None
    row = await log.look(export.id)
    assert row is not None
    assert (row.owner, row.survey, row.source) == (OWNER, SURVEY, "chat_log")
    assert not row.leased
    assert not row.settled
    await claim(log, lease_of(export))
    taken = await log.look(export.id)
    assert taken is not None
    assert taken.leased


async def test_no_row_is_ever_inserted(pool: asyncpg.Pool, database: Settings) -> None:
    log, lease = rows_in(pool), Lease(uuid.uuid4(), uuid.uuid4())
    assert await claim(log, lease) is None
    assert not await finish(log, lease)
    assert not await log.fail(lease, "x")
    assert await pool.fetchval("SELECT count(*) FROM export_status") == 0


async def test_a_database_that_is_away_is_waited_for_and_a_missing_table_is_told(
    pool: asyncpg.Pool, export: Asked
) -> None:
    policy = RetryPolicy("test")
    log = ExportLog(pool, policy)
    await pool.execute("ALTER TABLE export_status RENAME TO elsewhere")
    with pytest.raises(CannotGoOn, match="chatlog migrate up"):
        await log.look(export.id)
    pool.terminate()
    looking = asyncio.create_task(log.look(export.id))
    await eventually(lambda: policy.waiting_since is not None)
    looking.cancel()
    with pytest.raises(ServiceDown):
        await log.extend(lease_of(export), Extent(Status.WRITING))


async def is_free(log: ExportLog, export: Asked) -> bool:
    row = await log.look(export.id)
    return row is not None and not row.leased
