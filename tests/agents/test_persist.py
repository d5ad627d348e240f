"""Every record of a chunk becomes a row or a dead letter, on a real database and a real broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import ConsumerRecord
from prometheus_client import CollectorRegistry

from agents.chunks import Chunk
from agents.persist import KeepDeadLetters, Persist
from app.postgres.connections import connect
from app.worker.watch.figures import by_label, total
from models.dead_letters import DeadLetter, from_record, to_record
from models.errors import Reason
from models.surveys import SurveyMap
from sinks.dead_letters import DeadLetterTable, DeadLetterTopic
from sinks.errors import CannotGoOn
from sinks.postgres.chat_log import ChatLogSink
from sinks.postgres.survey_lookup import fresh_surveys
from sinks.retry import RetryPolicy
from tests.sinks.kafka.topics import make_topic, producing, records_in
from tests.survey_tables import ANN, BENS, FIRST, MADE, SECOND, SURVEY, execute, make_surveys
from tests.workers import count, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from app.settings import Settings
    from models.entries import ChatLogEntry

CHAT_LOG, DEAD_LETTERS = "chat-log", "dead-letters"


def record(
    offset: int, value: bytes | None, *, topic: str = CHAT_LOG, key: bytes | None = b"k", headers: Any = ()
) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord(
        topic,
        1,
        offset,
        1_760_000_000_000 + offset,
        0,
        key,
        value,
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        headers=headers,
    )


def chunk(records: Sequence[ConsumerRecord[Any, Any]]) -> Chunk:
    return Chunk(records[0].topic, 1, records, 100)


def entry(number: int, **fields: Any) -> bytes:
    return orjson.dumps(
        {"userid": f"u{number}", "timestamp": number, "direction": "user", "content": f"m{number}"} | fields
    )


async def kept(settings: Settings) -> dict[tuple[str, int], asyncpg.Record]:
    connection = await connect(settings.database)
    try:
        return {
            (row["topic"], row["offset"]): row for row in await connection.fetch("SELECT * FROM dead_letters")
        }
    finally:
        await connection.close()


async def test_every_record_is_a_row_or_a_dead_letter_with_its_own_place(
    database: Settings, pool: asyncpg.Pool, kafka: str, kafka_prefix: str
) -> None:
    await pool.execute("ALTER TABLE chat_log ADD CONSTRAINT no_poison CHECK (content <> 'poison')")
    topic = await make_topic(kafka, f"{kafka_prefix}-dead-letters", partitions=2)
    sink = ChatLogSink(pool, RetryPolicy("test"), max_entries=100, max_wait_s=0.01, max_writes=2)
    values: dict[int, bytes | None] = {
        10: entry(10),
        11: b"{",
        12: entry(12, content="poison"),
        13: None,
        14: entry(14),
        # The same twice: one row, and of two that are refused, each with its own place.
        15: entry(14),
        16: entry(12, content="poison"),
        17: entry(17, direction="sideways"),
        40: entry(40),
    }
    async with producing(kafka) as producer:
        dead_letters = DeadLetterTopic(producer, topic, partitions=2)
        await Persist(sink, dead_letters, fresh_surveys(pool, RetryPolicy("test")))(
            chunk([record(offset, value, headers=(("h", b"1"),)) for offset, value in values.items()])
        )

    assert {key[0] for key in await rows_of(database)} == {"u10", "u14", "u40"}
    letters = [from_record(r.key, r.value, tuple(r.headers)) for r in await records_in(kafka, topic, 1)]
    assert {letter.offset: str(letter.reason) for letter in letters} == {
        11: "not_json",
        12: "rejected_by_database",
        13: "empty",
        16: "rejected_by_database",
        17: "unknown_value",
    }
    for letter in letters:
        assert (letter.topic, letter.partition, letter.key) == (CHAT_LOG, 1, b"k")
        assert letter.value == values[letter.offset]
        assert letter.headers == (("h", b"1"),)
        assert letter.timestamp_ms == 1_760_000_000_000 + letter.offset
    assert by_label(dead_letters.sent) == {
        "not_json": 1,
        "rejected_by_database": 2,
        "empty": 1,
        "unknown_value": 1,
    }


async def test_a_message_whose_key_another_one_has_is_a_dead_letter_and_the_log_says_where(
    pool: asyncpg.Pool, kafka: str, kafka_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    topic = await make_topic(kafka, f"{kafka_prefix}-dead-letters", partitions=2)
    sink = ChatLogSink(pool, RetryPolicy("test"), max_entries=100, max_wait_s=0.01, max_writes=2)
    mids = {10: "m_first", 11: "m_lost", 12: "m_first", 13: "m_lost too"}
    records = [
        record(offset, entry(1, content="secret", raw_payload={"message": {"mid": mid}}))
        for offset, mid in mids.items()
    ]
    async with producing(kafka) as producer:
        dead_letters = DeadLetterTopic(producer, topic, partitions=2)
        await Persist(sink, dead_letters, fresh_surveys(pool, RetryPolicy("test")))(chunk(records))

    letters = [from_record(r.key, r.value, tuple(r.headers)) for r in await records_in(kafka, topic, 1)]
    assert {letter.offset: letter.reason for letter in letters} == {11: "key_conflict", 13: "key_conflict"}
    assert all("m_first" in letter.detail and mids[letter.offset] in letter.detail for letter in letters)
    (told,) = [line for line in caplog.records if line.levelname == "WARNING"]
    assert told.__dict__ | {"topic": CHAT_LOG, "partition": 1, "offset": 11, "records": 2} == told.__dict__
    assert "secret" not in caplog.text


async def test_chunks_reach_the_sink_in_the_order_in_which_they_came() -> None:
    """Also when the first of them had to wait for the surveys, and the next need not."""

    class Surveys:
        def __init__(self) -> None:
            self.asked = 0

        async def known(self) -> SurveyMap:
            self.asked += 1
            if self.asked == 1:
                await asyncio.sleep(0.05)
            return SurveyMap()

    class Sink:
        def __init__(self) -> None:
            self.written: list[int] = []

        async def write(self, entries: Sequence[tuple[ChatLogEntry, object]]) -> list[Any]:
            self.written.extend(entry.timestamp for entry, _ in entries)
            return []

    sink, nowhere = Sink(), DeadLetterTopic(None, "nowhere", 1)  # type: ignore[arg-type] # nothing is sent
    persist = Persist(sink, nowhere, Surveys())  # type: ignore[arg-type] # as much of them as is used
    await asyncio.gather(*(persist(chunk([record(number, entry(number))])) for number in range(5)))
    assert sink.written == [0, 1, 2, 3, 4]


async def test_chunks_of_many_partitions_are_written_together(database: Settings, pool: asyncpg.Pool) -> None:
    registry = CollectorRegistry()
    sink = ChatLogSink(
        pool, RetryPolicy("test"), max_entries=240, max_wait_s=60, max_writes=2, registry=registry
    )
    nowhere = DeadLetterTopic(None, "nowhere", 1)  # type: ignore[arg-type] # nothing is sent
    persist = Persist(sink, nowhere, fresh_surveys(pool, RetryPolicy("test")))
    chunks = [chunk([record(n, entry(100 * c + n)) for n in range(20)]) for c in range(12)]
    await asyncio.gather(*(persist(each) for each in chunks))
    assert await count(database) == 240
    assert registry.get_sample_value("chatlog_batch_entries_count") == 1
    assert registry.get_sample_value("chatlog_batch_entries_sum") == 240


async def test_an_entry_without_a_survey_gets_that_of_its_page_and_keeps_it_when_delivered_again(
    database: Settings, pool: asyncpg.Pool
) -> None:
    await make_surveys(database)
    sink = ChatLogSink(pool, RetryPolicy("test"), max_entries=100, max_wait_s=0.01, max_writes=2)
    nowhere = DeadLetterTopic(None, "nowhere", 1)  # type: ignore[arg-type] # nothing is sent
    said = {"shortcode": "form", "pageid": "page-of-ann"}
    after_ms = round(MADE.timestamp() * 1000) + 1
    messages = chunk(
        [
            record(0, entry(after_ms, userid="looked up", **said)),
            record(1, entry(after_ms, userid="known", surveyid=BENS, **said)),
            record(2, entry(after_ms, userid="without a form", pageid="page-of-ann")),
            record(3, entry(after_ms - 1, userid="too early", **said)),
        ]
    )
    expected = {"looked up": FIRST, "known": BENS, "without a form": None, "too early": None}

    async def stored() -> dict[str, str | None]:
        rows = (await rows_of(database)).values()
        return {row["userid"]: row["surveyid"] and str(row["surveyid"]) for row in rows}

    await Persist(sink, nowhere, fresh_surveys(pool, RetryPolicy("test")))(messages)
    assert await stored() == expected

    # By a worker that started after the survey had changed; the row is there already.
    await execute(database, SURVEY, SECOND, ANN, "form", MADE)
    await Persist(sink, nowhere, fresh_surveys(pool, RetryPolicy("test")))(messages)
    assert await stored() == expected


async def test_dead_letters_and_strangers_are_kept_under_their_places(
    database: Settings, pool: asyncpg.Pool
) -> None:
    letter = DeadLetter(Reason.NOT_JSON, "why", "source", 2, 7, b"key", b"{", (("h", None),), 5)
    key, value, headers = to_record(letter)
    beyond = [(name, b"99999999999" if name == "chatlog-partition" else content) for name, content in headers]
    keep = KeepDeadLetters(DeadLetterTable(pool, RetryPolicy("test")))
    records = [
        record(0, value, topic=DEAD_LETTERS, key=key, headers=tuple(headers)),
        record(1, b"a stranger's", topic=DEAD_LETTERS, headers=(("x", b"1"),)),
        # It looks like one of ours, but no row can hold the place that it names.
        record(2, value, topic=DEAD_LETTERS, key=key, headers=tuple(beyond)),
        record(3, None, topic=DEAD_LETTERS, key=None),
    ]

    await keep(chunk(records))
    await keep(chunk(records))

    rows = await kept(database)
    assert {place: row["reason"] for place, row in rows.items()} == {
        ("source", 7): "not_json",
        (DEAD_LETTERS, 1): "missing_field",
        (DEAD_LETTERS, 2): "rejected_by_database",
        (DEAD_LETTERS, 3): "missing_field",
    }
    assert rows[DEAD_LETTERS, 2]["value"] == b"{"
    assert total(keep.foreign) == 6


async def test_a_dead_letter_that_no_row_takes_at_all_stops_the_worker(
    database: Settings, pool: asyncpg.Pool
) -> None:
    await pool.execute("ALTER TABLE dead_letters ADD CONSTRAINT nothing CHECK (false)")
    keep = KeepDeadLetters(DeadLetterTable(pool, RetryPolicy("test")))
    with pytest.raises(CannotGoOn, match=r"dead-letters\[1\]@3 .*chatlog check"):
        await keep(chunk([record(3, b"", topic=DEAD_LETTERS)]))
