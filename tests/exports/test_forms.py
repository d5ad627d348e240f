"""What the forms of an export ask for, and what they say is wrong."""

from datetime import UTC, datetime

import pytest

from app.exports.forms import DEFAULTS, defaults_of, read_form
from models.entries import Direction
from models.exports import Compression, ExportOptions, Format, Source

FORM = {"layout": "long", "format": "csv", "compression": "none", "direction": ""}


@pytest.mark.parametrize("source", Source)
def test_without_a_change_all_is_asked_for_with_safe_cells_and_nothing_that_discloses(source: Source) -> None:
    assert defaults_of(source) == ExportOptions(safe_cells=True)


def test_a_switch_that_is_not_sent_is_off() -> None:
    asked = read_form(Source.CHAT_LOG, FORM)

    assert asked.options == ExportOptions()


def test_what_no_page_can_show_again_is_replaced() -> None:
    asked = read_form(Source.CHAT_LOG, FORM | {"since": "2026\ud800"})

    assert asked.form["since"] == "2026?"
    assert asked.errors.keys() == {"since"}


def test_every_choice_for_a_chat_log_arrives() -> None:
    asked = read_form(
        Source.CHAT_LOG,
        {
            "include_metadata": "on",
            "include_raw_payload": "on",
            "since": "2026-10-01",
            "through": "2026-10-31",
            "direction": "user",
            "format": "csv",
            "compression": "gzip",
            "safe_cells": "on",
            "for_spreadsheets": "on",
        },
    )

    assert asked.options == ExportOptions(
        include_metadata=True,
        include_raw_payload=True,
        since=datetime(2026, 10, 1, tzinfo=UTC),
        until=datetime(2026, 11, 1, tzinfo=UTC),
        direction=Direction.USER,
        compression=Compression.GZIP,
        safe_cells=True,
        for_spreadsheets=True,
    )


def test_responses_can_be_wide_and_know_nothing_of_what_is_for_chat_logs() -> None:
    asked = read_form(
        Source.RESPONSES, FORM | {"layout": "wide", "include_metadata": "on", "direction": "bot"}
    )

    assert asked.options == ExportOptions(wide=True)
    asked.options.check_fits(Source.RESPONSES)


@pytest.mark.parametrize("source", Source)
def test_metadata_is_for_both_sources_and_only_if_asked_for(source: Source) -> None:
    asked = read_form(source, FORM | {"include_metadata": "on"})

    assert asked.options
    assert asked.options.include_metadata
    assert not defaults_of(source).include_metadata


@pytest.mark.parametrize("chosen", [Format.JSONL, Format.PARQUET])
def test_what_is_out_of_sight_for_a_format_is_left_out(chosen: Format) -> None:
    asked = read_form(
        Source.CHAT_LOG, DEFAULTS | {"format": chosen.value, "compression": "gzip", "for_spreadsheets": "on"}
    )

    compressed = Compression.NONE if chosen is Format.PARQUET else Compression.GZIP
    assert asked.options == ExportOptions(format=chosen, compression=compressed)


def test_one_day_is_from_its_beginning_to_its_end() -> None:
    options = read_form(Source.CHAT_LOG, FORM | {"since": "2026-02-28", "through": "2026-02-28"}).options

    assert options
    assert options.since == datetime(2026, 2, 28, tzinfo=UTC)
    assert options.until == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "field", "value"),
    [
        (Source.CHAT_LOG, "since", "yesterday"),
        (Source.CHAT_LOG, "since", "2026-02-30"),
        (Source.CHAT_LOG, "through", "9999-12-31"),
        (Source.CHAT_LOG, "direction", "sideways"),
        (Source.CHAT_LOG, "format", "xlsx"),
        (Source.CHAT_LOG, "compression", "zip"),
        (Source.RESPONSES, "layout", "diagonal"),
    ],
)
def test_what_is_wrong_is_told_of_its_field_and_the_rest_is_kept(
    source: Source, field: str, value: str
) -> None:
    asked = read_form(source, FORM | {"include_metadata": "on", field: value})

    assert asked.options is None
    assert list(asked.errors) == [field]
    assert asked.form[field] == value
    assert asked.form["include_metadata"] == "on"


def test_a_last_day_before_the_first_is_wrong() -> None:
    asked = read_form(Source.CHAT_LOG, FORM | {"since": "2026-10-02", "through": "2026-10-01"})

    assert asked.errors == {"through": "The last day is before the first day."}
