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

from app.postgres.connections import connect
from models.exports import ExportOptions, Source
from sinks.exports.formats import content_type_of
from tests.sinks.exports.exporting import BEGIN, World, cells, contents, exported

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncIterator

    from app.settings import Settings

OWNER = "a@example.org"
HEADER = "userid,pageid,timestamp,direction,content,question_ref,shortcode,surveyid,message_type"
#: What a spreadsheet would run, whatever it strips before it looks.
UNSAFE = [
    "=1+1",
    "+49 30 1234",
    "-5",
    "@SUM(A1)",
    "\t=1",
    "\tx",
    "\r=1",
    "\rcr",
    "\t",
    "\n=1+1",
    "\n=1",
    " =1",
    "\u00a0\u3000\ufeff\u200b\u202e=1",
    "\x01\x0b\x0c\x1c\x7f\x85-1",
    " \t\r\n@x",
    "＝1+1",
    "\u2003＠SUM(A1)",
]
SAFE = ["1=1", "", "'=1", "🙏=1", " a = 1", " \n", "नमस्ते = 1", '"=1"', "\n"]
#: Texts, and how they are written for spreadsheets, which would take some for a number, a date, a formula.
KEPT = {
    "007": '="007"',
    "2026-01-02": '="2026-01-02"',
    "12345678901234567890": '="12345678901234567890"',
    "12345678901": '="12345678901"',
    "1E5": '="1E5"',
    "TRUE": '="TRUE"',
    "falsch": '="falsch"',
    "1/2": '="1/2"',
    "3-4": '="3-4"',
    "MAR1": '="MAR1"',
    "Jan 5": '="Jan 5"',
    "12:30": '="12:30"',
    "50 %": '="50 %"',
    "€ 5": '="€ 5"',
    "1,000": '="1,000"',
    " 7\u00a0": '=" 7\u00a0"',
    "７": '="７"',
    "#N/A": '="#N/A"',
    "=1+1": '="=1+1"',
    "\n=1+1": '="\n=1+1"',
    "-5": '="-5"',
    "+232 76 123456": '="+232 76 123456"',
    '"&HYPERLINK("http://x","1")&"': '="""&HYPERLINK(""http://x"",""1"")&"""',
    "9" * 300: "'" + "9" * 300,
    "-" * 300: "'" + "-" * 300,
    "abcdefghijklmno": "abcdefghijklmno",
    "Yes, true": "Yes, true",
    "हाँ 🙏🏾": "हाँ 🙏🏾",
    "first line\n2": "first line\n2",
    "It took 3 days. " * 30: "It took 3 days. " * 30,
    "": "",
}
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
    connection = await connect(database.database, statement_timeout_s=0)
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

    file = await exported(
        database, OWNER, "Health", Source.RESPONSES, format="parquet", include_metadata=True
    )
    table = read_parquet(file)

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


async def test_cells_that_a_spreadsheet_would_run_are_made_safe(
    database: Settings, world: World, surveyid: uuid.UUID
) -> None:
    for text in (*UNSAFE, *SAFE):
        of_row = dict.fromkeys(("pageid", "question_ref", "shortcode", "message_type"), text)
        await world.say(text, surveyid=surveyid, metadata="-5", raw_payload='"=1"', **of_row)

    options: dict[str, Any] = {"include_metadata": True, "include_raw_payload": True}
    header, *safe = cells(await exported(database, OWNER, "Health", safe_cells=True, **options))
    _, *raw = cells(await exported(database, OWNER, "Health", **options))

    for text, safe_row, raw_row in zip((*UNSAFE, *SAFE), safe, raw, strict=True):
        made_safe, as_it_was = (
            dict(zip(header, safe_row, strict=True)),
            dict(zip(header, raw_row, strict=True)),
        )
        texts = ("pageid", "content", "question_ref", "shortcode", "message_type")
        assert {made_safe[name] for name in texts} == {f"'{text}" if text in UNSAFE else text}
        assert {as_it_was[name] for name in texts} == {text}
        assert (made_safe["metadata"], made_safe["raw_payload"]) == ("'-5", '"=1"')
        assert as_it_was["metadata"] == "-5"


