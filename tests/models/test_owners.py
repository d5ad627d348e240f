"""Owners by their addresses: which spellings are one, and which only look alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.owners import owner_address

#: An address, and other ways to write it.
ONE = [
    (
        "hunt.owner@example.org",
        ("Hunt.Owner@example.org", " HUNT.OWNER@EXAMPLE.ORG ", "hunt.owner@Example.org"),
    ),
    ("jörg@example.org", ("JÖRG@example.org", "jo\u0308rg@example.org", "JO\u0308RG@EXAMPLE.org")),
    ("имя@пример.рф", ("ИМЯ@Пример.РФ",)),
    ("kelvin@example.org", ("\u212aelvin@example.org",)),
]
#: Two mailboxes that some way of folding takes for one.
TWO = [
    ("strasse@example.org", "straße@example.org"),
    ("ibrahim@example.org", "İbrahim@example.org"),
    ("ilker@example.org", "ılker@example.org"),
    ("susan@example.org", "\u017fusan@example.org"),
    ("office@example.org", "o\ufb03ce@example.org"),
    ("a.b@example.org", "ab@example.org"),
    ("a+b@example.org", "a@example.org"),
    ("jorg@example.org", "jörg@example.org"),
    ("paul@example.org", "ра\u0443l@example.org"),
]


@pytest.mark.parametrize(("address", "written"), ONE)
def test_an_address_is_one_however_it_is_written(address: str, written: tuple[str, ...]) -> None:
    assert {owner_address(one) for one in (address, *written)} == {address}


@pytest.mark.parametrize(("one", "other"), TWO)
def test_what_only_looks_alike_stays_apart(one: str, other: str) -> None:
    assert owner_address(one) != owner_address(other)


@given(st.text())
def test_the_one_form_of_an_address_is_its_own(written: str) -> None:
    assert owner_address(owner_address(written)) == owner_address(written)
