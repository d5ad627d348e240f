"""Trouble in the log: once when it begins, again while it lasts, once when it is over."""

from __future__ import annotations

import logging

import pytest

from sinks.trouble import BRIEF_S, REPEAT_EVERY_S, Trouble

log = logging.getLogger("a.part")


@pytest.fixture(autouse=True)
def _all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "a.part")


def last(trouble: Trouble, seconds: int, *, since: int = 0) -> None:
    for second in range(since, since + seconds):
        trouble.note("Away", {"error": str(second)}, now=float(second))


def test_what_lasts_is_told_at_once_and_again_every_so_often(caplog: pytest.LogCaptureFixture) -> None:
    last(Trouble(log, over="Back"), 70)

    assert [record.__dict__["error"] for record in caplog.records] == ["0", "30", "60"]


def test_its_end_is_told_if_it_was_told(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble(log, over="Back", grace_s=10)
    last(trouble, 5)
    trouble.end()
    assert caplog.messages == []

    last(trouble, 15, since=100)
    trouble.end({"records": 3})
    trouble.end()
    assert caplog.messages == ["Away", "Back"]
    assert caplog.records[-1].__dict__["records"] == 3


def test_trouble_that_comes_and_goes_is_not_told_each_time(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble(log, over="Back")
    for second in range(0, 20, 2):
        last(trouble, 1, since=second)
        trouble.end()
    assert caplog.messages == ["Away", "Back"]

    # What lasts is told, however soon it comes after.
    last(trouble, int(BRIEF_S) + 1, since=20)
    assert caplog.messages == ["Away", "Back", "Away"]


def test_other_trouble_is_news(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble(log)
    trouble.note("Away", now=0.0)
    trouble.note("Locked", now=1.0)
    trouble.note("Locked", now=2.0)

    assert caplog.messages == ["Away", "Locked"]
    assert trouble.since == 0.0


def test_whether_a_line_is_due_can_be_asked_before_its_fields_are_looked_up() -> None:
    trouble = Trouble(log)
    assert trouble.is_due("Away", now=0.0)
    trouble.note("Away", now=0.0)
    assert not trouble.is_due("Away", now=REPEAT_EVERY_S - 1)
    assert trouble.is_due("Away", now=REPEAT_EVERY_S)
