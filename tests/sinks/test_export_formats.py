"""What is in the files: every value as it was, and as the reader of the format expects it."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd
import pyarrow.parquet
import pytest

from app.database import connect
from models.exports import ExportOptions, Source
from sinks.export_columns import FORMULA_STARTS, safe_cell
from sinks.export_formats import content_type_of
from tests.sinks.exporting import BEGIN, World, cells, exported

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncIterator

    from app.settings import Settings

OWNER = "a@example.org"
HEADER = "userid,pageid,timestamp,direction,content,question_ref,shortcode,surveyid,message_type"
#: What breaks files when it is written carelessly.
AWKWARD = [
    "",
    " ",
    "plain",
    'a "quoted" word',
    "a, b",
    "line\nbreak",
    "line\r\nbreak",
    "lone\rreturn",
    "\r",
    "\n",
    "\\.",
    "\\N",
    "NULL",
    "null",
    '"',
    '""',
    "tab\tin it",
    "\x01\x02 control \x1f\x7f",
    "🙏🏾 שלום \u200fمرحبا नमस्ते",
    "\ufeffmark",
    "é e\u0301",
    "\u2028 \u2029 \x85",
    "x" * 2_000_000,
    "=1+1",
    "-5",
]
PAYLOAD = {"text": 'a "b"\n\r\t\\ 🙏🏾', "id": 12345678901234567, "list": [1, None, {"a": {}}]}


@pytest.fixture
async def world(database: Settings) -> AsyncIterator[World]:
    connection = await connect(database, statement_timeout_s=0)
    try:
        yield World(connection)
    finally:
        await connection.close()


@pytest.fixture
async def surveyid(world: World) -> uuid.UUID:
    return await world.survey(await world.owner(OWNER, "page"), "Health", "flu")


async def test_plain_csv_is_as_others_expect_it(
    database: Settings, world: World, surveyid: uuid.UUID
) -> None:
    await world.say(
        'She said "hi",\r\nand left\r',
        userid="12345678901234567",
        pageid="page",
        question_ref="",
        surveyid=surveyid,
        metadata='{"b": 1, "a": [1, 2]}',
        raw_payload='"text"',
    )

    file = await exported(database, OWNER, "Health", include_metadata=True, include_raw_payload=True)

    assert file.decode() == (
        f"{HEADER},metadata,raw_payload\n"
        '12345678901234567,page,2026-03-01T12:00:01.123Z,user,"She said ""hi"",\r\nand left\r","",,'
        f'{surveyid},,"{{""a"": [1, 2], ""b"": 1}}","""text"""\n'
    )


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        ({}, HEADER),
        ({"include_metadata": True}, f"{HEADER},metadata"),
        ({"include_raw_payload": True}, f"{HEADER},raw_payload"),
        ({"include_raw_payload": True, "include_metadata": True}, f"{HEADER},metadata,raw_payload"),
    ],
)
async def test_an_empty_result_is_a_header(
    database: Settings, surveyid: uuid.UUID, options: dict[str, Any], columns: str
) -> None:
    assert (await exported(database, OWNER, "Health", **options)).decode() == f"{columns}\n"
    compressed = await exported(database, OWNER, "Health", compression="gzip", **options)
    assert gzip.decompress(compressed).decode() == f"{columns}\n"
    assert await exported(database, OWNER, "Health", format="jsonl", **options) == b""
    table = read_parquet(await exported(database, OWNER, "Health", format="parquet", **options))
    assert (table.num_rows, table.column_names) == (0, columns.split(","))


async def test_an_empty_wide_file_is_a_header(database: Settings, surveyid: uuid.UUID) -> None:
    wide: dict[str, Any] = {"source": Source.RESPONSES, "wide": True}

    assert await exported(database, OWNER, "Health", **wide) == b"userid\n"
    assert await exported(database, OWNER, "Health", format="jsonl", **wide) == b""
    assert read_parquet(await exported(database, OWNER, "Health", format="parquet", **wide)).num_rows == 0


@pytest.mark.parametrize("format_", ["csv", "csv.gz", "jsonl", "parquet"])
async def test_every_text_comes_back_as_it_was(
    database: Settings, world: World, surveyid: uuid.UUID, format_: str
) -> None:
    for text in AWKWARD:
        await world.say(
            text,
            surveyid=surveyid,
            message_type=text[:100] or None,
            question_ref=text[:100],
            metadata=orjson.dumps({"said": text[:100]}).decode(),
        )

    options: dict[str, Any] = {"format": format_.removesuffix(".gz"), "include_metadata": True}
    if format_ == "csv.gz":
        options["compression"] = "gzip"
    rows = read_any(await exported(database, OWNER, "Health", **options), format_)

    assert [row["content"] for row in rows] == AWKWARD
    assert [row["question_ref"] for row in rows] == [text[:100] for text in AWKWARD]
    assert [row["message_type"] or None for row in rows] == [text[:100] or None for text in AWKWARD]
    assert [as_object(row["metadata"])["said"] for row in rows] == [text[:100] for text in AWKWARD]


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
async def test_null_and_empty_are_told_apart(
    database: Settings, world: World, surveyid: uuid.UUID, format_: str
) -> None:
    await world.say("", surveyid=surveyid, question_ref="", message_type=None)

    row = read_any(await exported(database, OWNER, "Health", format=format_), format_)[0]

    assert (row["content"], row["question_ref"], row["message_type"]) == ("", "", None)


async def test_json_lines_hold_objects_in_objects(
    database: Settings, world: World, surveyid: uuid.UUID
) -> None:
    await world.say(
        "hi",
        surveyid=surveyid,
        direction="bot",
        metadata=orjson.dumps(PAYLOAD).decode(),
        raw_payload="[1, 2]",
    )

    file = await exported(
        database, OWNER, "Health", format="jsonl", include_metadata=True, include_raw_payload=True
    )

    assert [orjson.loads(line) for line in file.splitlines()] == [
        {
            "userid": "u",
            "pageid": None,
            "timestamp": "2026-03-01T12:00:01.123Z",
            "direction": "bot",
            "content": "hi",
            "question_ref": None,
            "shortcode": None,
            "surveyid": str(surveyid),
            "message_type": None,
            "metadata": PAYLOAD,
            "raw_payload": [1, 2],
        }
    ]
    assert list(orjson.loads(file)) == f"{HEADER},metadata,raw_payload".split(",")


async def test_parquet_has_times_and_numbers_as_such(
    database: Settings, world: World, surveyid: uuid.UUID
) -> None:
    await world.answer("q1", "a", question_idx=7, seed=2**40, surveyid=surveyid, metadata="{}")
    await world.answer("q2", None, surveyid=surveyid)

    table = read_parquet(await exported(database, OWNER, "Health", Source.RESPONSES, format="parquet"))

    assert str(table.schema.field("timestamp").type) == "timestamp[ms, tz=UTC]"
    first, second = table.to_pylist()
    assert first["timestamp"] == BEGIN + timedelta(seconds=1)
    assert (first["question_idx"], first["seed"], first["metadata"]) == (7, 2**40, "{}")
    assert (second["question_idx"], second["response"], second["metadata"]) == (None, None, None)


async def test_wide_files_hold_the_same_in_every_format(
    database: Settings, world: World, surveyid: uuid.UUID
) -> None:
    for question, response, userid in (("q1", 'a\n"b"', "u"), ("q2", "", "u"), ("userid", "x", "v")):
        await world.answer(question, response, userid=userid, surveyid=surveyid)
    wide: dict[str, Any] = {"source": Source.RESPONSES, "wide": True}

    as_lines = await exported(database, OWNER, "Health", format="jsonl", **wide)
    as_parquet = read_parquet(await exported(database, OWNER, "Health", format="parquet", **wide))

    expected = [
        {"userid": "u", "q1": 'a\n"b"', "q2": "", "userid_2": None},
        {"userid": "v", "q1": None, "q2": None, "userid_2": "x"},
    ]
    assert [orjson.loads(line) for line in as_lines.splitlines()] == expected
    assert as_parquet.to_pylist() == expected
    assert cells(await exported(database, OWNER, "Health", **wide))[1:] == [
        ["u", 'a\n"b"', "", ""],
        ["v", "", "", "x"],
    ]


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00.000Z"),
        (datetime(2026, 3, 29, 1, 30, 0, 999_999, tzinfo=UTC), "2026-03-29T01:30:00.999Z"),
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00.000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), "9999-12-31T23:59:59.999Z"),
    ],
)
async def test_times_are_iso_8601_in_utc_with_milliseconds(
    database: Settings, world: World, surveyid: uuid.UUID, moment: datetime, written: str
) -> None:
    await world.say("x", surveyid=surveyid, timestamp=moment)

    for format_ in ("csv", "jsonl"):
        file = await exported(database, OWNER, "Health", format=format_)
        assert read_any(file, format_)[0]["timestamp"] == written
    table = read_parquet(await exported(database, OWNER, "Health", format="parquet"))
    assert table.column("timestamp")[0].value == int(moment.timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30 1234", "'+49 30 1234"),
        ("-5", "'-5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("1=1", "1=1"),
        ("", ""),
        (" =1", " =1"),
        ("'=1", "'=1"),
        ("🙏=1", "🙏=1"),
    ],
)
async def test_cells_that_a_spreadsheet_would_run_are_made_safe(
    database: Settings, world: World, surveyid: uuid.UUID, text: str, safe: str
) -> None:
    await world.say(
        text,
        surveyid=surveyid,
        userid=text,
        pageid=text,
        question_ref=text,
        shortcode=text,
        message_type=text,
        metadata="-5",
        raw_payload='"=1"',
    )

    options: dict[str, Any] = {"include_metadata": True, "include_raw_payload": True}
    file = await exported(database, OWNER, "Health", safe_cells=True, **options)
    raw = await exported(database, OWNER, "Health", **options)

    row = dict(zip(*cells(file), strict=True))
    assert {row[name] for name in ("userid", "pageid", "content", "shortcode", "message_type")} == {safe}
    assert (row["metadata"], row["raw_payload"]) == ("'-5", '"=1"')
    assert row["timestamp"] == "2026-03-01T12:00:01.123Z"
    assert dict(zip(*cells(raw), strict=True))["content"] == text
    assert dict(zip(*cells(raw), strict=True))["metadata"] == "-5"
    assert safe_cell(text) == safe


async def test_a_question_that_a_spreadsheet_would_run_is_made_safe_in_the_header(
    database: Settings, world: World, surveyid: uuid.UUID
) -> None:
    await world.answer("=HYPERLINK(A1)", "-5", surveyid=surveyid)

    file = await exported(
        database, OWNER, "Health", Source.RESPONSES, wide=True, safe_cells=True, for_spreadsheets=True
    )

    assert file == "\ufeffuserid,'=HYPERLINK(A1)\nu,'-5\n".encode()


@pytest.mark.parametrize(
    ("userid", "plain", "safe"),
    [
        ("12345678901", "12345678901", "12345678901"),
        ("123456789012", '="123456789012"', '="123456789012"'),
        ("62000000000000000", '="62000000000000000"', '="62000000000000000"'),
        ("abcdefghijklmno", "abcdefghijklmno", "abcdefghijklmno"),
        ("=12345678901234", "=12345678901234", "'=12345678901234"),
        ("123456789012\n1", "123456789012\n1", "123456789012\n1"),
    ],
)
async def test_long_ids_stay_text_in_spreadsheets(
    database: Settings, world: World, surveyid: uuid.UUID, userid: str, plain: str, safe: str
) -> None:
    await world.say("62000000000000000", surveyid=surveyid, userid=userid)

    file = await exported(database, OWNER, "Health", for_spreadsheets=True)
    also_safe = await exported(database, OWNER, "Health", for_spreadsheets=True, safe_cells=True)

    assert file.startswith("\ufeffuserid,".encode())
    row = cells(file.decode("utf-8-sig").encode())[1]
    assert (row[0], row[4]) == (plain, "62000000000000000")
    assert cells(also_safe)[1][0] == safe


async def test_pandas_reads_every_format(database: Settings, world: World, surveyid: uuid.UUID) -> None:
    for text in ("a\rb", 'c "d"\n', "e,f"):
        await world.say(text, surveyid=surveyid)

    csv_ = pd.read_csv(io.BytesIO(await exported(database, OWNER, "Health")))
    zipped = pd.read_csv(
        io.BytesIO(await exported(database, OWNER, "Health", compression="gzip")), compression="gzip"
    )
    lines = pd.read_json(io.BytesIO(await exported(database, OWNER, "Health", format="jsonl")), lines=True)
    parquet = pd.read_parquet(io.BytesIO(await exported(database, OWNER, "Health", format="parquet")))

    for frame in (csv_, zipped, lines, parquet):
        assert list(frame["content"]) == ["a\rb", 'c "d"\n', "e,f"]


@pytest.mark.parametrize(
    ("options", "content_type"),
    [
        ({}, "text/csv; charset=utf-8"),
        ({"format": "jsonl"}, "application/x-ndjson"),
        ({"format": "parquet"}, "application/vnd.apache.parquet"),
        ({"compression": "gzip"}, "application/gzip"),
        ({"format": "jsonl", "compression": "gzip"}, "application/gzip"),
    ],
)
def test_a_file_has_the_type_of_its_outside(options: dict[str, Any], content_type: str) -> None:
    assert content_type_of(ExportOptions(**options)) == content_type


def test_formulas_begin_as_in_the_statement() -> None:
    assert [ord(char) for char in FORMULA_STARTS] == [61, 43, 45, 64, 9, 13]


def read_parquet(file: bytes) -> pyarrow.Table:
    return pyarrow.parquet.read_table(pyarrow.BufferReader(file))


def read_any(file: bytes, format_: str) -> list[dict[str, Any]]:
    if format_ == "parquet":
        rows: list[dict[str, Any]] = read_parquet(file).to_pylist()
        return rows
    if format_ == "jsonl":
        return [orjson.loads(line) for line in file.splitlines()]
    header, *found = cells(gzip.decompress(file) if format_ == "csv.gz" else file)
    return [dict(zip(header, row, strict=True)) for row in found]


def as_object(value: Any) -> Any:
    return orjson.loads(value) if isinstance(value, str) else value
