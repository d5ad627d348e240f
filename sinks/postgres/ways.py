"""In which ways is looked for words: as they are, and by their stems where a place says its language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from models.search import CannotSearch, stem_fragment
from sinks.postgres.searching import SIMPLE, Sought, Spoken
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import asyncpg

    from models.search import WordQuery
    from sinks.postgres.reading import Reading
    from sinks.postgres.word_indexes import Indexes

    Connection = asyncpg.Connection[asyncpg.Record]

_SQL = statements("search")


@dataclass(frozen=True, slots=True)
class SpokenAt:
    """A language that is spoken somewhere.

    Attributes:
        place: where, as scopes name it.
        language: as PostgreSQL calls it.
        changed: when that was said.
        changed_by: by whom.
    """

    place: str
    language: str
    changed: datetime
    changed_by: str

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """Read a row."""
        return cls(**dict(row))

    @property
    def kind(self) -> str:
        """What kind of place it is: platform, channel or survey."""
        return self.place.partition(":")[0]

    @property
    def name(self) -> str:
        """Which one: `twitch`, `twitch/918273645`, the name of a survey."""
        return self.place.partition(":")[2]

    @property
    def platform(self) -> str:
        """On which platform it is; surveys are Messenger's."""
        return "messenger" if self.kind == "survey" else self.name.partition("/")[0]


async def ways_of(connection: Connection, plain: Sought, indexes: Indexes) -> list[Sought]:
    """Return in which ways to look: by words as they are, and by their stems where a place says its language.

    Raises:
        CannotSearch: what is left of it, when PostgreSQL has read it, is nearly every message.
    """
    spoken = _spoken(
        [SpokenAt.of(row) for row in await connection.fetch(_SQL.find_languages)],
        plain.reading,
        plain.wanted.platform,
        indexes,
    )
    asked = [SIMPLE, *(each.language for each in spoken)]
    words = plain.words.tsquery
    looked = await connection.fetch(_SQL.look_at_words, asked, [words] * len(asked))
    remains = {row["language"] for row in looked if row["remains"] not in {"", "T"}}
    if SIMPLE not in remains:
        raise CannotSearch("Type a word to look for: of letters or digits.")
    ways = [plain]
    for each in spoken:
        if each.language in remains:
            fragments = await _fragments(connection, each.language, plain.words)
            ways.append(plain._replace(spoken=each, fragments=fragments))
    return ways


def _spoken(
    said: Iterable[SpokenAt], reading: Reading, platform: str | None, indexes: Indexes
) -> list[Spoken]:
    by_language: dict[str, Spoken] = {}
    for at in said:
        if (at.platform, at.language) not in indexes.languages or platform not in {None, at.platform}:
            continue
        before = by_language.get(at.language) or Spoken(at.language, frozenset())
        spoken = before._replace(platforms=before.platforms | {at.platform})
        if at.kind == "platform":
            spoken = spoken._replace(whole=spoken.whole | {at.name})
        elif at.kind == "channel":
            spoken = spoken._replace(channels=spoken.channels | {at.name})
        else:
            spoken = spoken._replace(surveyids=spoken.surveyids | reading.ids_of(at.name))
        by_language[at.language] = spoken
    return list(by_language.values())


async def _fragments(connection: Connection, language: str, query: WordQuery) -> tuple[str, ...]:
    """Return what a text with these stems is like, for the part that no index is of."""
    if len(query.alternatives) > 1:
        return ()
    words = [word for term in query.wanted if not term.is_unspaced for word in term.words]
    stems = [row["stem"] for row in await connection.fetch(_SQL.find_stems, language, words)]
    pieces = [stem_fragment(word, stem) for word, stem in zip(words, stems, strict=True) if stem]
    return tuple(piece for piece in pieces if piece is not None)
