"""Workbooks, as another program reads them."""

from __future__ import annotations

import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook

from app.postgres.connections import connect
from models.exports import Source
from sinks.exports import xlsx
from sinks.exports.cells import Kind
from sinks.exports.columns import Column
from sinks.exports.stream import Written
from tests.sinks.exports.exporting import World, exported

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.settings import Settings

A = "a@example.org"
TEXTS = ["=1+1", "007", "-5", "2026-01-02", "1234567890123456", "TRUE", "a\nb\r\nc", '"', "مرحبا 🙏🏾", " x "]


@pytest.fixture
async def world(database: Settings) -> AsyncIterator[World]:
    connection = await connect(database.database, statement_timeout_s=0)
    try:
        yield World(connection)
    finally:
        await connection.close()


def sheets(file: bytes) -> list[list[tuple[Any, ...]]]:
    book = load_workbook(io.BytesIO(file), read_only=True)
    return [list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets]


async def test_text_stays_text_times_are_times_and_nothing_is_a_formula(
    database: Settings, world: World
) -> None:
    surveyid = await world.survey(await world.owner(A), "Health", "flu")
    for text in TEXTS:
        await world.say(text, surveyid=surveyid, userid="1234567890123456", metadata='{"a": 1}')

    file = await exported(database, A, "Health", format="xlsx", include_metadata=True)

    [[header, *rows]] = sheets(file)
    assert header[:5] == ("userid", "pageid", "timestamp", "direction", "content")
    # So a workbook writes a carriage return, which this reader leaves as it is written.
    assert [row[4] for row in rows] == [text.replace("\r", "_x000D_") for text in TEXTS]
    assert {(row[0], row[1], row[9]) for row in rows} == {("1234567890123456", None, '{"a": 1}')}
    assert rows[0][2] == datetime(2026, 3, 1, 12, 0, 1, 123_000)  # noqa: DTZ001  workbooks have no zones
    book = load_workbook(io.BytesIO(file))
    assert {cell.data_type for cell in book.worksheets[0]["E"]} == {"s"}


async def test_numbers_are_numbers_unless_a_workbook_would_round_them(
    database: Settings, world: World
) -> None:
    surveyid = await world.survey(await world.owner(A), "Health", "flu")
    await world.answer("q1", "7", surveyid=surveyid, question_idx=3, seed=1_234_567_890_123_456_789)

    [[header, row]] = sheets(await exported(database, A, "Health", Source.RESPONSES, format="xlsx"))

    found = dict(zip(header, row, strict=True))
    assert (found["question_idx"], found["seed"], found["response"]) == (3, "1234567890123456789", "7")


async def test_what_no_cell_holds_is_noted_and_counted(database: Settings, world: World) -> None:
    surveyid = await world.survey(await world.owner(A), "Health", "flu")
    await world.say("x" * 32_767, surveyid=surveyid)
    await world.say("x" * 32_768, surveyid=surveyid)
    await world.say("🙏" * 16_384, surveyid=surveyid)
    await world.connection.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content, surveyid) "
        "VALUES ('u', '20000-01-01Z', 'user', 'x', $1), ('u', '1899-01-01Z', 'user', 'x', $1)",
        surveyid,
    )
    progress = Written()

    [[_, *rows]] = sheets(await exported(database, A, "Health", progress=progress, format="xlsx"))

    assert [row[4] for row in rows if row[4] != "x"] == ["x" * 32_767, *["[not shown: too long]"] * 2]
    assert [row[2] for row in rows if row[4] == "x"] == [
        "1899-01-01T00:00:00.000Z",
        "[not shown: timestamp out of range]",
    ]
    assert (progress.rows, progress.not_shown) == (5, 3)


def test_what_does_not_fit_on_a_sheet_is_on_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    encoder = xlsx.XlsxEncoder([Column("n", Kind.NUMBER)], sheet_rows=4)
    encoder.feed(b"1\n2\n")
    encoder.feed(b"3\n4\n5\n6\n7\n")
    file = b"".join(encoder.finish())
    encoder.close()

    assert sheets(file) == [
        [("n",), (1,), (2,), (3,)],
        [("n",), (4,), (5,), (6,)],
        [("n",), (7,)],
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_workbook_that_nobody_wants_any_more_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    encoder = xlsx.XlsxEncoder([Column("n", Kind.NUMBER)])
    encoder.feed(b"1\n2\n")

    encoder.close()

    assert list(tmp_path.iterdir()) == []
