"""What can never be stored is kept: in the topic, then in the table, byte for byte and once."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import ConsumerRecord
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.postgres.connections import connect
from app.worker.watch.figures import by_label, total
from models.dead_letters import DeadLetter, from_record, to_record
from models.errors import BadRecord, Reason
from sinks.dead_letters import DeadLetterTable, DeadLetterTopic, dead_letter_of
from sinks.errors import CannotGoOn
from sinks.retry import RetryPolicy
from tests.sinks.kafka.topics import make_topic, producing, records_in
from tests.sinks.sources import each_its_own_source
from tests.workers import count

if TYPE_CHECKING:
    import asyncpg

    from app.settings import Settings


def dead_letter(offset: int = 0, **fields: Any) -> DeadLetter:
    values: dict[str, Any] = {
        "reason": Reason.NOT_JSON,
        "detail": "not JSON at character 3",
        "topic": "source",
        "partition": 2,
        "offset": offset,
        "key": b"key",
        "value": b'{"a',
        "headers": (),
        "timestamp_ms": 1_760_000_000_123,
    }
    return DeadLetter(**(values | fields))


#: Headers as odd as Kafka allows them.
ODD_HEADERS = (
    ("twice", b"1"),
    ("twice", b"2"),
    ("null", None),
    ("", b""),
    ("NUL in the value", b"a\x00b"),
    ("not UTF-8", b"\xff\xfe\x80"),
    ("ümlaut 😀", "é".encode()),
    ("chatlog-reason", b"someone else's"),
)
ODD = [
    dead_letter(0, key=None),
    dead_letter(1, value=None),
    dead_letter(2, key=None, value=None),
    dead_letter(3, key=b"", value=b""),
    dead_letter(4, key=b"\x00\xff", value=bytes(range(256))),
    dead_letter(5, headers=ODD_HEADERS),
    dead_letter(6, headers=(("NUL \x00 in the name", b"x"),)),
    dead_letter(7, timestamp_ms=None),
    dead_letter(8, timestamp_ms=0),
    dead_letter(9, detail="a \ufffd detail"),
    dead_letter(10, value=b"x" * 1_000_000),
    dead_letter(11, timestamp_ms=-1),
]


async def kept(settings: Settings) -> dict[int, asyncpg.Record]:
    connection = await connect(settings.database)
    try:
        return {row["offset"]: row for row in await connection.fetch("SELECT * FROM dead_letters")}
    finally:
        await connection.close()


def as_kept(letter: DeadLetter) -> dict[str, Any]:
    """The columns of a dead letter."""
    stamp = letter.timestamp_ms
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": str(letter.reason),
        "detail": letter.detail,
        "key": letter.key,
        "value": letter.value,
        # A column of JSON cannot hold NUL.
        "headers": [
            [name.replace("\x00", "\ufffd"), None if value is None else value.hex()]
            for name, value in letter.headers
        ],
        "source_timestamp": None if stamp is None or stamp < 0 else datetime.fromtimestamp(stamp / 1000, UTC),
    }


def columns(row: asyncpg.Record) -> dict[str, Any]:
    found = {name: row[name] for name in as_kept(dead_letter())}
    return found | {"headers": orjson.loads(row["headers"])}


async def test_dead_letters_come_out_of_the_topic_as_they_went_in(kafka: str, kafka_prefix: str) -> None:
    name = await make_topic(kafka, f"{kafka_prefix}-dead-letters", partitions=2, max_message_bytes="4194304")
    async with producing(kafka) as producer:
        topic = DeadLetterTopic(producer, name, partitions=2)
        await topic.send(ODD)
    found = [
        from_record(record.key, record.value, tuple(record.headers))
        for record in await records_in(kafka, name, partition=0)  # 2, the source's, of two
    ]
    assert found == ODD
    assert by_label(topic.sent) == {Reason.NOT_JSON: len(ODD)}


async def test_a_dead_letter_is_as_old_as_its_death(kafka: str, kafka_prefix: str) -> None:
    """With the source's time, its topic would throw an old one away at once, and refuse one of the future."""
    name = await make_topic(kafka, f"{kafka_prefix}-dead-letters", message_timestamp_after_max_ms="3600000")
    now_ms = int(time.time() * 1000)
    moments = [0, now_ms - 400 * 86_400_000, now_ms + 400 * 86_400_000]
    async with producing(kafka) as producer:
        await DeadLetterTopic(producer, name, partitions=1).send(
            [dead_letter(number, timestamp_ms=moment) for number, moment in enumerate(moments)]
        )
    done_ms = int(time.time() * 1000)
    records = await records_in(kafka, name)
    assert [from_record(r.key, r.value, tuple(r.headers)).timestamp_ms for r in records] == moments
    assert all(now_ms <= record.timestamp <= done_ms for record in records)


