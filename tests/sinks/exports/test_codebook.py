"""What a codebook says, and wide files form by form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from app.postgres.connections import connect
from models.exports import ExportOptions, Source
from models.forms import FormField, fields_of
from sinks.exports.stream import WantedExport, estimate
from tests.sinks.exports.exporting import World, cells, exported

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.settings import Settings

A = "a@example.org"
FORM = {
    "fields": [
        {"ref": "consent", "type": "yes_no", "title": "Do you agree?"},
        {
            "ref": "about",
            "type": "group",
            "title": "About you",
            "properties": {
                "fields": [
                    {
                        "ref": "colour",
                        "type": "multiple_choice",
                        "title": "Which colour?",
                        "properties": {"choices": [{"label": "red"}, {"label": "blue"}]},
                    }
                ]
            },
        },
    ]
}


@pytest.fixture
async def world(database: Settings) -> AsyncIterator[World]:
    connection = await connect(database.database, statement_timeout_s=0)
    try:
        yield World(connection)
    finally:
        await connection.close()


async def two_forms(world: World) -> None:
    owner = await world.owner(A)
    baseline = await world.survey(owner, "Health", "base")
    clinic = await world.survey(owner, "Health", "clinic")
    await world.connection.execute(
        "UPDATE surveys SET form = $1 WHERE id = $2", orjson.dumps(FORM).decode(), baseline
    )
    for form, surveyid, questions in (
        ("base", baseline, ("consent", "fever")),
        ("clinic", clinic, ("nurse", "consent")),
    ):
        for number, question in enumerate(questions):
            await world.answer(
                question,
                f"{form}-{number}",
                question_idx=number,
                question_text=f"{question}?",
                shortcode=form,
                surveyid=surveyid,
            )


async def test_a_wide_file_of_several_forms_goes_form_by_form(database: Settings, world: World) -> None:
    await two_forms(world)

    file = await exported(database, A, "Health", Source.RESPONSES, wide=True)
    lines = await exported(database, A, "Health", Source.RESPONSES, wide=True, format="jsonl")

    header = ["userid", "base.consent", "base.fever", "clinic.nurse", "clinic.consent"]
    row = ["u", "base-0", "base-1", "clinic-0", "clinic-1"]
    assert cells(file) == [header, row]
    assert orjson.loads(lines) == dict(zip(header, row, strict=True))


async def test_a_codebook_tells_of_each_column_and_question(database: Settings, world: World) -> None:
    await two_forms(world)

    header, *rows = cells(await exported(database, A, "Health", Source.CODEBOOK))

    found = [dict(zip(header, row, strict=True)) for row in rows]
    by_column = {(row["file"], row["column"]): row for row in found}
    assert by_column["chat_log", "timestamp"]["unit"].startswith("UTC")
    assert by_column["responses", "response"]["meaning"]
    wide = [row for row in found if row["file"] == "responses, wide"]
    assert [(row["column"], row["type"], row["text"], row["choices"]) for row in wide] == [
        ("userid", "", "", ""),
        ("base.consent", "yes_no", "Do you agree?", ""),
        ("base.fever", "", "fever?", ""),
        ("clinic.nurse", "", "nurse?", ""),
        ("clinic.consent", "", "consent?", ""),
        ("", "group", "About you", ""),
        ("", "multiple_choice", "Which colour?", "red; blue"),
    ]
    expected = await estimate(world.connection, WantedExport(A, "Health", Source.CODEBOOK, ExportOptions()))
    assert expected == len(rows)


async def test_every_column_has_a_meaning_where_nothing_was_answered_yet(
    database: Settings, world: World
) -> None:
    await world.survey(await world.owner(A), "Health", "base")

    header, *rows = cells(await exported(database, A, "Health", Source.CODEBOOK))

    assert len(rows) == 11 + 14 + 1
    assert all(row[header.index("meaning")] for row in rows)


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        (None, []),
        ("", []),
        ("not JSON", []),
        ("[1]", []),
        ('{"fields": {"a": 1}}', []),
        ('{"fields": [1, {"title": "no ref"}, {"ref": 7}]}', []),
        ('{"fields": [{"ref": "q", "title": 1, "properties": []}]}', [FormField("q", "", "", ())]),
        (
            '{"fields": [{"ref": "q", "type": "t", "properties": {"choices": [{"label": "a"}, 1]}}]}',
            [FormField("q", "t", "", ("a",))],
        ),
    ],
)
def test_a_form_is_read_as_far_as_it_is_one(form: str | None, fields: list[FormField]) -> None:
    assert fields_of(form) == fields


def test_a_form_without_end_is_read_to_some_depth() -> None:
    form = '{"fields":[{"properties":' * 100 + "{}" + "}]}" * 100

    assert fields_of(form) == []
