"""Which rows an export takes, in which order, and how PostgreSQL gets at them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from asyncpg import utils

from app.postgres.connections import connect
from models.exports import ExportOptions, Source
from sinks.exports.columns import unique
from sinks.exports.query import query_of
from sinks.exports.questions import TooManyQuestions
from sinks.exports.scope import NoSurveyToExport, scope_of
from sinks.exports.stream import WantedExport, estimate
from sinks.sql import statements
from tests.sinks.exports.exporting import BEGIN, LONG_AGO, World, cells, contents, exported

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from app.settings import Settings
    from sinks.exports.lines import Query

A, B = "a@example.org", "b@example.org"


@pytest.fixture
async def world(database: Settings) -> AsyncIterator[World]:
    connection = await connect(database.database, statement_timeout_s=0)
    try:
        yield World(connection)
    finally:
        await connection.close()


async def test_two_owners_with_the_same_names_get_what_is_theirs_once_each(
    database: Settings, world: World
) -> None:
    a, b = await world.owner(A, "page-a", "page-a2"), await world.owner(B, "page-b")
    first, second = await world.survey(a, "Health", "flu"), await world.survey(a, "Health", "flu_es")
    theirs = await world.survey(b, "Health", "flu")
    other = await world.survey(a, "Trust", "trust")
    await world.say("a 1", surveyid=first, shortcode="flu", pageid="page-a")
    await world.say("b 1", surveyid=theirs, shortcode="flu", pageid="page-b")
    await world.say("a 2", surveyid=second, shortcode="flu_es", pageid="page-a")
    await world.say("a 3", shortcode="flu", pageid="page-a")
    await world.say("b 2", shortcode="flu", pageid="page-b")
    await world.say("a 4", shortcode="flu_es", pageid="page-a2")
    await world.say("not of a survey of b", shortcode="flu_es", pageid="page-b")
    await world.say("whose?", shortcode="flu")
    await world.say("a 5, by its id alone", surveyid=first)
    await world.say("of another survey", surveyid=other, shortcode="trust", pageid="page-a")
    await world.say("of another survey by id, though its shortcode", surveyid=other, shortcode="flu")

    assert await contents(database, A, "Health") == ["a 1", "a 2", "a 3", "a 4", "a 5, by its id alone"]
    assert await contents(database, B, "Health") == ["b 1", "b 2"]
    assert len(await contents(database, A, "Trust")) == 2


async def test_rows_are_in_order_of_person_time_and_direction_across_versions_and_months(
    database: Settings, world: World
) -> None:
    a = await world.owner(A, "page")
    versions = [await world.survey(a, "Health", "flu") for _ in range(3)]
    await world.connection.execute("SELECT chat_log_make_partitions(3, 0)")
    for number in range(60):
        await world.say(
            str(number),
            userid=f"u{number % 4}",
            timestamp=BEGIN + timedelta(days=number % 7 * 40),
            direction="bot" if number % 8 < 4 else "user",
            surveyid=versions[number % 3] if number % 5 else None,
            shortcode="flu",
            pageid="page",
        ) if number < 56 else None

    rows = cells(await exported(database, A, "Health"))[1:]

    keys = [(row[0], row[2], row[3]) for row in rows]
    assert len(rows) == 56
    assert keys == sorted(keys)


async def test_what_people_took_back_is_in_no_file_whichever_survey_they_were_in_by_then(
    database: Settings, world: World
) -> None:
    a = await world.owner(A, "page")
    survey, other = await world.survey(a, "Health", "flu"), await world.survey(a, "Trust", "trust")

    async def say(content: str, message_type: str | None, payload: str | None, **values: Any) -> None:
        where = {"surveyid": survey, "shortcode": "flu", "pageid": "page"} | values
        await world.say(content, message_type=message_type, raw_payload=payload, **where)

    await say("taken back", "text", '{"message": {"mid": "m1"}}')
    await say("kept", "text", '{"message": {"mid": "m2"}}')
    await say("taken back, without a survey", "text", '{"message": {"mid": "m3"}}', surveyid=None)
    await say("taken back, as it was edited", "edit", '{"message_edit": {"mid": "m1"}}')
    await say("of another writer", None, None)
    await say("of another kind", None, '{"postback": {"mid": "m1", "title": "x"}}')
    await say("of another person", "text", '{"message": {"mid": "m7"}}', userid="another")
    assert len(await contents(database, A, "Health")) == 7

    await say("", "unsent", '{"message": {"mid": "m1", "is_deleted": true}}', surveyid=other)
    await say("", "unsent", '{"message_unsend": {"mid": "m3"}}')
    await say("", "unsent", '{"message": {}}', surveyid=other)

    await say("", "unsent", '{"message": {"mid": "m9"}}', userid="another", surveyid=other)

    left = ["of another person", "kept", "of another writer", "of another kind", ""]
    assert await contents(database, A, "Health") == left
    assert await contents(database, A, "Trust") == ["", "", ""]
    file = await exported(database, A, "Health", format="jsonl", include_raw_payload=True)
    assert b"taken back" not in file
    assert len(await contents(database, A, "Health", include_unsent=True)) == 8
    plan = await plan_of(world.connection, Source.CHAT_LOG, ExportOptions())
    assert "hashed SubPlan" in plan
    assert "Sort  (" not in plan


async def test_what_was_taken_back_is_found_without_reading_the_table(world: World) -> None:
    async with world.connection.transaction():
        await world.connection.execute("SET LOCAL enable_seqscan = off")
        plan = await world.connection.fetch(f"EXPLAIN {statements('reading').find_unsent}")
    assert "Seq Scan" not in "\n".join(row[0] for row in plan)


async def test_a_shortcode_that_was_used_again_is_of_the_survey_of_its_time(
    database: Settings, world: World
) -> None:
    a = await world.owner(A, "page")
    await world.survey(a, "Pilot", "flu", LONG_AGO)
    await world.survey(a, "Pilot", "flu", LONG_AGO + timedelta(days=1))
    await world.survey(a, "Main", "flu", BEGIN)
    for content, timestamp in (
        ("before all", LONG_AGO - timedelta(days=1)),
        ("pilot", BEGIN - timedelta(days=1)),
        ("at that moment", BEGIN),
        ("main", BEGIN + timedelta(milliseconds=1)),
    ):
        await world.say(content, timestamp=timestamp, shortcode="flu", pageid="page")

    assert await contents(database, A, "Pilot") == ["before all", "pilot", "at that moment"]
    assert await contents(database, A, "Main") == ["main"]


async def test_a_page_of_two_owners_tells_nothing_where_both_have_the_shortcode(
    database: Settings, world: World
) -> None:
    a, b = await world.owner(A, "shared", "own"), await world.owner(B, "shared")
    await world.survey(a, "Health", "flu")
    await world.survey(a, "Health", "only_a")
    await world.survey(b, "Health", "flu")
    await world.say("whose?", shortcode="flu", pageid="shared")
    await world.say("surely a", shortcode="only_a", pageid="shared")
    await world.say("a on the own page", shortcode="flu", pageid="own")

    assert await contents(database, A, "Health") == ["surely a", "a on the own page"]
    assert await contents(database, B, "Health") == []


async def test_only_facebook_pages_are_pages(database: Settings, world: World) -> None:
    a = await world.owner(A)
    await world.connection.execute(
        "INSERT INTO credentials (userid, entity, facebook_page_id) VALUES ($1, 'typeform', 'page')",
        a,
    )
    await world.survey(a, "Health", "flu")
    await world.say("not by a credential of another kind", shortcode="flu", pageid="page")

    assert await contents(database, A, "Health") == []


@pytest.mark.parametrize(
    ("owner", "survey"),
    [(A, "health"), (A, ""), (B, "Health"), (A, "Health' OR true --")],
)
@pytest.mark.parametrize("source", Source)
async def test_a_survey_that_the_owner_does_not_have_is_refused(
    database: Settings, world: World, owner: str, survey: str, source: Source
) -> None:
    await world.survey(await world.owner(A, "page"), "Health", "flu")
    await world.owner(B)

    with pytest.raises(NoSurveyToExport, match="has no survey named"):
        await exported(database, owner, survey, source)
    connection = await connect(database.database)
    with pytest.raises(NoSurveyToExport):
        await estimate(connection, WantedExport(owner, survey, source, ExportOptions()))
    await connection.close()


@pytest.mark.parametrize("name", ["Robert'); DROP TABLE surveys;--", "$1 {0} %s \\ 🙏🏾", 'a "b"'])
async def test_names_and_shortcodes_are_never_part_of_the_statement(
    database: Settings, world: World, name: str
) -> None:
    a = await world.owner(name, name)
    await world.survey(a, name, name)
    await world.say("hello", shortcode=name, pageid=name)

    assert await contents(database, name, name) == ["hello"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["1", "2", "3", "4"]),
        ({"since": BEGIN + timedelta(seconds=2)}, ["2", "3", "4"]),
        ({"until": BEGIN + timedelta(seconds=2)}, ["1"]),
        ({"since": BEGIN + timedelta(seconds=2), "until": BEGIN + timedelta(seconds=4)}, ["2", "3"]),
        ({"direction": "bot"}, ["1", "3"]),
        ({"direction": "user", "since": BEGIN + timedelta(seconds=3)}, ["4"]),
    ],
)
async def test_a_time_and_a_direction_can_be_chosen(
    database: Settings, world: World, options: dict[str, object], expected: list[str]
) -> None:
    a = await world.owner(A, "page")
    surveyid = await world.survey(a, "Health", "flu")
    for number in range(1, 5):
        of_survey = {"surveyid": surveyid} if number < 3 else {"shortcode": "flu", "pageid": "page"}
        await world.say(str(number), direction="bot" if number % 2 else "user", **of_survey)

    assert await contents(database, A, "Health", **options) == expected


@pytest.mark.parametrize("options", [{}, {"since": datetime.now(UTC) - timedelta(days=90)}])
async def test_indexes_are_walked_in_order_and_nothing_is_sorted(
    database: Settings, world: World, options: dict[str, object]
) -> None:
    a = await world.owner(A, "page", "page2")
    versions = [await world.survey(a, "Health", "flu") for _ in range(3)]
    await world.survey(a, "Health", "flu_es")
    await world.connection.execute("SELECT chat_log_make_partitions(6, 1)")
    await world.connection.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content, surveyid, shortcode, pageid) "
        "SELECT 'u' || n % 50, now() - n * interval '1 hour', 'user', 'x', "
        "($1::uuid[])[1 + n % 4], 'flu', 'page' FROM generate_series(1, 4000) AS n",
        versions,
    )
    await world.connection.execute("ANALYZE chat_log")

    plan = await plan_of(world.connection, Source.CHAT_LOG, ExportOptions(**options))  # type: ignore[arg-type] # pydantic

    assert "Merge Append" in plan
    assert "Index Scan" in plan
    for slow in ("Sort  (", "Seq Scan", "Bitmap", "Gather"):
        assert slow not in plan, plan


async def test_responses_are_those_of_the_survey_with_the_columns_of_the_table(
    database: Settings, world: World
) -> None:
    a, b = await world.owner(A, "page-a"), await world.owner(B, "page-b")
    mine, theirs = await world.survey(a, "Health", "flu"), await world.survey(b, "Health", "flu")
    await world.answer(
        "q2",
        "no",
        userid="v",
        surveyid=mine,
        parent_shortcode="flu",
        shortcode="flu",
        flowid=1,
        question_idx=2,
        question_text="Really?",
        seed=4_294_967_295,
        metadata='{"a": 1}',
        pageid="page-a",
        translated_response="nein",
    )
    await world.answer("q1", "=yes", userid="u", surveyid=mine)
    await world.answer("q1", "theirs", userid="u", surveyid=theirs)
    await world.answer("q1", "old", userid="w", shortcode="flu", pageid="page-a")

    header, *rows = cells(await exported(database, A, "Health", Source.RESPONSES, include_metadata=True))
    without = cells(await exported(database, A, "Health", Source.RESPONSES))

    assert header == [
        "parent_shortcode",
        "surveyid",
        "shortcode",
        "flowid",
        "userid",
        "question_ref",
        "question_idx",
        "question_text",
        "response",
        "seed",
        "timestamp",
        "metadata",
        "pageid",
        "translated_response",
    ]
    assert [(row[4], row[5], row[8]) for row in rows] == [
        ("u", "q1", "=yes"),
        ("v", "q2", "no"),
        ("w", "q1", "old"),
    ]
    assert rows[1] == [
        "flu",
        str(mine),
        "flu",
        "1",
        "v",
        "q2",
        "2",
        "Really?",
        "no",
        "4294967295",
        "2026-03-01T12:00:01.123Z",
        '{"a": 1}',
        "page-a",
        "nein",
    ]
    assert without == [row[:11] + row[12:] for row in (header, *rows)]


async def test_a_wide_file_has_a_person_a_row_and_the_newest_answer_to_each_question(
    database: Settings, world: World
) -> None:
    surveyid = await world.survey(await world.owner(A, "page"), "Health", "flu")
    for question, index, response, userid in (
        ("age", 2, "30", "u"),
        ("name", 1, "first", "u"),
        ('a "quoted", ref', None, "x\ny", "v"),
        ("name", 1, "second", "u"),
        ("userid", 3, "-5", "u"),
        ("age", 2, None, "v"),
        ("name", 1, "", "v"),
    ):
        await world.answer(question, response, question_idx=index, userid=userid, surveyid=surveyid)

    file = await exported(database, A, "Health", Source.RESPONSES, wide=True)
    safe = await exported(database, A, "Health", Source.RESPONSES, wide=True, safe_cells=True)

    assert cells(file) == [
        ["userid", "name", "age", "userid_2", 'a "quoted", ref'],
        ["u", "second", "30", "-5", ""],
        ["v", "", "", "", "x\ny"],
    ]
    assert file.splitlines()[2].startswith(b'v,"",,,')
    assert cells(safe)[1] == ["u", "second", "30", "'-5", ""]


async def test_a_wide_file_has_as_many_questions_as_postgresql_can_write(
    database: Settings, world: World
) -> None:
    surveyid = await world.survey(await world.owner(A, "page"), "Health", "flu")
    insert = (
        "INSERT INTO responses (userid, timestamp, question_ref, question_idx, response, surveyid) "
        "SELECT 'u', now(), 'q' || n, n, 'r' || n, $3 FROM generate_series($1::int, $2::int) AS n"
    )
    await world.connection.execute(insert, 1, 1_600, surveyid)

    header, row = cells(await exported(database, A, "Health", Source.RESPONSES, wide=True, safe_cells=True))
    assert (len(header), row[:2], row[-1]) == (1_601, ["u", "r1"], "r1600")

    await world.connection.execute(insert, 1_601, 1_601, surveyid)
    with pytest.raises(TooManyQuestions, match="1,601 questions, and a wide file can have 1,600"):
        await exported(database, A, "Health", Source.RESPONSES, wide=True)


@pytest.mark.parametrize(
    ("source", "wide", "rows"), [("chat_log", False, 3), ("responses", False, 4), ("responses", True, 2)]
)
async def test_an_estimate_that_can_be_counted_is_exact(
    database: Settings, world: World, source: str, wide: bool, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Counting so few is quick, but not on every machine in its 2 s.
    monkeypatch.setattr("sinks.exports.stream._COUNTING", "SET LOCAL statement_timeout = '10min'")
    surveyid = await world.survey(await world.owner(A, "page"), "Health", "flu")
    for number in range(4):
        await world.answer(f"q{number}", "x", userid=f"u{number % 2}", surveyid=surveyid)
        if number:
            await world.say("x", surveyid=surveyid)

    export = WantedExport(A, "Health", Source(source), ExportOptions(wide=wide))

    assert await estimate(world.connection, export) == rows
    # And the session is as it was.
    assert await world.connection.fetchval("SHOW statement_timeout") == "0"


async def test_an_estimate_that_would_take_long_is_a_guess(
    database: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    surveyid = await world.survey(await world.owner(A, "page"), "Health", "flu")
    await world.connection.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content, surveyid) "
        "SELECT 'u' || n, now(), 'user', 'x', $1 FROM generate_series(1, 60000) AS n",
        surveyid,
    )
    await world.connection.execute("ANALYZE chat_log")
    monkeypatch.setattr("sinks.exports.stream._COUNTING", "SET LOCAL statement_timeout = 1")

    found = await estimate(world.connection, WantedExport(A, "Health", Source.CHAT_LOG, ExportOptions()))

    assert 30_000 < found < 120_000


async def test_a_guess_of_a_wide_file_is_of_people(
    database: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    surveyid = await world.survey(await world.owner(A, "page"), "Health", "flu")
    await world.connection.execute(
        "INSERT INTO responses (userid, timestamp, question_ref, question_idx, response, surveyid) "
        "SELECT 'u' || n % 1000, now(), 'q' || n / 1000, 0, 'x', $1 FROM generate_series(1, 60000) AS n",
        surveyid,
    )
    await world.connection.execute("ANALYZE responses")
    monkeypatch.setattr("sinks.exports.stream._COUNTING", "SET LOCAL statement_timeout = 1")

    export = WantedExport(A, "Health", Source.RESPONSES, ExportOptions(wide=True))

    assert 500 < await estimate(world.connection, export) < 2_000


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a_2", "a_3"]),
        (["a", "a", "a_2", "a_2"], ["a", "a_2", "a_2_2", "a_2_3"]),
    ],
)
def test_no_two_columns_have_the_same_name(names: list[str], expected: list[str]) -> None:
    assert unique(names) == expected


async def plan_of(connection: asyncpg.Connection, source: Source, options: ExportOptions) -> str:
    async with connection.transaction():
        await connection.execute(statements("export_data").export_walk)
        query = await query_of(connection, await scope_of(connection, A, "Health", A), source, options)
        return "\n".join(
            row[0] for row in await connection.fetch(f"EXPLAIN {await inlined(connection, query)}")
        )


async def inlined(connection: asyncpg.Connection, query: Query) -> str:
    """Return the statement as COPY gets it."""
    text: str = await utils._mogrify(connection, query.sql, query.arguments)
    return text
