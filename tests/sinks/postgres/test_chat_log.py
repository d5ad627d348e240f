"""Entries become rows of a real chat_log: as given, once, and whatever happens to the database meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
import pytest
from pydantic import SecretStr

from app.postgres.connections import connect, create_pool
from app.worker.watch.figures import total
from models.entries import ChatLogEntry, Direction, decode_entry, encode_entry
from models.errors import Reason
from models.fields import TIMESTAMP_MAX_MS
from sinks.errors import CannotGoOn
from sinks.postgres.batching import STOP_S
from sinks.postgres.chat_log import ChatLogSink
from sinks.retry import RetryPolicy
from tests.faults.freezing import frozen
from tests.services import LIMIT_S, changed, eventually, migrate, settings_for_tests
from tests.sinks.sources import each_its_own_source
from tests.workers import count, rows_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    import asyncpg

    from app.local.embedded import EmbeddedPostgres
    from app.settings import Settings
    from models.errors import BadRecord

NOW_MS = 1_760_000_000_123


def entry(number: int = 0, **fields: Any) -> ChatLogEntry:
    """An entry like any other, one of its own for each number."""
    values: dict[str, Any] = {
        "userid": f"user-{number % 50}",
        "pageid": "page",
        "timestamp": NOW_MS + number,
        "direction": Direction.USER,
        "content": f"message {number}",
        "question_ref": "q1",
        "shortcode": "form",
        "surveyid": None,
        "message_type": "text",
        "raw_payload": {"number": number},
        "metadata": {"pageid": "page"},
    }
    return ChatLogEntry(**(values | fields))


def sink_on(pool: asyncpg.Pool, **limits: Any) -> ChatLogSink:
    chosen: dict[str, Any] = {"max_entries": 1000, "max_wait_s": 0.01, "max_writes": 2}
    return ChatLogSink(pool, RetryPolicy("test"), **(chosen | limits))


def counted(sink: ChatLogSink, *names: str) -> tuple[int, ...]:
    """Return what the sink has counted under these names."""
    return tuple(total(getattr(sink.figures, name)) for name in names)


async def write(sink: ChatLogSink, entries: Sequence[ChatLogEntry]) -> list[tuple[ChatLogEntry, BadRecord]]:
    """Write entries; return those refused, with the reason."""
    return await sink.write(each_its_own_source(entries))


def retry_policy_of(sink: ChatLogSink) -> RetryPolicy:
    return sink._retry_policy


@pytest.fixture
def sink(pool: asyncpg.Pool) -> ChatLogSink:
    return sink_on(pool)


async def execute(settings: Settings, statement: str) -> None:
    connection = await connect(settings.database)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def as_entry(row: asyncpg.Record) -> ChatLogEntry:
    """Read a row back as the entry it was made of."""
    fields = {name: row[name] for name in ChatLogEntry.__struct_fields__}
    fields["timestamp"] = row["timestamp_ms"]
    fields["direction"] = Direction(row["direction"])
    fields["surveyid"] = None if row["surveyid"] is None else str(row["surveyid"])
    for name in ("raw_payload", "metadata"):
        fields[name] = None if row[name] is None else orjson.loads(row[name])
    return ChatLogEntry(**fields)


async def stored(settings: Settings) -> dict[tuple[str, int, str], ChatLogEntry]:
    return {key: as_entry(row) for key, row in (await rows_of(settings)).items()}


# -- what is stored


async def test_a_row_is_the_entry_as_given(database: Settings, sink: ChatLogSink) -> None:
    given = [
        entry(1),
        entry(2, content=""),
        entry(3, surveyid=str(uuid.uuid4()), direction=Direction.BOT),
        entry(
            4,
            pageid=None,
            question_ref=None,
            shortcode=None,
            message_type=None,
            raw_payload=None,
            metadata=None,
        ),
        entry(5, content="😀 مرحبا\n\t\"quoted\" 'single' \\ back \u2028 \x7f"),
        entry(6, raw_payload={"a": [1, 2.5, None, True, {"é": "\\u0000"}], "big": 2**64 - 1, "tiny": 1e-300}),
        entry(7, raw_payload=[], metadata={}),
        entry(8, raw_payload="text", metadata=17),
        entry(9, raw_payload=False, metadata=[None]),
    ]

    assert await write(sink, given) == []

    found = await stored(database)
    assert found == {each.key: each for each in given}
    assert counted(sink, "rows", "duplicates", "refused") == (len(given), 0, 0)


async def test_a_time_is_stored_to_the_millisecond_from_1970_to_9999(
    database: Settings, sink: ChatLogSink
) -> None:
    around = [0, 1, 999, 1000, NOW_MS, 2**33, 9_007_199_254_740, 9_007_199_254_741, TIMESTAMP_MAX_MS]
    spread = [TIMESTAMP_MAX_MS * step // 500 for step in range(500)]
    moments = sorted({*around, *spread})

    await write(sink, [entry(userid="u", timestamp=moment) for moment in moments])

    connection = await connect(database.database)
    rows = await connection.fetch(
        "SELECT extract(epoch FROM timestamp) * 1000 AS ms FROM chat_log ORDER BY timestamp"
    )
    last = await connection.fetchval("SELECT max(timestamp) FROM chat_log")
    await connection.close()
    assert [row["ms"] for row in rows] == moments
    assert last == datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC)


async def test_a_message_of_any_month_has_a_place(database: Settings, sink: ChatLogSink) -> None:
    now = datetime.now(UTC)
    moments = [0, NOW_MS, int(now.timestamp() * 1000), TIMESTAMP_MAX_MS]
    assert await write(sink, [entry(timestamp=moment) for moment in moments]) == []

    connection = await connect(database.database)
    rows = await connection.fetch(
        "SELECT tableoid::regclass::text AS partition FROM chat_log ORDER BY timestamp"
    )
    await connection.close()
    partitions = [row["partition"] for row in rows]
    assert partitions[0] == partitions[-1] == "chat_log_default"
    assert partitions[2] == f"chat_log_{now:%Y_%m}"


async def test_a_megabyte_is_a_message_too(database: Settings, sink: ChatLogSink) -> None:
    long = entry(1, content="ü" * 500_000 + "x" * 24, raw_payload={"text": "ü" * 500_000})
    assert await write(sink, [entry(0), long, entry(2)]) == []
    assert (await stored(database))[long.key] == long


#: What it is: as it is sent, as JSON, and as it is stored.
NASTY: dict[str, tuple[bytes, str]] = {
    "NUL": (b'"a\\u0000b"', "a\ufffdb"),
    "half of an emoji": (b'"\\ud83d"', "\ufffd"),
    "halves in the wrong order": (b'"\\ude00\\ud83d"', "\ufffd\ufffd"),
    "both halves": (b'"\\ud83d\\ude00"', "😀"),
    "six characters that look like NUL": (b'"\\\\u0000"', "\\u0000"),
    "other control characters": (b'"\\u0001\\u001f\\u007f\\u0080\\u009f"', "\x01\x1f\x7f\x80\x9f"),
    "not characters": (b'"\\ufffe\\uffff\\ufeff"', "\ufffe\uffff\ufeff"),
    "direction marks": (b'"\\u202e\\u2066"', "\u202e\u2066"),
    "last, combined, joined": ('"\U0010ffff e\u0301 👩‍👩‍👧"'.encode(), "\U0010ffff e\u0301 👩‍👩‍👧"),
    "Bobby Tables": (b'"\'; DROP TABLE chat_log; --"', "'; DROP TABLE chat_log; --"),
    "placeholders": (b'"$1 %s {} \\\\N"', "$1 %s {} \\N"),
    "the word null": (b'"null"', "null"),
    "JSON that someone typed": (b'"{\\"a\\":1}"', '{"a":1}'),
    "blanks": (b'" \\r\\n "', " \r\n "),
}


async def test_what_someone_wrote_goes_from_bytes_to_row(database: Settings, sink: ChatLogSink) -> None:
    template = (
        b'{"userid": %s, "timestamp": 1, "direction": "user", "content": %s, "question_ref": %s,'
        b' "raw_payload": {%s: [%s]}, "metadata": {"x": {%s: %s}}}'
    )

    assert await write(sink, [decode_entry(template % ((sent,) * 7)) for sent, _ in NASTY.values()]) == []

    rows = await rows_of(database)
    for what, (_, text) in NASTY.items():
        row = rows[text, 1, "user"]
        assert (row["content"], row["question_ref"]) == (text, text), what
        assert json.loads(row["raw_payload"]) == {text: [text]}, what
        assert json.loads(row["metadata"]) == {"x": {text: text}}, what


async def test_numbers_that_json_allows_are_stored(database: Settings, sink: ChatLogSink) -> None:
    raw = (
        b'{"userid": 17, "timestamp": 1.0, "direction": "bot", "content": "", "raw_payload":'
        b"[1e308, -1e-308, 123456789012345678901234567890, 0.1, -0.0,"
        b" 18446744073709551615, -9223372036854775808]}"
    )
    assert await write(sink, [decode_entry(raw)]) == []
    (row,) = (await rows_of(database)).values()
    assert orjson.loads(row["raw_payload"]) == [
        1e308,
        -1e-308,
        1.2345678901234568e29,
        0.1,
        0.0,
        2**64 - 1,
        -(2**63),
    ]


async def test_an_event_as_deep_as_can_be_read_can_be_stored(database: Settings, sink: ChatLogSink) -> None:
    deep = b'{"a":' * 128 + b"1" + b"}" * 128
    raw = b'{"userid": "u", "timestamp": 1, "direction": "bot", "content": "", "raw_payload": %s}' % deep
    assert await write(sink, [decode_entry(raw)]) == []
    (row,) = (await rows_of(database)).values()
    assert json.loads(row["raw_payload"]) == json.loads(deep)


# -- once


async def test_the_same_message_is_one_row_and_the_first_one_stays(
    database: Settings, sink: ChatLogSink
) -> None:
    first = [entry(1), entry(2), entry(1, content="again"), entry(1, direction=Direction.BOT)]
    assert await write(sink, first) == []
    assert await write(sink, [entry(2, content="later"), entry(3)]) == []

    found = await stored(database)
    assert found == {
        each.key: each for each in (entry(1), entry(2), entry(1, direction=Direction.BOT), entry(3))
    }
    assert counted(sink, "rows", "duplicates", "key_conflicts") == (4, 2, 0)


async def test_two_sinks_that_write_the_same_messages_at_once_do_not_stop_each_other(
    database: Settings, pool: asyncpg.Pool
) -> None:
    """After a rebalance two workers may hold the same records, in different batches."""
    sinks = [sink_on(pool, max_entries=500), sink_on(pool, max_entries=700)]
    entries = [entry(number) for number in range(5_000)]
    shuffled = sorted(entries, key=lambda each: hash((each.userid, each.timestamp * 31 % 997)))

    await asyncio.gather(
        *(write(sinks[0], entries[start : start + 500]) for start in range(0, 5_000, 500)),
        *(write(sinks[1], shuffled[start : start + 700]) for start in range(0, 5_000, 700)),
    )

    assert set(await rows_of(database)) == {each.key for each in entries}
    assert sum(total(sink.figures.rows) for sink in sinks) == 5_000
    assert [retry_policy_of(sink).retries for sink in sinks] == [0, 0]


def log_with_conflicts(entries: int, apart: int) -> list[ChatLogEntry]:
    """Return a log in which every third message has the key of the one so many entries before it."""
    return [
        entry(
            number - apart if number % 3 == 0 and number >= apart else number,
            userid="of all",
            content=f"said {number}",
            raw_payload={"message": {"mid": f"m_{number}"}},
        )
        for number in range(entries)
    ]


async def test_of_two_messages_with_one_key_the_first_in_the_log_stays_however_often_it_is_read(
    database: Settings, pool: asyncpg.Pool
) -> None:
    log = log_with_conflicts(6_000, apart=700)
    first: dict[tuple[str, int, str], ChatLogEntry] = {}
    for each in log:
        first.setdefault(each.key, each)
    lost = {each.content for each in log if first[each.key] is not each}
    assert len(lost) > 1_000

    # The second time, what is there is looked up first.
    for _ in range(2):
        sink = sink_on(pool, max_entries=150, max_writes=4)
        refused = await asyncio.gather(*(write(sink, log[n : n + 50]) for n in range(0, len(log), 50)))
        assert {item.content for some in refused for item, _ in some} == lost
        assert await stored(database) == first
        assert total(sink.figures.key_conflicts) == len(lost)


async def test_a_later_message_waits_for_a_first_one_that_is_held_up(
    database: Settings, pool: asyncpg.Pool
) -> None:
    sink = sink_on(pool, max_entries=2, max_writes=3)
    held_up, unrelated = [entry(1, userid="a"), entry(2, content="first")], [entry(3), entry(4)]
    async with locked(
        database,
        "INSERT INTO chat_log (userid, timestamp, direction, content) VALUES "
        f"('a', 'epoch'::timestamptz + {NOW_MS + 1} * interval '1 millisecond', 'user', '')",
    ):
        first = asyncio.create_task(write(sink, held_up))
        await eventually(lambda: is_writing(sink, 1))
        later = asyncio.create_task(write(sink, [entry(2, content="later"), entry(5)]))
        # By the time that these are written, those before them would be.
        await write(sink, unrelated)
        assert not later.done()

    assert [await first, await later] == [[], []]
    assert await stored(database) == {each.key: each for each in [*held_up, *unrelated, entry(5)]}


def is_writing(sink: ChatLogSink, batches: int) -> bool:
    return len(sink._batcher._writes) == batches


def said(mid: object, number: int = 0, how: str = "message", **fields: Any) -> ChatLogEntry:
    return entry(number, raw_payload={how: {"mid": mid}}, **fields)


@pytest.mark.parametrize(
    ("there", "comes", "is_lost"),
    [
        (said("a"), said("b"), True),
        (said("a"), said("b", how="postback"), True),
        (said("a", how="postback"), said("b", how="postback"), True),
        # Delivered again, by whoever.
        (said("a"), said("a", content="as another version reads it"), False),
        # Not known to be another: rows of other writers need not have the event.
        (said("a"), entry(raw_payload=None), False),
        (entry(raw_payload=None), said("a"), False),
        (entry(raw_payload={"message": {}}), entry(raw_payload={"postback": {}}), False),
        (said("a"), said(7), False),
        (said(["a"]), said("b"), True),
        (entry(raw_payload=["message"]), said("a"), False),
        (said("a"), entry(raw_payload="message"), False),
        (said("a"), entry(raw_payload={"message": ["mid"]}), False),
        # Another key.
        (said("a"), said("b", direction=Direction.BOT), False),
        (said("a"), said("b", number=50), False),
    ],
)
async def test_a_message_whose_key_another_one_has_is_refused(
    sink: ChatLogSink, there: ChatLogEntry, comes: ChatLogEntry, is_lost: bool
) -> None:
    assert await write(sink, [there]) == []

    # Alone, once as it is inserted and once as it is looked up first; and as it comes out of the topic.
    for again in (comes, comes, decode_entry(encode_entry(comes))):
        refused = await write(sink, [again])
        assert [(item, why.reason) for item, why in refused] == [(again, Reason.KEY_CONFLICT)] * is_lost
    # And in one batch with what it is compared to, which is there by now.
    in_a_batch = [item for item, _ in await write(sink, [entry(1), there, entry(2), comes, entry(3)])]

    assert in_a_batch == [comes] * is_lost
    assert total(sink.figures.key_conflicts) == 4 * is_lost
    assert sum(counted(sink, "rows", "duplicates", "key_conflicts")) == 9


async def test_what_a_conflict_says_names_both_messages_and_nothing_that_was_said(
    database: Settings, sink: ChatLogSink
) -> None:
    long = "m" * 10_000
    ((_, why),) = await write(sink, [said("m_first", content="secret"), said(long, content="secret too")])
    assert "m_first" in why.detail
    assert "m" * 100 in why.detail
    assert len(why.detail) < 300
    assert "secret" not in why.detail
    (row,) = (await rows_of(database)).values()
    assert row["content"] == "secret"


async def test_a_log_that_is_read_again_gets_what_is_missing(database: Settings, sink: ChatLogSink) -> None:
    log = [entry(number) for number in range(300)]
    await write(sink, log[:200])
    await write(sink, log[:100])
    assert await write(sink, log) == []
    await execute(database, "DELETE FROM chat_log WHERE timestamp < (SELECT max(timestamp) FROM chat_log)")
    assert await write(sink, log) == []
    assert await stored(database) == {each.key: each for each in log}
    assert counted(sink, "rows", "duplicates") == (200 + 100 + 299, 100 + 200 + 1)


# -- who is to blame


async def test_a_row_that_the_database_refuses_does_not_hold_up_its_neighbours(
    database: Settings, sink: ChatLogSink
) -> None:
    await execute(database, "ALTER TABLE chat_log ADD CONSTRAINT no_poison CHECK (content <> 'poison')")
    entries = [entry(n, content="poison" if n in {0, 137, 138, 999} else "fine") for n in range(1000)]

    refused = await write(sink, entries)

    assert {item.timestamp - NOW_MS for item, _ in refused} == {0, 137, 138, 999}
    assert {error.reason for _, error in refused} == {Reason.REJECTED_BY_DATABASE}
    assert all("poison" not in str(error) and "23514" in error.detail for _, error in refused)
    assert await count(database) == 996
    assert counted(sink, "rows", "refused", "duplicates") == (996, 4, 0)


async def test_an_error_for_content_leaves_out_the_one_that_made_it(
    database: Settings, sink: ChatLogSink
) -> None:
    await execute(
        database,
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.content LIKE 'secret%' THEN
                RAISE EXCEPTION 'no % here', NEW.content USING ERRCODE = right(NEW.content, 5);
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON chat_log FOR EACH ROW EXECUTE FUNCTION refuse();
        """,
    )
    codes = ["22000", "22P05", "22023", "23000", "23503", "23514", "54000"]
    bad = [entry(2 * n, content=f"secret {code}") for n, code in enumerate(codes)]
    good = [entry(2 * n + 1) for n in range(len(codes))]

    refused = await write(sink, [*good, *bad])

    assert {item.key: error.detail[-6:-1] for item, error in refused} == {
        each.key: code for each, code in zip(bad, codes, strict=True)
    }
    assert not any("secret" in str(error) for _, error in refused)
    assert await stored(database) == {each.key: each for each in good}


