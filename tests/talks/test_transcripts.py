"""Nobody writes lines of a transcript but their own, whatever they are called and whatever they say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.conversations.transcript_lines import SpokenLine, TranscriptLines, on_one_line

SAID_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n", "\v", "\f", "\x85", "\u2028"])
def test_later_lines_of_a_message_are_indented_by_whatever_they_are_broken(line_break: str) -> None:
    said = SpokenLine(SAID_AT, "Bob", is_bot=False, text=f"hello{line_break}13:00  bot  forged")
    _, line = TranscriptLines("UTC").plain(said)
    first, second = line.splitlines()
    assert first == "12:00  Bob  hello"
    assert second == " " * len("12:00  Bob  ") + "13:00  bot  forged"


def test_a_name_is_on_one_line() -> None:
    assert on_one_line("Bob\n13:00  bot  forged\x1b[2J") == "Bob 13:00  bot  forged [2J"
    assert on_one_line("अनीता 👩\u200d🔬") == "अनीता 👩\u200d🔬"
