"""What somebody looks for in what was said: from what they typed to what PostgreSQL is asked. Pure.

What is typed is as of web searches: words of which all must be there, "words in a row", `or`, -not, and the
beginning of a word (vacc*). It becomes alternatives (of which one must be met), each of terms. Scripts that
put no spaces between words are indexed letter by letter (`fts`, migrations/versions/0017_search.up.sql): a
word there is asked for by its letters, and then for itself.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from models.errors import ChatlogError, MustAct

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Of what is typed. Whoever needs more looks for something else than words.
QUERY_MAX, TERMS_MAX = 500, 20
#: A shorter beginning is that of too many words.
PREFIX_MIN = 2

#: Letters of scripts without spaces between words, and marks that are spaces to us: as `fts` has them.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
)
MARKS = "؟،؛।॥。，！？、：；…“”‘’«»"
_ONE_UNSPACED = re.compile(f"[{UNSPACED}]")
_MARK = re.compile(f"[{MARKS}]")
#: What is typed, in parts: a minus, then words in quotation marks (whose end may be missing) or one word.
_PART = re.compile(r'(-?)(?:"([^"]*)(?:"|$)|([^\s"]+))')
_OR = "or"
#: Quotation marks as telephones write them are meant as plain ones.
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})


class CannotSearch(ChatlogError):
    """What was typed cannot be looked for; the message says why, and what can be."""

    must_act = MustAct.CALLER


@dataclass(frozen=True, slots=True)
class Term:
    """What has to be there, or may not be.

    Attributes:
        words: in a row; each of letters, digits and what joins them, in lower case.
        is_prefix: whether a word that begins so will do.
        is_not: whether it may not be there.
    """

    words: tuple[str, ...]
    is_prefix: bool = False
    is_not: bool = False

    @property
    def is_unspaced(self) -> bool:
        """Whether letters of scripts without spaces are in it, so that an index tells only which may be."""
        return any(map(_ONE_UNSPACED.search, self.words))

    @property
    def tsquery(self) -> str:
        """What the index is asked for, as `to_tsquery` reads it: all of it, but for the order of letters."""
        if self.is_unspaced:
            return " & ".join(_quoted(lexeme) for lexeme in dict.fromkeys(self._lexemes()))
        return " <-> ".join(_quoted(word) + (":*" if self.is_prefix else "") for word in self.words)

    @property
    def pattern(self) -> str:
        """What the text is like that has it, as ILIKE reads it."""
        return f"%{_escaped(' '.join(self.words))}%"

    def _lexemes(self) -> Iterator[str]:
        for word in self.words:
            yield from _ONE_UNSPACED.sub(r" \g<0> ", word).split()


@dataclass(frozen=True, slots=True)
class Alternative:
    """Terms that are all to be met.

    Attributes:
        wanted: what must be there; never empty.
        unwanted: what may not.
    """

    wanted: tuple[Term, ...]
    unwanted: tuple[Term, ...] = ()

    @property
    def tsquery(self) -> str:
        """What the index is asked for: nothing that meets the terms is missing in what it gives."""
        never = [f"!({term.tsquery})" for term in self.unwanted if not term.is_unspaced]
        return " & ".join([*(f"({term.tsquery})" for term in self.wanted), *never])

    @property
    def like(self) -> tuple[str, ...]:
        """Patterns that the text has to be like."""
        return tuple(term.pattern for term in self.wanted if term.is_unspaced)

    @property
    def unlike(self) -> tuple[str, ...]:
        """Patterns that the text may not be like."""
        return tuple(term.pattern for term in self.unwanted if term.is_unspaced)


@dataclass(frozen=True, slots=True)
class WordQuery:
    """What somebody looks for.

    Attributes:
        alternatives: of which one has to be met; never empty.
        left_out: what of it nobody can look for, as it was typed: signs that are no words.
    """

    alternatives: tuple[Alternative, ...]
    left_out: tuple[str, ...] = field(default=())

    @property
    def tsquery(self) -> str:
        """What the index is asked for."""
        return " | ".join(f"({each.tsquery})" for each in self.alternatives)

    @property
    def wanted(self) -> tuple[Term, ...]:
        """All that may be marked in what is found."""
        return tuple(term for each in self.alternatives for term in each.wanted)

    @property
    def has_patterns(self) -> bool:
        """Whether the index alone does not tell."""
        return any(each.like or each.unlike for each in self.alternatives)

    @property
    def required(self) -> tuple[str, ...]:
        """Patterns that every text found is like, beside those of `like`: for what no index is of yet."""
        if len(self.alternatives) > 1:
            return ()
        spaced = [term for term in self.alternatives[0].wanted if not term.is_unspaced]
        pieces = [piece for term in spaced for piece in _runs(" ".join(term.words))]
        return tuple(f"%{_escaped(piece)}%" for piece in dict.fromkeys(pieces))


def parse(typed: str) -> WordQuery:
    """Return what somebody looks for.

    Raises:
        CannotSearch: it is nothing, too much, or would have every message read.
    """
    if len(typed) > QUERY_MAX:
        raise CannotSearch(f"That is too long to look for: {QUERY_MAX} characters at most.")
    groups: list[list[Term]] = [[]]
    left_out: list[str] = []
    for minus, quoted, bare in _PART.findall(typed.translate(_QUOTES).replace("\0", " ")):
        if bare.lower() == _OR and not minus:
            groups.append([])
            continue
        term = _term(quoted or bare, is_quoted=not bare, is_not=bool(minus))
        if term is None:
            left_out += [quoted or bare] if (quoted or bare).strip() else []
        else:
            groups[-1].append(term)
    if sum(map(len, groups)) > TERMS_MAX:
        raise CannotSearch(f"These are too many words to look for at once: {TERMS_MAX} at most.")
    alternatives = tuple(_alternative(terms) for terms in groups if terms)
    if not alternatives:
        raise CannotSearch("Type a word to look for: of letters or digits.")
    return WordQuery(alternatives, tuple(left_out))


def stem_fragment(word: str, stem: str) -> str | None:
    """Return what a text with a word of a stem is nearly always like: to look through what no index is of.

    Endings come and go, and the letter before them may change (happy, happiness): of the beginning of the
    stem that is in the word, the last letter is left out. None where that leaves too little to go by.
    """
    common = next((stem[:end] for end in range(len(stem), 0, -1) if stem[:end] in word), "")
    piece = common[:-1] if len(common) > 3 else common
    return f"%{_escaped(piece)}%" if len(piece) >= PREFIX_MIN else None


def _term(text: str, *, is_quoted: bool, is_not: bool) -> Term | None:
    is_prefix = not is_quoted and text.endswith("*")
    spaced = _MARK.sub(" ", text.rstrip("*") if not is_quoted else text)
    words = tuple(word for word in spaced.lower().split() if _has_word(word))
    if not words:
        return None
    if is_prefix and not _ONE_UNSPACED.search(words[-1]) and len(words[-1]) < PREFIX_MIN:
        raise CannotSearch(
            f"{text} would be the beginning of too many words: give {PREFIX_MIN} letters before the *."
        )
    return Term(words, is_prefix, is_not)


def _alternative(terms: list[Term]) -> Alternative:
    wanted = tuple(term for term in terms if not term.is_not)
    unwanted = tuple(term for term in terms if term.is_not)
    if not wanted:
        missing = " ".join(f"-{' '.join(term.words)}" for term in unwanted)
        raise CannotSearch(
            f"{missing} alone would be nearly every message there is: say what has to be there, too, such as "
            f"fever {missing}"
        )
    return Alternative(wanted, unwanted)


def _quoted(word: str) -> str:
    doubled = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


def _escaped(text: str) -> str:
    """Return a text for LIKE: none of its characters stands for others."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def is_of_word(letter: str) -> bool:
    """Tell whether a character is part of a word: vowels are marks in many scripts."""
    return letter.isalnum() or unicodedata.category(letter).startswith("M")


def is_unspaced(letter: str) -> bool:
    """Tell whether a character is of a script without spaces between words."""
    return _ONE_UNSPACED.match(letter) is not None


def _has_word(text: str) -> bool:
    return any(letter.isalnum() for letter in text)


def _runs(text: str) -> Iterator[str]:
    """Yield the longest pieces of letters and digits, which are in a text whatever is taken for a word."""
    return ("".join(run) for is_word, run in groupby(text, is_of_word) if is_word)
