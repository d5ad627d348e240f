"""What somebody typed becomes what PostgreSQL is asked, case by case; and for any text that anybody types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.search import CannotSearch, Term, parse, stem_fragment
from models.search_marks import EXCERPT_MAX, marked

#: Typed, what the index is asked, and patterns beside it: a text has to be like these.
CASES = [
    ("refund", "(('refund'))", ["%refund%"]),
    ("Refund  MONEY", "(('refund') & ('money'))", ["%refund%", "%money%"]),
    ('"money back"', "(('money' <-> 'back'))", ["%money%", "%back%"]),
    ('"money back', "(('money' <-> 'back'))", ["%money%", "%back%"]),
    ("“money back”", "(('money' <-> 'back'))", ["%money%", "%back%"]),
    ("fever or cough", "(('fever')) | (('cough'))", []),
    ("a OR b c", "(('a')) | (('b') & ('c'))", []),
    ("fever -malaria", "(('fever') & !('malaria'))", ["%fever%"]),
    ('fever -"no fever"', "(('fever') & !('no' <-> 'fever'))", ["%fever%"]),
    ("vacc*", "(('vacc':*))", ["%vacc%"]),
    ("don't", "(('don''t'))", ["%don%", "%t%"]),
    ("foo-bar", "(('foo-bar'))", ["%foo%", "%bar%"]),
    ("50%_off", "(('50%_off'))", ["%50%", "%off%"]),
    (r"a\b", r"(('a\\b'))", ["%a%", "%b%"]),
    ("لقاح؟", "(('لقاح'))", ["%لقاح%"]),
    ("बुखार।", "(('बुखार'))", ["%बुखार%"]),
    ("chanjo", "(('chanjo'))", ["%chanjo%"]),
    ("疫苗", "(('疫' & '苗'))", []),
    ("วัคซีน", "(('ว' & 'ั' & 'ค' & 'ซ' & 'ี' & 'น'))", []),
    ("covid疫苗", "(('covid' & '疫' & '苗'))", []),
    ("refund -疫苗", "(('refund'))", ["%refund%"]),
    ("refund !!!", "(('refund'))", ["%refund%"]),
    ("re\0fund", "(('re') & ('fund'))", ["%re%", "%fund%"]),
]


@pytest.mark.parametrize(("typed", "tsquery", "required"), CASES, ids=[case[0] for case in CASES])
def test_what_is_typed_becomes_what_is_asked(typed: str, tsquery: str, required: list[str]) -> None:
    query = parse(typed)

    assert query.tsquery == tsquery
    assert list(query.required) == required


@pytest.mark.parametrize(
    ("typed", "like", "unlike"),
    [
        ("疫苗", ["%疫苗%"], []),
        ("เด็ก -วัคซีน", ["%เด็ก%"], ["%วัคซีน%"]),
        ("covid疫苗 100%", ["%covid疫苗%"], []),
        ('"你好，世界"', ["%你好 世界%"], []),
    ],
)
def test_scripts_without_spaces_are_asked_for_as_they_are_too(
    typed: str, like: list[str], unlike: list[str]
) -> None:
    (alternative,) = parse(typed).alternatives

    assert list(alternative.like) == like
    assert list(alternative.unlike) == unlike


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "Type a word"),
        ("  ", "Type a word"),
        ("!!! ... *", "Type a word"),
        ('""', "Type a word"),
        ("-malaria", "-malaria alone would be nearly every message"),
        ("fever or -malaria", "-malaria alone"),
        ("a*", "beginning of too many words"),
        ("x" * 501, "too long"),
        (" ".join(f"w{number}" for number in range(21)), "too many words"),
    ],
)
def test_what_nobody_can_look_for_is_refused_with_a_reason(typed: str, told: str) -> None:
    with pytest.raises(CannotSearch, match=told):
        parse(typed)


def test_what_is_no_word_is_left_out_and_told() -> None:
    assert parse("refund !!! …").left_out == ("!!!", "…")


@given(st.text(max_size=80))
def test_whatever_is_typed_is_understood_or_refused(typed: str) -> None:
    try:
        query = parse(typed)
    except CannotSearch:
        return
    assert all(alternative.wanted for alternative in query.alternatives)
    assert query.tsquery.count("'") % 2 == 0


@given(st.text(max_size=600), st.text(max_size=30))
def test_the_pieces_of_a_text_are_the_text(text: str, typed: str) -> None:
    try:
        query = parse(typed)
    except CannotSearch:
        query = parse("a")
    shown = "".join(piece.text for piece in marked(text, query))

    assert shown.removeprefix("…").removesuffix("…") in text if len(text) > EXCERPT_MAX else shown == text


#: A text and what was looked for; the hits are between brackets.
MARKS = [
    ("I want a [refund]!", "refund"),
    ("[Refund] my [REFUND]", "refund"),
    ("refunds are no hit", "refund"),
    ("[refunds] and [refund]", "refund*"),
    ("your [money back] or money", '"money back"'),
    ("[Money, back]", '"money back"'),
    ("متى [لقاح]؟", "لقاح"),
    ("[बुखार] है।", "बुखार"),
    ("我要打[疫苗]吗", "疫苗"),
    ("ลูกฉันได้[วัคซีน]แล้ว", "วัคซีน"),
    ("a [foo-bar] b", "foo-bar"),
    ("<b>[refund]</b>", "refund"),
    ("[fever] and [cough]", "fever or cough -malaria"),
]


@pytest.mark.parametrize(("text", "typed"), MARKS)
def test_what_was_looked_for_is_marked(text: str, typed: str) -> None:
    plain = text.replace("[", "").replace("]", "")
    pieces = marked(plain, parse(typed))

    assert "".join(f"[{piece.text}]" if piece.is_hit else piece.text for piece in pieces) == text


def test_words_of_the_same_stem_are_marked_too() -> None:
    pieces = marked("two vaccines", parse("vaccine"), frozenset({"vaccines"}))

    assert pieces[-1] == ("vaccines", True)


def test_of_a_long_message_the_part_round_the_first_hit_is_shown() -> None:
    pieces = marked("x " * 1000 + "refund" + " y" * 1000, parse("refund"))

    assert pieces[0].text == pieces[-1].text == "…"
    assert ("refund", True) in pieces
    assert sum(len(piece.text) for piece in pieces) == EXCERPT_MAX + 2


@pytest.mark.parametrize(
    ("word", "stem", "fragment"),
    [
        ("vaccines", "vaccin", "%vacci%"),
        ("happy", "happi", "%hap%"),
        ("running", "run", "%run%"),
        ("الكتاب", "كتاب", "%كتا%"),
        ("häuser", "haus", None),
    ],
)
def test_texts_with_a_stem_are_like_this(word: str, stem: str, fragment: str | None) -> None:
    assert stem_fragment(word, stem) == fragment


def test_a_term_knows_whether_its_letters_stand_alone() -> None:
    assert Term(("疫苗",)).is_unspaced
    assert not Term(("refund",)).is_unspaced
