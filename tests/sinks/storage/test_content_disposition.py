"""Names of downloads: every browser gets one, and no name breaks out of the header."""

from __future__ import annotations

from email.message import Message

import pytest

from sinks.storage.content_disposition import attachment


def names_of(header: str) -> tuple[str | None, str | None]:
    """Return the plain and the encoded name, by parsers that are not ours."""
    plain, encoded = Message(), Message()
    before, _, after = header.partition("; filename*=")
    plain["Content-Disposition"] = before
    encoded["Content-Disposition"] = f"attachment; filename*={after}"
    return plain.get_filename(), encoded.get_filename()


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("survey.csv", "survey.csv"),
        ("a survey, (1) & more.csv", "a survey, (1) & more.csv"),
        ("Café Ünicode.csv", "Cafe Unicode.csv"),
        ("опрос.csv", "_____.csv"),
        ("調査.csv.gz", "__.csv.gz"),
        ("😀.csv", "_.csv"),
        ('say "hi".csv', "say _hi_.csv"),
        ("50%25.csv", "50_25.csv"),
        ("a;b=c'd.csv", "a_b=c'd.csv"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("back\\slash.csv", "back_slash.csv"),
    ],
)
def test_a_name_is_given_plain_and_as_it_is(name: str, plain: str) -> None:
    header = attachment(name)

    assert header.isascii()
    assert names_of(header) == (plain, name)


@pytest.mark.parametrize(
    "name", ["a\r\nX-Name=1\r\n.csv", "a\0b.csv", "a\u2028b.csv", "fdp.\u202ecsv", "a\x7f.csv"]
)
def test_nothing_in_a_name_ends_the_header_or_turns_its_reading(name: str) -> None:
    header = attachment(name)

    assert header.isprintable()
    plain, encoded = names_of(header)
    assert plain == encoded
    assert (encoded or "").isprintable()


def test_no_name_and_half_a_character_are_names_too() -> None:
    assert names_of(attachment("")) == ("download", "download")
    assert attachment("\ud800.csv").isascii()
