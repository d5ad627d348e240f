from __future__ import annotations

import re
from pathlib import Path

import pytest

from sinks.sql import parse, statements
from tests.sinks.sql_files import every_statement

ROOT = Path(__file__).parents[2]
FIND = "-- name: find\n-- One of them.\nSELECT 1;\n"


def test_a_statement_is_found_by_its_name() -> None:
    assert parse("some.sql", f"-- What is asked.\n\n{FIND}\n-- name: lose\n-- None.\nSELECT\n  2;\n") == {
        "find": "-- One of them.\nSELECT 1",
        "lose": "-- None.\nSELECT\n  2",
    }


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (f"SELECT 0;\n\n{FIND}", "begins with a statement that has no name"),
        (f"{FIND}\n{FIND}", "two statements named find"),
        (f"{FIND}\n-- Another one.\nSELECT 2;\n", "find is not one statement"),
        ("-- name: find\nSELECT 1;\n", "find is not one statement"),
        ("-- name: find\n-- One of them.\nSELECT 1\n", "find is not one statement"),
        ("-- name: find\n-- name: lose\n-- None.\nSELECT 1;\n", "find is not one statement"),
    ],
    ids=["without name", "twice", "second without name", "without sentence", "without end", "without SQL"],
)
def test_a_file_that_is_not_written_by_the_rules_is_refused(content: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        parse("some.sql", content)


def test_a_name_that_no_file_has_is_told_at_once() -> None:
    with pytest.raises(AttributeError, match=r"exports\.sql has no statement named find_exprot"):
        _ = statements("exports").find_exprot


@pytest.mark.parametrize(
    ("package", "users"), [("sinks.sql", ("app", "sinks")), ("benchmarks.sql", ("benchmarks",))]
)
def test_every_statement_has_a_user(package: str, users: tuple[str, ...]) -> None:
    code = "".join(path.read_text() for user in users for path in (ROOT / user).rglob("*.py"))
    used = set(re.findall(r"\.(\w+)", code))
    assert [name for name in every_statement(package) if name.partition(".")[2] not in used] == []
