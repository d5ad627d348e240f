"""What the form of an export asks for, and what it says is wrong."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.exports.forms import DEFAULTS, PRESETS, Wish, read_form, survey_of, survey_value
from app.surveys.rows import SurveyKey
from models.entries import Direction
from models.exports import Compression, ExportOptions, Format, Rows, Source, WantedMessages
from tests.models.strategies import any_text

KEY = SurveyKey("ana@example.org", "Baseline / 2 & 3")
SURVEY = {"survey": survey_value(KEY)}
OF_ONE = "0b5f3c1e-2f5a-5d1c-9d3a-5f1f0c8a7b6d"


def wish(**fields: str) -> Wish:
    asked = read_form(SURVEY | fields)
    assert asked.wish is not None, asked.errors
    return asked.wish


def test_a_form_names_a_survey_whatever_it_is_called() -> None:
    for name in ("a/b & c=d", "استبيان", "a\nb", "+ +", "%20"):
        key = SurveyKey("ana+x@example.org", name)
        assert survey_of(survey_value(key)) == key
    assert [survey_of(text) for text in ("", "owner=a", "name=b", "a&b")] == [None] * 4


@pytest.mark.parametrize(
    ("preset", "source", "options"),
    [
        ("excel", Source.RESPONSES, {"format": Format.XLSX}),
        ("excel", Source.CHAT_LOG, {"format": Format.XLSX}),
        ("excel", Source.CODEBOOK, {"format": Format.XLSX}),
        ("r", Source.RESPONSES, {}),
        ("everything", Source.RESPONSES, {"format": Format.PARQUET, "include_metadata": True}),
        (
            "everything",
            Source.CHAT_LOG,
            {"format": Format.PARQUET, "include_metadata": True, "include_raw_payload": True},
        ),
        ("everything", Source.CODEBOOK, {"format": Format.PARQUET}),
    ],
)
def test_a_preset_says_how_a_file_is_written(preset: str, source: Source, options: dict[str, Any]) -> None:
    found = wish(what=source.value, preset=preset)

    assert (found.source, found.options) == (source, ExportOptions(**options))
    assert found.survey == KEY


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        # A CSV file for Excel is one for Excel.
        ({"format": "csv"}, {"safe_cells": True, "for_spreadsheets": True}),
        ({"format": "csv", "safe_cells": "no"}, {"for_spreadsheets": True}),
        ({"preset": "r", "for_spreadsheets": "yes"}, {"for_spreadsheets": True}),
        ({"preset": "r", "metadata": "yes"}, {"include_metadata": True}),
        (
            {"preset": "everything", "metadata": "no", "raw_payload": "no", "format": "jsonl"},
            {"format": Format.JSONL},
        ),
        ({"preset": "r", "compression": "gzip"}, {"compression": Compression.GZIP}),
        # It is compressed by itself.
        ({"compression": "gzip"}, {"format": Format.XLSX}),
        ({"preset": "r", "direction": "user"}, {"direction": Direction.USER}),
        ({"preset": "of another version"}, {"format": Format.XLSX}),
    ],
)
def test_what_is_chosen_under_more_goes_before_the_preset(
    fields: dict[str, str], options: dict[str, Any]
) -> None:
    assert wish(what="chat_log", **fields).options == ExportOptions(**options)


def test_wide_responses_have_no_metadata_and_nothing_of_chat_logs() -> None:
    found = wish(what="responses", preset="everything", layout="wide", direction="bot", role="user")

    assert found.options == ExportOptions(wide=True, format=Format.PARQUET)


def test_messages_are_looked_for_by_what_is_filled_in() -> None:
    found = wish(what="messages", preset="r", platform="twitch", person=" 7 ", rows="conversation")
    anywhere = read_form({"what": "messages", "preset": "r"}).wish
    of_one = read_form({"what": "messages", "preset": "r", "conversation": f" {OF_ONE} "}).wish
    any_owners = read_form({"what": "messages", "preset": "r", "survey": "owner=&name=A", "q": " refund* "})

    assert found.options == ExportOptions(
        rows=Rows.CONVERSATION,
        filter=WantedMessages(platform="twitch", person="7", survey=KEY.name, survey_owner=KEY.owner),
    )
    assert anywhere == Wish(Source.MESSAGES, ExportOptions())
    assert of_one == Wish(
        Source.MESSAGES, ExportOptions(filter=WantedMessages(conversation=uuid.UUID(OF_ONE)))
    )
    assert any_owners.wish == Wish(
        Source.MESSAGES, ExportOptions(filter=WantedMessages(q="refund*", survey="A"))
    )


def test_days_are_of_the_zone_and_the_last_one_is_in_it() -> None:
    options = wish(what="chat_log", since="2026-02-28", through="2026-02-28", tz="Africa/Lagos").options

    assert options.since == datetime(2026, 2, 27, 23, tzinfo=UTC)
    assert options.until == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert options.tz == "Africa/Lagos"


@pytest.mark.parametrize(
    ("what", "field", "value"),
    [
        ("chat_log", "since", "yesterday"),
        ("chat_log", "since", "2026-02-30"),
        ("chat_log", "through", "9999-12-31"),
        ("chat_log", "tz", "Mars/Olympus"),
        ("chat_log", "direction", "sideways"),
        ("chat_log", "format", "xls"),
        ("messages", "rows", "person"),
        ("messages", "channel", "x" * 1_001),
        ("messages", "person", "a\0b"),
        ("messages", "conversation", "that of yesterday"),
        ("messages", "q", "-malaria"),
        ("messages", "q", "x" * 501),
        ("responses", "survey", ""),
        ("responses", "survey", "owner=&name=A"),
    ],
)
def test_what_is_wrong_is_told_of_its_field_and_the_rest_is_kept(what: str, field: str, value: str) -> None:
    asked = read_form(SURVEY | {"what": what, "metadata": "yes", field: value})

    assert asked.wish is None
    assert list(asked.errors) == [field]
    assert asked.form[field] == value
    assert asked.form["metadata"] == "yes"


def test_a_last_day_before_the_first_is_wrong() -> None:
    asked = read_form(SURVEY | {"what": "chat_log", "since": "2026-10-02", "through": "2026-10-01"})

    assert asked.errors == {"through": "The last day is before the first day."}


@given(
    st.sampled_from(Source),
    st.sampled_from([preset.key for preset in PRESETS]),
    st.dictionaries(st.sampled_from(list(DEFAULTS)), st.sampled_from(["", "yes", "no"]) | any_text),
)
def test_whatever_is_sent_is_an_export_or_says_what_is_wrong(
    what: Source, preset: str, sent: dict[str, str]
) -> None:
    asked = read_form({"what": what.value, "preset": preset} | sent)

    assert (asked.wish is None) == bool(asked.errors)
    assert all(text.encode() is not None for text in asked.form.values())