async def test_a_dead_letter_too_large_for_its_topic_stops_with_what_to_do(
    kafka: str, kafka_prefix: str
) -> None:
    name = await make_topic(kafka, f"{kafka_prefix}-dead-letters", max_message_bytes="100000")
    async with producing(kafka) as producer:
        topic = DeadLetterTopic(producer, name, partitions=1)
        with pytest.raises(CannotGoOn, match=r"source\[2\]@17 .* raise its max.message.bytes"):
            await topic.send([dead_letter(17, value=b"x" * 200_000)])
    assert total(topic.sent) == 0


async def test_a_consumed_record_is_kept_whole() -> None:
    record = ConsumerRecord(
        "source", 3, 7, 123, 0, b"k", b"v", checksum=None, serialized_key_size=1, serialized_value_size=1,
        headers=(("a", None),),
    )  # fmt: skip
    assert dead_letter_of(record, BadRecord(Reason.EMPTY, "why")) == DeadLetter(
        Reason.EMPTY, "why", "source", 3, 7, b"k", b"v", (("a", None),), 123
    )


async def test_dead_letters_are_rows_byte_for_byte(database: Settings, pool: asyncpg.Pool) -> None:
    table = DeadLetterTable(pool, RetryPolicy("test"))
    assert await table.write(each_its_own_source(ODD)) == []
    assert {offset: columns(row) for offset, row in (await kept(database)).items()} == {
        letter.offset: as_kept(letter) for letter in ODD
    }


async def test_the_same_dead_letter_twice_is_one_row(database: Settings, pool: asyncpg.Pool) -> None:
    table = DeadLetterTable(pool, RetryPolicy("test"))
    await table.write(each_its_own_source([dead_letter(1), dead_letter(1, detail="again"), dead_letter(2)]))
    await table.write(each_its_own_source([dead_letter(2, detail="later"), dead_letter(3)]))
    assert {offset: row["detail"] for offset, row in (await kept(database)).items()} == dict.fromkeys(
        (1, 2, 3), "not JSON at character 3"
    )
    assert total(table.kept) == 3


async def test_nothing_is_written_for_nothing(database: Settings, pool: asyncpg.Pool) -> None:
    assert await DeadLetterTable(pool, RetryPolicy("test")).write([]) == []
    assert await count(database, "dead_letters") == 0


@pytest.mark.parametrize(
    ("impossible", "what"),
    [
        (dead_letter(1, partition=2**31), "22000"),
        (dead_letter(2**63), "22000"),
        (dead_letter(1, topic=random.Random(1).randbytes(5_000).hex()), "54000"),
    ],
    ids=["partition", "offset", "topic"],
)
async def test_one_that_no_row_can_hold_is_told_apart_from_its_neighbours(
    database: Settings, pool: asyncpg.Pool, impossible: DeadLetter, what: str
) -> None:
    table = DeadLetterTable(pool, RetryPolicy("test"))
    ((letter, error),) = await table.write(
        each_its_own_source([dead_letter(10), impossible, dead_letter(11)])
    )
    assert letter == impossible
    assert what in error.detail
    assert set(await kept(database)) == {10, 11}


async def test_any_time_of_the_source_can_be_kept(database: Settings, pool: asyncpg.Pool) -> None:
    """A producer may have given microseconds: that is a time in the year 57,000."""
    moments = [0, 1, 253_402_300_799_999, 253_402_300_800_000, 1_760_000_000_123_456, 2**63 - 1, -1, -(2**63)]
    await DeadLetterTable(pool, RetryPolicy("test")).write(
        each_its_own_source(dead_letter(number, timestamp_ms=moment) for number, moment in enumerate(moments))
    )
    rows = await kept(database)
    assert [rows[n]["source_timestamp"] for n in range(len(moments))] == [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1970, 1, 1, 0, 0, 0, 1000, UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC),
        *[None] * 5,
    ]


async def test_a_missing_table_stops_with_what_to_do(database: Settings, pool: asyncpg.Pool) -> None:
    await pool.execute("DROP TABLE dead_letters")
    with pytest.raises(CannotGoOn, match="chatlog migrate up"):
        await DeadLetterTable(pool, RetryPolicy("test")).write(each_its_own_source([dead_letter()]))


any_header = st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=8))


@given(
    letters=st.lists(
        st.builds(
            dead_letter,
            st.integers(0, 2**63 - 1),
            reason=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
            key=st.none() | st.binary(max_size=20),
            value=st.none() | st.binary(max_size=50),
            headers=st.lists(any_header, max_size=4).map(tuple),
            timestamp_ms=st.none() | st.integers(0, 2**62),
        ),
        max_size=5,
        unique_by=lambda letter: letter.offset,
    )
)
@hypothesis_settings(
    max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
async def test_whatever_goes_through_the_topic_can_be_a_row(
    database: Settings, pool: asyncpg.Pool, letters: list[DeadLetter]
) -> None:
    read_back = [from_record(*to_record(letter)) for letter in letters]
    assert read_back == letters
    assert await DeadLetterTable(pool, RetryPolicy("test")).write(each_its_own_source(read_back)) == []
