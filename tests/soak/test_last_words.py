"""What is kept of a worker that ended by itself."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from app.logs import TextFormatter
from tests.soak.last_words import LAST_LINES, WARNINGS, last_words_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR, logging.CRITICAL])
def test_what_matters_is_kept_however_much_was_said_after_it(tmp_path: Path, level: int) -> None:
    reason, noise = as_logged(level, "the reason"), [as_logged(logging.INFO, f"noise {n}") for n in range(50)]
    log = tmp_path / "capture-4.log"
    log.write_text("\n".join([*noise, reason, *noise]))

    last = last_words_of(log, 1)

    assert (last.worker, last.status) == ("capture-4", 1)
    assert last.lines == (reason, *noise[-LAST_LINES:])


def test_the_last_lines_are_kept_whatever_they_are_and_each_once(tmp_path: Path) -> None:
    said = [as_logged(logging.ERROR, "crashed"), "Traceback (most recent call last):", "ValueError: it"]
    log = tmp_path / "persist-1.log"
    log.write_text("\n".join(said))

    assert last_words_of(log, 1).lines == tuple(said)


def test_of_a_flood_of_warnings_the_last_are_kept(tmp_path: Path) -> None:
    said = [as_logged(logging.WARNING, f"flood {n}") for n in range(100)]
    log = tmp_path / "persist-1.log"
    log.write_text("\n".join(said))

    assert last_words_of(log, 1).lines == tuple(said[-LAST_LINES - WARNINGS :])


def as_logged(level: int, text: str) -> str:
    return TextFormatter().format(logging.LogRecord("app", level, "", 0, text, (), None))
