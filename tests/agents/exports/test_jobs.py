"""Export jobs on a real database, broker and object storage: each becomes a file, or a reason, once."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from agents.chunks import Chunk, ChunkRunner
from agents.exports import file as export_file
from agents.exports.attempt import ATTEMPTS_MAX, ExportAttempts, Pace
from agents.exports.file import FileMaker
from agents.exports.jobs import Exports
from agents.exports.run import Failure
from app.postgres.connections import connect
from app.worker.watch.figures import by_label, total
from models.dead_letters import from_record
from models.export_names import object_key
from sinks.dead_letters import DeadLetterTopic
from sinks.exports.log import ExportLog
from sinks.retry import RetryPolicy
from sinks.storage.bucket import BucketSettings, ObjectStorage
from tests.agents.test_persist import record
from tests.exporting import (
    OWNER,
    SURVEY,
    Asked,
    ask,
    download,
    is_in,
    keys_in_file,
    keys_in_table,
    make_survey,
    row_of,
)
from tests.services import LIMIT_S, eventually
from tests.sinks.kafka.topics import make_topic, producing, records_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import asyncpg

    from app.settings import Settings
    from models.exports import ExportJob

    #: Makes another worker's agent on the same database and storage.
    Workers = Callable[..., Any]

QUICK = Pace(progress_s=0.02, heartbeat_s=0.2, margin_s=0.2)
#: Of a worker that nobody takes anything over from, and of one that is taken over from.
LONG_S, BRIEF_S = 600.0, 3.0
#: Rows of which a file is larger than one part of an upload.
MANY, SIZE = 3_000, 100
COLLEAGUE = "colleague@example.org"
SHARE = "INSERT INTO survey_shares (owner, survey_name, address, shared_by) VALUES ($1, $2, $3, $1)"


class Gate:
    """Holds up what is written to storage, in the middle, until it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.reached = asyncio.Event()

    async def pass_through(self) -> None:
        self.reached.set()
        await self.open.wait()


class GatedUpload:
    """An upload that waits at a gate before each write and before it is completed."""

    def __init__(self, upload: Any, gate: Gate) -> None:
        self._upload, self._gate = upload, gate

    async def __aenter__(self) -> GatedUpload:
        await self._upload.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._upload.__aexit__(*error)

    async def write(self, data: bytes) -> None:
        await self._gate.pass_through()
        await self._upload.write(data)

    async def complete(self) -> None:
        await self._gate.pass_through()
        await self._upload.complete()


class GatedStorage(ObjectStorage):
    """Real storage, whose uploads wait at a gate if there is one."""

    gate: Gate | None = None

    def upload(self, key: str, *, content_type: str, file_name: str) -> Any:
        upload = super().upload(key, content_type=content_type, file_name=file_name)
        return upload if self.gate is None else GatedUpload(upload, self.gate)


class Worker:
    """An agent as a worker has it, without Kafka's side."""

    def __init__(self, exports: Exports, storage: GatedStorage) -> None:
        self.exports, self.storage = exports, storage
        self.figures = exports.attempts.figures

    def gate(self) -> Gate:
        self.storage.gate = Gate()
        return self.storage.gate


@pytest.fixture
async def worker_of(
    database: Settings, pool: asyncpg.Pool, storage: BucketSettings, kafka: str, kafka_prefix: str
) -> AsyncIterator[Workers]:
    topic = await make_topic(kafka, f"{kafka_prefix}-dead-letters", partitions=1)

    @asynccontextmanager
    async def connected() -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        connection = await connect(database.database, statement_timeout_s=0)
        try:
            yield connection
        finally:
            connection.terminate()

    async with AsyncExitStack() as stack:
        producer = await stack.enter_async_context(producing(kafka))
        made: list[Worker] = []

        async def make(concurrency: int = 2, lease_s: float = LONG_S) -> Worker:
            files_in = await stack.enter_async_context(GatedStorage(storage))
            files = FileMaker(files_in, connected, key_of, own_keys=True, link_lives_s=3600)
            attempts = ExportAttempts(ExportLog(pool, RetryPolicy("export"), lease_s), files, QUICK)
            dead_letters = DeadLetterTopic(producer, topic, partitions=1)
            worker = Worker(Exports(attempts, dead_letters, concurrency=concurrency), files_in)
            worker.exports.may_begin.set()
            made.append(worker)
            return worker

        yield make
        for worker in made:
            await worker.exports.stop()