async def test_a_question_that_a_spreadsheet_would_run_is_made_safe_in_the_header(
    database: Settings, world: World, surveyid: uuid.UUID
) -> None:
    await world.answer("=HYPERLINK(A1)", "-5", surveyid=surveyid)

    file = await exported(
        database, OWNER, "Health", Source.RESPONSES, wide=True, safe_cells=True, for_spreadsheets=True
    )

    assert file == "\ufeffuserid,'=HYPERLINK(A1)\nu,'-5\n".encode()


async def test_a_question_is_written_in_the_header_as_a_cell_is(
    database: Settings, world: World, surveyid: uuid.UUID
) -> None:
    questions = [
        "cr\r",
        "\rcr",
        "lf\n",
        "crlf\r\n",
        'a "b"',
        "a,b",
        " a ",
        "\t",
        "",
        "\\.",
        "'",
        "\u2028",
        "\n=1",
    ]
    for index, question in enumerate(questions):
        await world.answer(question, question, question_idx=index, surveyid=surveyid)

    wide: dict[str, Any] = {"source": Source.RESPONSES, "wide": True}
    file = await exported(database, OWNER, "Health", **wide)
    safe = await exported(database, OWNER, "Health", safe_cells=True, **wide)

    assert cells(file) == [["userid", *questions], ["u", *questions]]
    header, row = cells(safe)
    assert header[1:] == row[1:] == [f"'{text}" if text in UNSAFE else text for text in questions]
    # One rule of quoting: what is equal in the header and in a row is written in the same way.
    for written in (file, safe):
        of_header, of_row = written.removeprefix(b"userid").removesuffix(b"\n").split(b"\nu,", 1)
        assert of_header == b"," + of_row


async def test_every_text_stays_text_in_spreadsheets(
    database: Settings, world: World, surveyid: uuid.UUID
) -> None:
    for index, text in enumerate(KEPT):
        of_row = dict.fromkeys(("pageid", "shortcode", "question_text", "translated_response"), text)
        numbers = {"question_idx": index, "seed": 4_294_967_295, "flowid": 1_234_567_890_123_456_789}
        await world.answer(
            text, text, surveyid=surveyid, metadata=orjson.dumps(text).decode(), **of_row, **numbers
        )
    await world.answer("q", "x", userid="007", surveyid=surveyid)

    options: dict[str, Any] = {"source": Source.RESPONSES, "for_spreadsheets": True}
    file = await exported(database, OWNER, "Health", include_metadata=True, **options)
    # Of one form, or its name would be before that of each question.
    await world.connection.execute("UPDATE responses SET shortcode = 'flu'")
    wide = await exported(database, OWNER, "Health", wide=True, **options)

    assert file.startswith("\ufeffparent_shortcode,".encode())
    header, of_7, *rows = cells(file)
    assert of_7[header.index("userid")] == '="007"'
    for (text, kept), row in zip(KEPT.items(), rows, strict=True):
        found = dict(zip(header, row, strict=True))
        texts = ("pageid", "shortcode", "question_ref", "question_text", "response", "translated_response")
        assert {found[name] for name in texts} == {kept}
        # Numbers are numbers, unless they have more digits than a spreadsheet keeps.
        assert (found["seed"], found["flowid"]) == ("4294967295", '="1234567890123456789"')
        assert orjson.loads(found["metadata"]) == text
    assert cells(wide)[0][1:-1] == cells(wide)[2][1:-1] == list(KEPT.values())


async def test_json_that_is_no_object_stays_text_too(
    database: Settings, world: World, surveyid: uuid.UUID
) -> None:
    for metadata in ("7", "true", "-5", "[7]", "null"):
        await world.say("x", surveyid=surveyid, metadata=metadata)

    file = await exported(database, OWNER, "Health", for_spreadsheets=True, include_metadata=True)

    assert [row[-1] for row in cells(file)[1:]] == ['="7"', '="true"', '="-5"', "[7]", "null"]


async def test_safe_cells_for_spreadsheets_are_safe_first(
    database: Settings, world: World, surveyid: uuid.UUID
) -> None:
    for text in ("=1+1", "-5", "\n@x", "007", "yes"):
        await world.say(text, surveyid=surveyid)

    found = await contents(database, OWNER, "Health", for_spreadsheets=True, safe_cells=True)

    assert found == ["'=1+1", "'-5", "'\n@x", '="007"', "yes"]


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
