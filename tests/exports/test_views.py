"""What the table says of an export."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.exports.looking import LookedFor, SortBy
from app.exports.rows import ExportRow
from app.exports.views import ExportPage, ExportView
from app.web.paging import Paging
from models.entries import Direction
from models.exports import (
    NO_LINK,
    AskedAs,
    Compression,
    ExportOptions,
    Format,
    Source,
    Status,
    WantedMessages,
)

ONLY = Paging(number=1, last=1, total=1)
NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)


def row(number: int = 0, **changes: Any) -> ExportRow:
    values: dict[str, Any] = {
        "id": UUID(int=number),
        "user_id": "ana@example.org",
        "survey_id": "Baseline",
        "status": Status.STARTED,
        "source": Source.CHAT_LOG,
        "options": ExportOptions(),
        "survey_owner": None,
        "export_link": NO_LINK,
        "reason": None,
        "rows_done": 0,
        "rows_estimate": None,
        "bytes_done": 0,
        "cells_not_shown": 0,
        "object_key": None,
        "created": NOW - timedelta(seconds=number),
        "updated": NOW,
        "finished": None,
        "removed": None,
        "cancelled": None,
        "asked_as": None,
    }
    return ExportRow(**values | changes)


@pytest.mark.parametrize(
    ("many", "said"),
    [
        (0, ""),
        (1, "1 value is not in it, as no file can hold it"),
        (1200, "1,200 values are not in it, as no file can hold them"),
    ],
)
def test_what_a_file_could_not_hold_is_told(many: int, said: str) -> None:
    assert ExportView(row(cells_not_shown=many)).not_shown_in_words == said


@pytest.mark.parametrize(
    ("changes", "percent", "said"),
    [
        ({}, None, "waiting for its turn"),
        ({"status": Status.QUERYING}, None, "looking for the rows"),
        (
            {"status": Status.WRITING, "rows_done": 1200, "bytes_done": 4_000},
            None,
            "1,200 rows, 4.0 kB",
        ),
        (
            {"status": Status.WRITING, "rows_done": 50, "rows_estimate": 200, "bytes_done": 0},
            25,
            "50 of about 200 rows, 0 bytes",
        ),
        (
            {"status": Status.WRITING, "rows_done": 300, "rows_estimate": 200, "bytes_done": 9},
            99,
            "300 of about 200 rows, 9 bytes",
        ),
        (
            {"status": Status.FINISHED, "rows_done": 1, "finished": NOW + timedelta(seconds=75)},
            None,
            "1 row, after 1 min 15 s",
        ),
        ({"status": Status.FINISHED}, None, ""),
        ({"status": Status.FAILED}, None, ""),
    ],
)
def test_progress_is_said_as_far_as_it_is_known(
    changes: dict[str, Any], percent: int | None, said: str
) -> None:
    view = ExportView(row(**changes))

    assert (view.percent, view.progress_in_words) == (percent, said)


def test_options_are_said_as_they_were_chosen() -> None:
    options = ExportOptions(
        include_metadata=True,
        since=datetime(2026, 10, 1, tzinfo=UTC),
        until=datetime(2026, 11, 1, tzinfo=UTC),
        direction=Direction.USER,
        compression=Compression.GZIP,
        safe_cells=True,
    )

    assert ExportView(row(options=options)).options_in_words == (
        "CSV, gzip · metadata · what people wrote · from 2026-10-01 through 2026-10-31 · safe cells"
    )


def test_bounds_that_are_no_whole_days_are_said_to_the_second() -> None:
    options = ExportOptions(format=Format.PARQUET, until=datetime(2026, 11, 1, 8, 30, tzinfo=UTC))

    assert ExportView(row(options=options)).options_in_words == "Parquet · until 2026-11-01T08:30:00Z"


def test_an_earlier_reason_is_shown_only_while_it_is_tried_again() -> None:
    assert ExportView(row(reason="It broke.")).earlier_reason == "It broke."
    assert ExportView(row(reason="It broke.", status=Status.FAILED)).earlier_reason is None


def page_of(*views: ExportView, **looked_for: Any) -> ExportPage:
    return ExportPage(views, ONLY, LookedFor(**looked_for), "/exports", {"kind": "chat_log"})


def test_a_column_leads_to_its_order_and_then_the_other_way_round() -> None:
    page = page_of(by=SortBy.ROWS, descending=True)

    assert [page.order_of("rows"), page.order_of("size")] == ["descending", None]
    assert page.sorted_by("rows") == "/exports?kind=chat_log&sort=rows&order=up"
    assert page.sorted_by("size") == "/exports?kind=chat_log&sort=size&order=down"
    assert [page.at(1), page.at(2)] == ["/exports?kind=chat_log", "/exports?kind=chat_log&page=2"]


def test_an_export_says_what_it_is_of() -> None:
    asked_as, found = AskedAs(), WantedMessages(platform="twitch", channel="12", survey_owner="a@b.c")
    messages: dict[str, Any] = {"source": Source.MESSAGES, "survey_id": "", "asked_as": asked_as}

    assert ExportView(row()).of == "Baseline"
    assert ExportView(row(**messages, options=ExportOptions(filter=found))).of == "twitch · 12"
    assert ExportView(row(**messages)).of == "all messages"


def test_when_it_was_asked_for_is_said_in_the_readers_zone() -> None:
    assert ExportView(row()).asked_in("Asia/Kolkata") == "3 Nov 2026, 17:30"


def test_days_are_said_in_the_zone_in_which_they_were_asked_for() -> None:
    options = ExportOptions.model_validate(
        {"since": "2026-10-01", "until": "2026-11-01", "tz": "Africa/Lagos"}
    )

    assert ExportView(row(options=options)).options_in_words == (
        "CSV · from 2026-10-01 through 2026-10-31 (Africa/Lagos)"
    )


def test_screen_readers_hear_of_quarters_not_of_every_row() -> None:
    def news(done: int) -> str:
        running = row(status=Status.WRITING, rows_done=done, rows_estimate=100)
        return page_of(ExportView(running)).news

    assert news(26) == news(49) == "Chat log: Writing, 25 percent."
    assert news(50) == "Chat log: Writing, 50 percent."