async def test_a_missing_table_stops_with_what_to_do(database: Settings, sink: ChatLogSink) -> None:
    await execute(database, "DROP TABLE chat_log CASCADE")
    with pytest.raises(CannotGoOn, match="chatlog migrate up"):
        await write(sink, [entry(0)])


async def test_a_user_without_rights_stops_with_what_to_do(database: Settings) -> None:
    role = f"nobody_{uuid.uuid4().hex}"
    await execute(database, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    url = urlsplit(database.database.require_url())
    as_role = url._replace(netloc=f"{role}:secret@{url.netloc.rpartition('@')[2]}").geturl()
    pool = await create_pool(changed(database, database_url=SecretStr(as_role)).database, min_size=0)
    try:
        with pytest.raises(CannotGoOn, match="`chatlog check` tells which role to grant"):
            await write(sink_on(pool), [entry(0)])
    finally:
        pool.terminate()
        await execute(database, CUT)
        await execute(database, f"DROP ROLE {role}")
    assert await count(database) == 0


async def test_a_column_that_is_not_there_stops_the_sink(database: Settings, sink: ChatLogSink) -> None:
    await execute(database, "ALTER TABLE chat_log DROP COLUMN question_ref CASCADE")
    with pytest.raises(CannotGoOn, match="chatlog check"):
        await write(sink, [entry(0)])


# -- while the database has its troubles

#: Ends the sessions of all others.
CUT = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def test_connections_cut_in_the_middle_of_writes_lose_and_double_nothing(
    database: Settings, pool: asyncpg.Pool
) -> None:
    sink = sink_on(pool, max_entries=300, max_writes=3)
    written: list[ChatLogEntry] = []
    cut = 0

    async def cut_connections() -> None:
        nonlocal cut
        connection = await connect(database.database, application_name="cutter")
        try:
            while True:
                cut += await connection.fetchval(CUT)
                written_before = sum(counted(sink, "rows", "duplicates"))
                # Something must get through, or a busy machine spends its time connecting.
                await eventually(
                    lambda: sum(counted(sink, "rows", "duplicates")) > written_before  # noqa: B023  awaited here
                )
        finally:
            # Only then PostgreSQL has ended the last cut, which would hit whoever comes next.
            await connection.close()

    cutter = asyncio.create_task(cut_connections())
    # However fast they are: until they were cut off often, and had to write again.
    while cut < 10 or retry_policy_of(sink).retries < 3:
        entries = [entry(len(written) + number) for number in range(2_000)]
        refused = await asyncio.gather(
            *(write(sink, entries[start : start + 100]) for start in range(0, len(entries), 100))
        )
        assert refused == [[]] * 20
        written += entries
        assert not cutter.done()
    cutter.cancel()
    await asyncio.wait({cutter})

    assert set(await rows_of(database)) == {each.key for each in written}
    assert retry_policy_of(sink).waiting_since is None


@asynccontextmanager
async def locked(settings: Settings, how: str) -> AsyncIterator[None]:
    connection = await connect(settings.database, statement_timeout_s=0)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(how)
    try:
        yield
    finally:
        await transaction.rollback()
        await connection.close()


async def waits(sink: ChatLogSink, for_what: str) -> bool:
    retry_policy = retry_policy_of(sink)
    assert retry_policy.waiting_since is not None
    return for_what in (retry_policy.last_error or "")


async def test_a_locked_table_is_waited_for(database: Settings) -> None:
    pool = await create_pool(changed(database, database_timeout_s=1.0).database, min_size=0)
    sink = sink_on(pool)
    async with locked(database, "LOCK TABLE chat_log IN ACCESS EXCLUSIVE MODE"):
        writing = asyncio.create_task(write(sink, [entry(0)]))
        await eventually(lambda: waits(sink, "57014"))  # the statement's time is over
        assert not writing.done()
    assert await writing == []
    assert await count(database) == 1
    pool.terminate()


async def test_a_database_that_is_read_only_for_now_is_waited_for(
    database: Settings, sink: ChatLogSink
) -> None:
    """As one is that fails over to its standby."""
    name = database.database.require_url().rpartition("/")[2]
    await execute(database, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    writing = asyncio.create_task(write(sink, [entry(0)]))
    await eventually(lambda: waits(sink, "25006"))
    connection = await connect(database.database)
    await connection.execute("SET default_transaction_read_only = off")
    await connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await connection.execute(CUT)
    await connection.close()
    assert await writing == []


@pytest.fixture
async def own_database(dedicated_postgres: EmbeddedPostgres, tmp_path: Path) -> Settings:
    """Settings of a server that the test may end."""
    await migrate(dedicated_postgres.url)
    return settings_for_tests("t", "127.0.0.1:1", dedicated_postgres.url, tmp_path)


async def test_a_server_that_crashes_and_comes_back_finds_its_writes_waiting(
    own_database: Settings, dedicated_postgres: EmbeddedPostgres
) -> None:
    pool = await create_pool(own_database.database, min_size=0)
    sink = sink_on(pool, max_entries=200)
    numbers, enough = itertools.count(), asyncio.Event()
    written: list[ChatLogEntry] = []

    async def write_on() -> None:
        while not enough.is_set():
            some = [entry(next(numbers)) for _ in range(100)]
            assert await write(sink, some) == []
            written.extend(some)

    writing = asyncio.gather(*(write_on() for _ in range(8)))
    await eventually(lambda: total(sink.figures.rows) > 400)
    await dedicated_postgres.stop("immediate")
    await eventually(lambda: retry_policy_of(sink).waiting_since is not None)
    enough.set()
    assert not writing.done()
    await dedicated_postgres.start()

    await writing
    assert set(await rows_of(own_database)) == {each.key for each in written}
    # What was committed when the connection broke was written again: as a duplicate, not as a second row.
    assert sum(counted(sink, "rows", "duplicates")) == len(written)
    pool.terminate()


async def test_writes_to_a_frozen_server_are_abandoned_in_time(
    own_database: Settings, dedicated_postgres: EmbeddedPostgres
) -> None:
    pool = await create_pool(own_database.database, min_size=0)
    sink = sink_on(pool)
    await write(sink, [entry(0)])
    with frozen(dedicated_postgres.pid):
        writing = asyncio.create_task(write(sink, [entry(1)]))
        await asyncio.wait({writing}, timeout=0.5)
        began = asyncio.get_running_loop().time()
        await sink.abandon()
        # And not when the statement's time is over.
        assert asyncio.get_running_loop().time() - began < STOP_S + own_database.database.timeout_s / 2
        await asyncio.wait({writing}, timeout=LIMIT_S)
        assert writing.cancelled()
    assert await write(sink, [entry(2)]) == []
    assert {(0), (2)} <= {key[1] - NOW_MS for key in await rows_of(own_database)}
    pool.terminate()


async def test_what_was_abandoned_can_be_written_again(database: Settings, sink: ChatLogSink) -> None:
    async with locked(database, "LOCK TABLE chat_log IN ACCESS EXCLUSIVE MODE"):
        writing = [asyncio.create_task(write(sink, [entry(number)])) for number in range(3)]
        await asyncio.wait(writing, timeout=0.2)
        await sink.abandon()
        await sink.abandon()
        await asyncio.wait(writing, timeout=LIMIT_S)
        assert all(task.cancelled() for task in writing)
        assert retry_policy_of(sink).waiting_since is None

    assert await write(sink, [entry(number) for number in range(3)]) == []
    assert await count(database) == 3


async def test_a_round_trip_through_the_topics_format_changes_nothing(
    database: Settings, sink: ChatLogSink
) -> None:
    given = [entry(n, content=chr(n * 37 % 0xD7FF + 1) * 5, metadata={"n": n / 7}) for n in range(300)]
    await write(sink, [decode_entry(encode_entry(each)) for each in given])
    assert await stored(database) == {each.key: each for each in given}
