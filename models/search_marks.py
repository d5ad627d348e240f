"""What is marked in a message that a search found, as pieces of its text. Pure; never HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from models.search import is_of_word, is_unspaced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from models.search import WordQuery

#: How much of a long message is shown, and how much of that before the first mark.
EXCERPT_MAX, BEFORE_MARK = 400, 120
#: Where a long message goes on.
CUT = "…"


class Piece(NamedTuple):
    """A piece of a text: the pieces in their order are the text, or the part of it that is shown."""

    text: str
    is_hit: bool


class Word(NamedTuple):
    """A word in a text: where it begins and ends, and how words are compared."""

    start: int
    end: int
    lower: str


def words_of(text: str) -> list[Word]:
    """Return the words of a text; of scripts without spaces, the letters."""
    return list(_words(text))


def marked(text: str, query: WordQuery, also: AbstractSet[str] = frozenset()) -> tuple[Piece, ...]:
    """Return a text, or the part of a long one round its first hit, with what was looked for marked.

    Args:
        text: what was said.
        query: what was looked for.
        also: other words in lower case that count as found: of the same stem.
    """
    words = words_of(text)
    hits = sorted({(words[first].start, words[last].end) for first, last in _hits(words, query, also)})
    begin, end = _excerpt(text, hits[0][0] if hits else 0)
    pieces = [Piece(CUT, is_hit=False)] if begin else []
    at = begin
    for start, stop in hits:
        if stop > end:
            break
        if stop <= at:
            continue
        start = max(start, at)  # noqa: PLW2901  hits may lie in each other
        if start > at:
            pieces.append(Piece(text[at:start], is_hit=False))
        pieces.append(Piece(text[start:stop], is_hit=True))
        at = stop
    if at < end:
        pieces.append(Piece(text[at:end], is_hit=False))
    if end < len(text):
        pieces.append(Piece(CUT, is_hit=False))
    return tuple(pieces)


def _words(text: str) -> Iterator[Word]:
    start = None
    for at, letter in enumerate(text):
        goes_on = is_of_word(letter) and not is_unspaced(letter)
        if start is not None and not goes_on:
            yield Word(start, at, text[start:at].lower())
            start = None
        if is_unspaced(letter):
            yield Word(at, at + 1, letter.lower())
        elif goes_on and start is None:
            start = at
    if start is not None:
        yield Word(start, len(text), text[start:].lower())


def _hits(words: Sequence[Word], query: WordQuery, also: AbstractSet[str]) -> Iterator[tuple[int, int]]:
    """Yield the numbers of the first and the last word of each hit."""
    by_word: dict[str, list[int]] = {}
    for number, word in enumerate(words):
        by_word.setdefault(word.lower, []).append(number)
        if word.lower in also:
            yield number, number
    for term in query.wanted:
        *row, last = [word.lower for word in words_of(" ".join(term.words))]
        firsts = by_word.get(row[0], []) if row else range(len(words))
        for first in firsts:
            at_end = first + len(row)
            if at_end >= len(words) or [word.lower for word in words[first:at_end]] != row:
                continue
            found = words[at_end].lower
            if found == last or (term.is_prefix and found.startswith(last)):
                yield first, at_end


def _excerpt(text: str, first_hit: int) -> tuple[int, int]:
    if len(text) <= EXCERPT_MAX:
        return 0, len(text)
    begin = max(0, min(first_hit - BEFORE_MARK, len(text) - EXCERPT_MAX))
    return begin, begin + EXCERPT_MAX
