"""A conversation is shown as it was said."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

import samples
from app.local.arrival import ToldMessage
from app.local.screen import Screen
from app.local.transcript import bubbles, plain_lines
from models.entries import Direction

AMINA = samples.conversations()[0]
BEGAN = datetime(2025, 3, 3, 23, 59, tzinfo=UTC)


def _shown(*said: tuple[Direction, str], terminal: bool, width: int = 60) -> str:
    messages = [
        ToldMessage(AMINA.userid, BEGAN + timedelta(minutes=number), direction, content)
        for number, (direction, content) in enumerate(said)
    ]
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=width, color_system=None, highlight=False)
    Screen(console).say_conversation(AMINA, messages, "2 messages")
    return output.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "السلام عليكم، كم كان المبلغ (325,000 دينار)؟",
        "आपकी उम्र कितनी है?",
        "👍🏽 [bold]1[/bold] :smile:",
        '{"a":1}',
    ],
)
@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "plain"])
def test_text_is_shown_letter_for_letter(text: str, terminal: bool) -> None:
    assert text in _shown((Direction.USER, text), terminal=terminal, width=90)


def test_a_plain_line_is_whole_however_long() -> None:
    text = "word " * 200 + "end"

    assert f"23:59  bot    {text}\n" in _shown((Direction.BOT, text), terminal=False)


def test_what_was_sent_instead_of_a_text_is_named() -> None:
    sent = ToldMessage(AMINA.userid, BEGAN, Direction.USER, "", "sticker")
    assert "Amina  (sticker)" in plain_lines(AMINA, [sent], "1 message").plain
    assert "(sticker)" in bubbles(AMINA, [sent], "1 message", Console(width=60)).plain


def test_later_lines_of_a_plain_message_are_indented() -> None:
    shown = _shown((Direction.BOT, "Well?\n- A. Yes"), terminal=False)

    assert "23:59  bot    Well?\n              - A. Yes\n" in shown


def test_on_a_terminal_the_person_speaks_further_right_than_the_bot() -> None:
    lines = _shown((Direction.BOT, "Well?"), (Direction.USER, "Yes"), terminal=True).splitlines()

    assert lines[1] == "── Amina Danladi · Kaduna Child Health Line · 2 messages"
    assert lines[3] == "23:59  Well?"
    assert lines[5].startswith("00:00        ")
    assert lines[5].endswith("Yes")


def test_on_a_terminal_no_word_is_lost_to_the_width() -> None:
    text = " ".join(f"word{number}" for number in range(100))

    shown = _shown((Direction.USER, text), terminal=True)

    assert shown[shown.index("word0") :].split() == text.split()


def test_each_day_is_named_once() -> None:
    shown = _shown((Direction.BOT, "Well?"), (Direction.USER, "Yes"), (Direction.BOT, "Good"), terminal=False)

    assert [line for line in shown.splitlines() if "UTC" in line] == ["2025-03-03 (UTC)", "2025-03-04 (UTC)"]


def test_a_message_without_text_is_shown_as_such() -> None:
    assert "(no text)" in _shown((Direction.BOT, ""), terminal=False)
