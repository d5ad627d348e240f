"""Values that no file can hold: a note stands in their place, and everything else is as it would be."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow.parquet
import pytest

from app.postgres.connections import connect
from models.exports import Source
from sinks.exports.cells import CELL_MAX_BYTES
from sinks.exports.copy import Written
from tests.sinks.exports.exporting import World, cells, contents, exported

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncIterator

    from app.settings import Settings

OWNER = "a@example.org"
NO_DATE = "[not shown: timestamp out of range]"
TOO_LONG = "[not shown: too long]"
UNREADABLE = "[not shown: cannot be read]"
#: 180 kB that are 2.6 GB as PostgreSQL writes them.
HUGE_NUMBERS = f"[{', '.join(['1e131071'] * 20_000)}]"
#: 600 kB that are more than a gigabyte, of which no number is large or small.
HUGE_ZEROS = f"[{', '.join(['0e-16383'] * 70_000)}]"
TIMES = {
    "20000-01-01 00:00Z": NO_DATE,
    "10000-01-01 00:00Z": NO_DATE,
    "9999-12-31 23:59:59.999Z": "9999-12-31T23:59:59.999Z",
    "0001-01-01 00:00Z": "0001-01-01T00:00:00.000Z",
    "0044-03-15 00:00Z BC": NO_DATE,
    "infinity": NO_DATE,
    "-infinity": NO_DATE,
}


@pytest.fixture
async def world(database: Settings) -> AsyncIterator[World]:
    connection = await connect(database.database, statement_timeout_s=0)
    try:
        yield World(connection)
    finally:
        await connection.close()


@pytest.fixture
async def surveyid(world: World) -> uuid.UUID:
    return await world.survey(await world.owner(OWNER, "page"), "Health", "flu")


async def rows_of(
    database: Settings, source: Source = Source.CHAT_LOG, **options: Any
) -> tuple[list[dict[str, Any]], int]:
    """Return the rows of a file in any format, and how many values were not shown."""
    progress = Written()
    file = await exported(database, OWNER, "Health", source, progress, **options)
    match options.get("format"):
        case "parquet":
            table = pyarrow.parquet.read_table(pyarrow.BufferReader(file))
            rows: list[dict[str, Any]] = table.to_pylist()
        case "jsonl":
            rows = [orjson.loads(line) for line in io.BytesIO(file)]
        case _:
            header, *lines = cells(file)
            rows = [dict(zip(header, line, strict=True)) for line in lines]
    assert progress.rows == len(rows)
    return rows, progress.not_shown


@pytest.mark.parametrize("source", [Source.CHAT_LOG, Source.RESPONSES])
async def test_a_time_beyond_the_calendar_is_a_note_and_the_rest_of_the_row_is_there(
    database: Settings, world: World, surveyid: uuid.UUID, source: Source
) -> None:
    table, text = ("chat_log", "content") if source is Source.CHAT_LOG else ("responses", "response")
    column = "direction" if source is Source.CHAT_LOG else "question_ref"
    for number, moment in enumerate(TIMES):
        await world.connection.execute(
            f"INSERT INTO {table} (userid, timestamp, {column}, {text}, surveyid) "
            "VALUES ($1, $2::text::timestamptz, 'user', $2, $3)",
            f"u{number}",
            moment,
            surveyid,
        )

    for options in ({}, {"format": "jsonl"}, {"for_spreadsheets": True, "safe_cells": True}):
        rows, not_shown = await rows_of(database, source, **options)
        assert [row["timestamp"] for row in rows] == list(TIMES.values())
        assert [row[text].strip("='\"") for row in rows] == list(TIMES)
        assert not_shown == 5
    rows, not_shown = await rows_of(database, source, format="parquet")
    assert [row["timestamp"] is None for row in rows] == [shown == NO_DATE for shown in TIMES.values()]
    assert [row[text] for row in rows] == list(TIMES)
    assert not_shown == 5


@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet"])
async def test_json_that_is_too_long_when_written_is_a_note(
    database: Settings, world: World, surveyid: uuid.UUID, format_: str
) -> None:
    huge = (0, 3, 50, 51, 99)
    for number in range(100):
        payload = HUGE_NUMBERS if number in huge else "[1e20]"
        await world.say(str(number), surveyid=surveyid, metadata='{"a": "\\n\\""}', raw_payload=payload)

    options: dict[str, Any] = {"format": format_, "include_metadata": True, "include_raw_payload": True}
    rows, not_shown = await rows_of(database, **options)

    assert [row["content"] for row in rows] == [str(number) for number in range(100)]
    assert tuple(number for number, row in enumerate(rows) if row["raw_payload"] == TOO_LONG) == huge
    assert rows[4]["raw_payload"] in ("[100000000000000000000]", [100000000000000000000])
    assert rows[3]["metadata"] == rows[4]["metadata"]
    assert not_shown == len(huge)


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
async def test_a_row_that_postgresql_fails_to_write_is_found_and_has_notes(
    database: Settings, world: World, surveyid: uuid.UUID, format_: str
) -> None:
    for number in range(60):
        payload = {7: HUGE_NUMBERS, 40: HUGE_ZEROS}.get(number, "[1e20]")
        await world.say(f'{number}\n"', surveyid=surveyid, metadata='{"a": 1}', raw_payload=payload)

    options: dict[str, Any] = {"format": format_, "include_metadata": True, "include_raw_payload": True}
    rows, not_shown = await rows_of(database, **options)

    assert [row["content"] for row in rows] == [f'{number}\n"' for number in range(60)]
    assert (rows[7]["raw_payload"], rows[40]["raw_payload"]) == (TOO_LONG, UNREADABLE)
    assert rows[39] | {"content": "", "timestamp": ""} == rows[41] | {"content": "", "timestamp": ""}
    assert rows[40]["metadata"] == rows[41]["metadata"]
    # Each counts once, though what was read when it failed is read again.
    assert not_shown == 2


async def test_metadata_of_responses_is_a_note_too(
    database: Settings, world: World, surveyid: uuid.UUID
) -> None:
    await world.answer("q1", "a", surveyid=surveyid, metadata=HUGE_NUMBERS)
    await world.answer("q2", "b", surveyid=surveyid, metadata='{"a": 1}')

    rows, not_shown = await rows_of(database, Source.RESPONSES, include_metadata=True)

    assert [(row["response"], row["metadata"]) for row in rows] == [("a", TOO_LONG), ("b", '{"a": 1}')]
    assert not_shown == 1


@pytest.mark.parametrize("options", [{}, {"format": "jsonl"}, {"format": "parquet"}, {"safe_cells": True}])
async def test_a_text_that_is_too_long_for_a_cell_is_a_note(
    database: Settings, world: World, surveyid: uuid.UUID, options: dict[str, Any]
) -> None:
    await world.connection.execute(
        "INSERT INTO responses (userid, timestamp, question_ref, response, question_text, surveyid) "
        "VALUES ('u', now(), 'q1', repeat('x', $1), repeat('y', $1 + 1), $2), "
        "('u', now(), 'q2', 'z', '', $2)",
        CELL_MAX_BYTES,
        surveyid,
    )

    rows, not_shown = await rows_of(database, Source.RESPONSES, **options)

    assert len(rows[0]["response"]) == CELL_MAX_BYTES
    assert (rows[0]["question_text"], rows[1]["response"], not_shown) == (TOO_LONG, "z", 1)
    wide, not_shown = await rows_of(database, Source.RESPONSES, wide=True, **options)
    assert wide == [{"userid": "u", "q1": TOO_LONG, "q2": "z"}]
    assert not_shown == 1


async def test_a_survey_made_beyond_the_calendar_has_its_messages(database: Settings, world: World) -> None:
    owner = await world.owner(OWNER, "page")
    for name, created in (("Health", "0044-03-15 BC"), ("Other", "20000-01-01"), ("Last", "infinity")):
        await world.connection.execute(
            "INSERT INTO surveys (userid, survey_name, shortcode, created) "
            "VALUES ($1, $2, 'flu', $3::text::timestamptz)",
            owner,
            name,
            created,
        )
    await world.say("x", shortcode="flu", pageid="page")

    assert await contents(database, OWNER, "Health") == ["x"]
    assert await contents(database, OWNER, "Other") == []