@pytest.fixture
async def worker(worker_of: Workers) -> Worker:
    made: Worker = await worker_of()
    return made


def key_of(job: ExportJob) -> str:
    return object_key(job.user, job.export_id, job.survey, job.source, job.options)


def chunk_of(*values: Asked | bytes | None, first_offset: int = 0, partition: int = 1) -> Chunk:
    records = [
        record(
            first_offset + number, value.record()[1] if isinstance(value, Asked) else value, topic="exports"
        )
        for number, value in enumerate(values)
    ]
    return Chunk("exports", partition, records, 100)


async def file_is_the_table(database: Settings, export: Asked) -> None:
    row = await is_in(database, export, "Finished")
    content = await download(row["export_link"])
    assert keys_in_file(content) == await keys_in_table(database)
    assert len(content) == row["bytes_done"]


async def test_a_job_becomes_a_file_that_equals_the_table(
    database: Settings, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Or the estimate is a guess where so many rows are not counted in 2 s.
    monkeypatch.setattr("sinks.exports.stream._COUNTING", "SET LOCAL statement_timeout = '10min'")
    await make_survey(database, MANY, size=SIZE)
    export = await ask(database)
    await worker.exports(chunk_of(export))

    await file_is_the_table(database, export)
    row = await row_of(database, export)
    assert (row["rows_done"], row["rows_estimate"], row["attempt"]) == (MANY, MANY, 1)
    assert row["object_key"] == key_of(export.job)
    assert row["reason"] is row["lease_token"] is None
    assert (total(worker.figures.finished), total(worker.figures.rows), total(worker.figures.bytes)) == (
        1,
        MANY,
        row["bytes_done"],
    )
    assert not worker.exports.runs
    assert worker.exports.waiting == 0


async def test_a_row_that_no_file_can_hold_does_not_fail_the_export_and_is_told(
    database: Settings, pool: asyncpg.Pool, worker: Worker
) -> None:
    await make_survey(database, 3)
    await pool.execute("UPDATE chat_log SET timestamp = '20000-01-01Z' WHERE content LIKE '2 %'")
    export = await ask(database)
    await worker.exports(chunk_of(export))

    row = await is_in(database, export, "Finished")
    assert (row["rows_done"], row["cells_not_shown"]) == (3, 1)
    moments = [moment for _, moment, _, _ in keys_in_file(await download(row["export_link"]))]
    assert moments.count("[not shown: timestamp out of range]") == 1


async def test_bad_records_and_jobs_without_a_row_are_dead_letters_and_hold_nothing_up(
    database: Settings, worker: Worker, kafka: str, kafka_prefix: str
) -> None:
    await make_survey(database, 3)
    export, stranger = await ask(database), await ask(database, owner="other@example.org")
    forged = orjson.dumps(stranger.job.encode() | {"user": OWNER})
    without_row = orjson.dumps(export.job.encode() | {"export_id": str(uuid.uuid4())})
    await worker.exports(chunk_of(b"{", without_row, export, forged, None))

    await is_in(database, export, "Finished")
    assert (await row_of(database, stranger))["status"] == "Started"
    letters = [
        from_record(r.key, r.value, tuple(r.headers))
        for r in await records_in(kafka, f"{kafka_prefix}-dead-letters", 0)
    ]
    found = {letter.offset: (str(letter.reason), letter.detail) for letter in letters}
    assert found[0][0] == "not_json"
    assert found[1] == ("unknown_value", "export_id: export_status has no such row")
    assert found[3][0] == "unknown_value"
    assert found[4][0] == "empty"
    assert len(found) == 4
    assert not any("example.org" in detail for _, detail in found.values())


async def test_job_row_and_users_may_write_the_owners_address_each_in_its_way(
    database: Settings, worker: Worker
) -> None:
    await make_survey(database, 3, owner=OWNER.upper())
    export = await ask(database, owner=f" {OWNER}")
    as_others_send_it = orjson.dumps(export.job.encode() | {"user": OWNER.title()})
    await worker.exports(chunk_of(as_others_send_it))

    await file_is_the_table(database, export)


async def test_a_survey_that_is_not_the_owners_is_a_reason(database: Settings, worker: Worker) -> None:
    await make_survey(database, 3, owner="other@example.org")
    export = await ask(database)
    await worker.exports(chunk_of(export))
    row = await is_in(database, export, "Failed")
    assert SURVEY in row["reason"]
    assert row["export_link"] == "Not Found"
    assert by_label(worker.figures.failed) == {Failure.IMPOSSIBLE: 1}


async def test_a_shared_survey_is_exported_for_whom_it_is_shared_with(
    database: Settings, pool: asyncpg.Pool, worker: Worker
) -> None:
    await make_survey(database, 3)
    await make_survey(database, 0, owner=COLLEAGUE)
    await pool.execute(SHARE, OWNER, SURVEY, COLLEAGUE)
    theirs = await ask(database, owner=COLLEAGUE, survey_owner=OWNER)
    own = await ask(database, owner=COLLEAGUE)

    await worker.exports(chunk_of(theirs, own))

    rows = [(await is_in(database, export, "Finished"))["rows_done"] for export in (theirs, own)]
    assert rows == [3, 0]


async def test_a_share_that_was_withdrawn_meanwhile_fails_the_export_and_says_so(
    database: Settings, pool: asyncpg.Pool, worker: Worker
) -> None:
    await make_survey(database, 3)
    await pool.execute(SHARE, OWNER, SURVEY, COLLEAGUE)
    export = await ask(database, owner=COLLEAGUE, survey_owner=OWNER)
    await pool.execute("DELETE FROM survey_shares")

    await worker.exports(chunk_of(export))

    row = await is_in(database, export, "Failed")
    assert row["reason"] == f"The survey is not shared with you, or no longer: ask its owner, {OWNER}"
    assert row["export_link"] == "Not Found"


@pytest.mark.parametrize("job", [{"survey_owner": "other@example.org"}, {"survey_owner": None}])
async def test_a_job_that_names_another_owner_of_the_survey_than_its_row_is_a_dead_letter(
    database: Settings, worker: Worker, job: dict[str, str | None]
) -> None:
    export = await ask(database, owner=COLLEAGUE, survey_owner=OWNER)
    forged = {name: value for name, value in (export.job.encode() | job).items() if value is not None}

    await worker.exports(chunk_of(orjson.dumps(forged)))

    assert (await row_of(database, export))["status"] == "Started"


async def test_two_workers_with_the_same_job_make_one_file(database: Settings, worker_of: Workers) -> None:
    await make_survey(database, MANY, size=SIZE)
    export = await ask(database)
    one, other = await worker_of(), await worker_of()
    gate = one.gate()
    first = asyncio.create_task(one.exports(chunk_of(export, export)))
    await gate.reached.wait()
    second = asyncio.create_task(other.exports(chunk_of(export)))
    await eventually(lambda: other.exports.waiting == 1)
    gate.open.set()
    await asyncio.gather(first, second)

    await file_is_the_table(database, export)
    assert (total(one.figures.finished), total(other.figures.finished)) == (1, 0)
    assert (await row_of(database, export))["attempt"] == 1


async def test_what_is_over_is_passed_by(database: Settings, pool: asyncpg.Pool, worker: Worker) -> None:
    exports = [await ask(database) for _ in range(3)]
    for export, over in zip(
        exports, ("status = 'Finished'", "status = 'Failed'", "removed = now()"), strict=True
    ):
        await pool.execute(f"UPDATE export_status SET {over} WHERE id = $1", export.id)
    before = [await row_of(database, export) for export in exports]
    await worker.exports(chunk_of(*exports))
    assert [await row_of(database, export) for export in exports] == before


async def test_so_many_at_once_as_settings_say_and_the_others_wait(
    database: Settings, worker_of: Workers
) -> None:
    await make_survey(database, 10)
    exports = [await ask(database) for _ in range(5)]
    worker = await worker_of(concurrency=2)
    gate = worker.gate()
    work = asyncio.create_task(worker.exports(chunk_of(*exports)))
    await eventually(lambda: len(worker.exports.runs) == 2 and worker.exports.waiting == 3)
    gate.open.set()
    await work
    for export in exports:
        await is_in(database, export, "Finished")


async def test_another_owner_does_not_wait_behind_all_exports_of_one(
    database: Settings, worker_of: Workers
) -> None:
    await make_survey(database, 10)
    await make_survey(database, 0, owner="other@example.org", survey="Other")
    many = [await ask(database) for _ in range(6)]
    one = await ask(database, owner="other@example.org", survey="Other")
    worker = await worker_of(concurrency=1)
    gate = worker.gate()
    first = asyncio.create_task(worker.exports(chunk_of(*many)))
    await gate.reached.wait()
    await eventually(lambda: worker.exports.waiting == 5)
    second = asyncio.create_task(worker.exports(chunk_of(one, partition=2)))
    await eventually(lambda: worker.exports.waiting == 6)
    gate.open.set()
    await asyncio.gather(first, second)

    finished = {export.id: (await is_in(database, export, "Finished"))["finished"] for export in (*many, one)}
    assert sum(when < finished[one.id] for when in finished.values()) <= 2


async def test_a_job_is_alive_while_its_heart_beats_and_progress_is_told(
    database: Settings, worker_of: Workers
) -> None:
    await make_survey(database, MANY, size=SIZE)
    export, worker = await ask(database), await worker_of(lease_s=BRIEF_S)
    gate = worker.gate()
    began_at = asyncio.get_running_loop().time()
    work = asyncio.create_task(worker.exports(chunk_of(export)))
    await gate.reached.wait()
    writing = await eventually(lambda: is_in(database, export, "Writing"))
    assert writing["rows_done"] > 0
    # Beyond the lease: it is extended although nothing moves.
    await eventually(lambda: worker.exports.alive_at(1) > began_at + BRIEF_S + 1)
    gate.open.set()
    await work
    await is_in(database, export, "Finished")


async def test_a_job_that_does_not_move_for_too_long_does_not_count_as_alive(
    database: Settings, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.exports.run.HANGS_AFTER_S", 0.5)
    await make_survey(database, MANY, size=SIZE)
    export = await ask(database)
    gate = worker.gate()
    work = asyncio.create_task(worker.exports(chunk_of(export)))
    await gate.reached.wait()
    (run,) = worker.exports.runs.values()
    await eventually(lambda: run.beat_at > worker.exports.alive_at(1) + 1)
    gate.open.set()
    await work


async def test_a_cancelled_export_stops_and_leaves_no_file(
    database: Settings, pool: asyncpg.Pool, worker: Worker
) -> None:
    await make_survey(database, MANY, size=SIZE)
    export = await ask(database)
    gate = worker.gate()
    work = asyncio.create_task(worker.exports(chunk_of(export)))
    await gate.reached.wait()
    await cancel(pool, export)
    await work

    row = await row_of(database, export)
    assert (row["status"], row["reason"]) == ("Failed", "Cancelled by its owner")
    assert await worker.storage.size(key_of(export.job)) is None
    assert total(worker.figures.lost) == 1


async def test_a_file_that_was_cancelled_in_its_last_moment_is_removed(
    database: Settings, pool: asyncpg.Pool, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_survey(database, 3)
    export = await ask(database)
    really = worker.storage.link

    async def cancelled_meanwhile(key: str, **options: Any) -> str:
        assert await worker.storage.size(key) is not None
        await cancel(pool, export)
        return await really(key, **options)

    monkeypatch.setattr(worker.storage, "link", cancelled_meanwhile)
    await worker.exports(chunk_of(export))
    assert (await row_of(database, export))["reason"] == "Cancelled by its owner"
    assert await worker.storage.size(key_of(export.job)) is None


async def test_a_late_worker_that_lost_its_lease_changes_neither_row_nor_file(
    database: Settings, worker_of: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_survey(database, MANY, size=SIZE)
    export = await ask(database)
    late, successor = await worker_of(lease_s=BRIEF_S), await worker_of()
    gate = late.gate()
    first = asyncio.create_task(late.exports(chunk_of(export)))
    await gate.reached.wait()
    (run,) = late.exports.runs.values()
    # As if it had been frozen: its heart does not beat, and it knows of no time that passed.
    monkeypatch.setattr(late.exports.attempts.rows, "extend", never)
    run.good_until += 3600
    await successor.exports(chunk_of(export))
    before = await row_of(database, export)
    assert before["status"] == "Finished"

    monkeypatch.undo()
    gate.open.set()
    await first
    assert await row_of(database, export) == before
    await file_is_the_table(database, export)
    assert (total(late.figures.finished), total(successor.figures.finished)) == (0, 1)
    # More than once if its heart was just beating when it was frozen: it then tries to have the job again.
    assert total(late.figures.lost) >= 1


async def test_a_partition_that_is_given_up_leaves_the_export_running_and_the_next_owner_waits_for_it(
    database: Settings, worker_of: Workers
) -> None:
    await make_survey(database, MANY, size=SIZE)
    export = await ask(database)
    one, other = await worker_of(), await worker_of()
    gate = one.gate()
    stream = Stream(chunk_of(export))
    runner = ChunkRunner("export", one.exports, in_order=False, fail=fail)
    reading = asyncio.create_task(runner.run(stream))  # type: ignore[arg-type]  # promises the same
    await gate.reached.wait()
    await runner.release()
    assert len(one.exports.runs) == 1
    second = asyncio.create_task(other.exports(chunk_of(export)))
    gate.open.set()
    await second

    # The row says so before the one who wrote it has heard of it.
    await eventually(lambda: total(one.figures.finished) == 1)
    assert stream.acknowledged == []
    assert total(other.figures.finished) == 0
    await file_is_the_table(database, export)
    reading.cancel()


async def test_a_worker_that_stops_leaves_its_jobs_to_the_next_at_once_and_unacknowledged(
    database: Settings, worker_of: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of a database that is as slow as it may be, which leases are released is chance.
    monkeypatch.setattr("agents.exports.jobs.LET_GO_S", 60.0)
    await make_survey(database, MANY, size=SIZE)
    exports = [await ask(database) for _ in range(3)]
    one, other = await worker_of(), await worker_of()
    gate = one.gate()
    stream = Stream(chunk_of(*exports))
    runner = ChunkRunner("export", one.exports, in_order=False, fail=fail)
    reading = asyncio.create_task(runner.run(stream))  # type: ignore[arg-type]  # promises the same
    await gate.reached.wait()
    await eventually(lambda: len(one.exports.runs) == 2)
    await runner.release()
    await one.exports.stop()
    assert stream.acknowledged == []
    reading.cancel()

    for export in exports:
        row = await is_in(database, export, "Started")
        assert (row["lease_token"], row["attempt"]) == (None, 0)
        assert await one.storage.size(key_of(export.job)) is None
    await other.exports(chunk_of(*exports))
    for export in exports:
        await is_in(database, export, "Finished")


async def test_an_attempt_that_a_stop_cancels_does_not_count_as_done(
    database: Settings, worker: Worker
) -> None:
    """A task group takes a cancelled task for one that has ended."""
    await make_survey(database, 3)
    export = await ask(database)
    gate = worker.gate()
    work = asyncio.create_task(worker.exports(chunk_of(export)))
    await gate.reached.wait()
    await worker.exports.stop()
    await asyncio.wait({work}, timeout=LIMIT_S)
    assert work.cancelled()


async def test_an_unforeseen_error_is_a_reason_without_details_and_the_worker_goes_on(
    database: Settings, worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await make_survey(database, 3)
    first, second = await ask(database), await ask(database)

    async def fail_once(*_: Any) -> int:
        monkeypatch.undo()
        raise ZeroDivisionError("of somebody's secret")

    monkeypatch.setattr(export_file, "estimate", fail_once)
    await worker.exports(chunk_of(first))
    await worker.exports(chunk_of(second))
    row = await is_in(database, first, "Failed")
    assert row["reason"] == "Something failed that nobody foresaw; try again, or tell the operator"
    assert "ZeroDivisionError" in caplog.text
    await is_in(database, second, "Finished")
    assert by_label(worker.figures.failed) == {Failure.UNFORESEEN: 1}


async def test_a_job_that_never_ends_is_given_up(
    database: Settings, pool: asyncpg.Pool, worker: Worker
) -> None:
    await make_survey(database, 3)
    export = await ask(database)
    await pool.execute("UPDATE export_status SET attempt = $2 WHERE id = $1", export.id, ATTEMPTS_MAX)
    await worker.exports(chunk_of(export))
    row = await is_in(database, export, "Failed")
    assert f"begun {ATTEMPTS_MAX} times" in row["reason"]
    assert by_label(worker.figures.failed) == {Failure.ATTEMPTS: 1}


async def test_a_session_that_is_cut_off_in_the_middle_is_begun_anew(
    database: Settings, pool: asyncpg.Pool, worker: Worker
) -> None:
    # More than all buffers between PostgreSQL and the gate take.
    await make_survey(database, 5 * MANY, size=SIZE)
    export = await ask(database)
    gate = worker.gate()
    work = asyncio.create_task(worker.exports(chunk_of(export)))
    await gate.reached.wait()
    cut_off = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE query LIKE 'COPY%' AND state = 'active' AND datname = current_database()"
    )
    await eventually(lambda: pool.fetch(cut_off))
    gate.open.set()
    await work
    await file_is_the_table(database, export)
    assert (await row_of(database, export))["attempt"] == 2
    assert total(worker.figures.interrupted) == 1


async def test_rows_that_may_not_be_read_are_a_reason_and_the_worker_goes_on(
    database: Settings, pool: asyncpg.Pool, worker: Worker
) -> None:
    await make_survey(database, 3)
    export = await ask(database)
    await pool.execute("ALTER TABLE chat_log RENAME TO elsewhere")
    await worker.exports(chunk_of(export))
    row = await is_in(database, export, "Failed")
    assert row["reason"] == "The database refused to give the rows; tell the operator"
    assert by_label(worker.figures.failed) == {Failure.DATABASE: 1}


async def test_storage_that_refuses_is_a_reason_without_addresses_and_keys(
    database: Settings, worker_of: Workers, storage: BucketSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_survey(database, 3)
    export, later = await ask(database), await ask(database)
    worker = await worker_of()
    # The bucket is not there any more.
    monkeypatch.setattr(worker.storage._calls, "bucket", "no-such-bucket")
    await worker.exports(chunk_of(export))
    row = await is_in(database, export, "Failed")
    assert row["reason"] == (
        "The storage did not take the file: object storage refuses; try again, or tell the operator"
    )
    monkeypatch.undo()
    await worker.exports(chunk_of(later))
    await is_in(database, later, "Finished")
    assert by_label(worker.figures.failed) == {Failure.STORAGE: 1}


async def cancel(pool: asyncpg.Pool, export: Asked) -> None:
    """As the API does it."""
    await pool.execute(
        "UPDATE export_status SET status = 'Failed', reason = 'Cancelled by its owner', lease_token = NULL, "
        "lease_until = NULL WHERE id = $1",
        export.id,
    )


async def never(*_: Any) -> bool:
    await asyncio.Event().wait()
    return False


async def fail(error: Exception) -> None:
    raise AssertionError("the worker would stop") from error


class Stream:
    """Hands out chunks as Faust does, and notes what is acknowledged."""

    def __init__(self, *chunks: Chunk) -> None:
        self._chunks = chunks
        self.acknowledged: list[Chunk] = []

    def noack(self) -> Stream:
        return self

    async def events(self) -> AsyncIterator[Any]:
        for each in self._chunks:
            yield SimpleNamespace(value=each, ack=lambda each=each: self.acknowledged.append(each))
        await asyncio.Event().wait()
