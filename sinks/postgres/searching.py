"""Statements that find words in `all_messages`: put together of what the caller may read, and fixed text.

The order is by an expression: by the plain column the planner walks back through time for a rare word, and
reads millions of texts.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from sinks.postgres.reading import Conditions
from sinks.postgres.said import COLUMNS, SaidQuery
from sinks.postgres.talks import keep_to_talk
from sinks.postgres.unsent import MID, UNSENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from models.reading import MessageFilter
    from models.search import Alternative, WordQuery
    from models.search_windows import Window
    from sinks.postgres.reading import Reading
    from sinks.postgres.talks import Talk
    from sinks.postgres.unsent import Unsent

SIMPLE = "simple"
_AS_SAID = "fts(content) @@ to_tsquery('pg_catalog.simple', {}::varchar)"
_LIKE, _UNLIKE = "content ILIKE {}::varchar", "content NOT ILIKE {}::varchar"
_SPOKEN = (
    "(platform = ANY ({}::varchar[]) OR (platform || '/' || coalesce(channel, '')) = ANY ({}::varchar[]) "
    "OR surveyid = ANY ({}::uuid[]))"
)
#: Of a message without an id, whose time none can hold.
_ID = "coalesce(id, '00000000-0000-0000-0000-000000000000'::uuid)"
_FIND = (
    "SELECT {columns} FROM all_messages WHERE {conditions} "
    "ORDER BY timestamp + interval '0' DESC, {id} DESC LIMIT {limit:d}"
)
_COUNT = "SELECT count(*) FROM all_messages WHERE {conditions}"
_AT = "SELECT {columns} FROM all_messages WHERE {conditions} ORDER BY timestamp OFFSET {place:d} LIMIT 1"


class Order(StrEnum):
    """In which order is given what was found."""

    NEWEST = "newest"
    RANK = "rank"


class Spoken(NamedTuple):
    """A language, and where it is spoken: there, words are found by their stems.

    Attributes:
        language: as PostgreSQL calls it.
        platforms: all on which a place is.
        whole: those of them of which all is in it.
        channels: each as `platform/channel`.
        surveyids: the versions of surveys.
    """

    language: str
    platforms: frozenset[str]
    whole: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    surveyids: frozenset[str] = frozenset()


class Sought(NamedTuple):
    """What is looked for, among what, and how.

    Attributes:
        reading: what may be read.
        wanted: which of it.
        words: that are to be in it.
        unsent: what was taken back.
        spoken: by the stems of which language; None for words as they are.
        fragments: for stems, patterns that a text of the part that no index is of has to be like.
        after: the time and the id of the message after which to go on.
        talk: only in this conversation.
        by_survey: whether the index of surveys helps: there are not too many messages of them.
    """

    reading: Reading
    wanted: MessageFilter
    words: WordQuery
    unsent: Unsent
    spoken: Spoken | None = None
    fragments: tuple[str, ...] = ()
    after: tuple[datetime, UUID] | None = None
    talk: Talk | None = None
    by_survey: bool = True


def find_in(sought: Sought, window: Window, *, limit: int, ranked: bool = False) -> SaidQuery:
    """Return the statement for the newest messages of a window with what is looked for.

    Args:
        sought: what.
        window: said when.
        limit: how many at most.
        ranked: whether `rank` is told of each, too: how well it fits (`ts_rank`), as documents have it.
    """
    conditions = Conditions(sought.words.tsquery)
    conditions.keep_to(sought.reading, sought.wanted, by_survey=sought.by_survey)
    conditions.add("timestamp >= {}::timestamptz AND timestamp < {}::timestamptz", *window)
    if sought.after is not None:
        conditions.add(f"(timestamp, {_ID}) < ({{}}::timestamptz, {{}}::uuid)", *sought.after)
    if (talk := sought.talk) is not None:
        conditions.add("platform = {}::varchar", talk.platform)
        keep_to_talk(conditions, talk)
    sought.unsent.keep_out(conditions)
    for piece in _words(conditions, sought):
        conditions.add_fixed(piece)
    rank = f", {_rank(sought)} AS rank" if ranked else ""
    sql = _FIND.format(
        columns=f"{COLUMNS}, {MID} AS mid{rank}", conditions=conditions.sql, id=_ID, limit=limit
    )
    return SaidQuery(sql, conditions.arguments)


def count_said(reading: Reading, wanted: MessageFilter, unsent: Unsent) -> SaidQuery:
    """Return the statement that counts messages."""
    conditions = _all(reading, wanted, unsent)
    return SaidQuery(_COUNT.format(conditions=conditions.sql), conditions.arguments)


def said_at(reading: Reading, wanted: MessageFilter, unsent: Unsent, place: int) -> SaidQuery:
    """Return the statement for one of the messages that `count_said` counts, by its number from 0."""
    conditions = _all(reading, wanted, unsent)
    sql = _AT.format(columns=f"{COLUMNS}, {MID} AS mid", conditions=conditions.sql, place=place)
    return SaidQuery(sql, conditions.arguments)


def _all(reading: Reading, wanted: MessageFilter, unsent: Unsent) -> Conditions:
    conditions = Conditions()
    conditions.keep_to(reading, wanted)
    # What only says of another message that it was taken back is no line.
    conditions.add("message_type IS DISTINCT FROM {}::varchar", UNSENT)
    conditions.add("content <> ''")
    unsent.keep_out(conditions)
    return conditions


def add_words(conditions: Conditions, ways: Sequence[Sought], closed: datetime) -> None:
    """Have a statement on `all_messages` keep to what a search finds, at whatever time it was said.

    Args:
        conditions: of the statement; `$1` is the words' `tsquery`.
        ways: in which is looked for the words (`sinks.postgres.ways`).
        closed: until when there are indexes.
    """
    found = []
    for way in ways:
        # What one person or conversation said is looked through at once, by no fragments.
        is_of_one = way.wanted.person is not None or way.talk is not None
        looked_for = way._replace(fragments=()) if is_of_one else way
        found.append(" AND ".join(_words(conditions, looked_for, closed)))
    conditions.add_fixed(f"({' OR '.join(f'({each})' for each in found)})")


def _words(conditions: Conditions, sought: Sought, closed: datetime | None = None) -> Iterator[str]:
    """Yield what keeps to the words; `$1` is what the index is asked for.

    Args:
        conditions: take the parameters.
        sought: the words, and by which stems.
        closed: until when fragments do not count; None where they do.
    """
    words, spoken, parameter = sought.words, sought.spoken, conditions.parameter
    # What is cheap comes first: one of several ways is judged in the order in which it is written, and it is
    # dear to take a text apart where no index tells.
    if spoken is None:
        for pattern in words.required:
            yield _LIKE.format(parameter(pattern))
        yield "fts(content) @@ to_tsquery('pg_catalog.simple', $1::varchar)"
    else:
        yield f"platform = ANY ({parameter(sorted(spoken.platforms))}::varchar[])"
        places = (spoken.whole, spoken.channels, spoken.surveyids)
        yield _SPOKEN.format(*(parameter(sorted(each)) for each in places))
        for pattern in sought.fragments:
            like = _LIKE.format(parameter(pattern))
            yield like if closed is None else f"(timestamp < {parameter(closed)}::timestamptz OR {like})"
        yield f"fts('{spoken.language}'::varchar, content) @@ {_stems(spoken)}"
    if words.has_patterns:
        yield _patterns(conditions, words.alternatives)


def _patterns(conditions: Conditions, alternatives: Sequence[Alternative]) -> str:
    """Return what the index does not tell: the order of letters in scripts without spaces."""
    if len(alternatives) == 1:
        return " AND ".join(_like(conditions, alternatives[0]))
    parameter = conditions.parameter
    each = (
        " AND ".join([_AS_SAID.format(parameter(one.tsquery)), *_like(conditions, one)])
        for one in alternatives
    )
    return f"({' OR '.join(f'({one})' for one in each)})"


def _like(conditions: Conditions, alternative: Alternative) -> Iterator[str]:
    for pattern in alternative.like:
        yield _LIKE.format(conditions.parameter(pattern))
    for pattern in alternative.unlike:
        yield _UNLIKE.format(conditions.parameter(pattern))


def _rank(sought: Sought) -> str:
    if sought.spoken is None:
        return "ts_rank(fts(content), to_tsquery('pg_catalog.simple', $1::varchar))"
    return f"ts_rank(fts('{sought.spoken.language}'::varchar, content), {_stems(sought.spoken)})"


def _stems(spoken: Spoken) -> str:
    # A language is one that the server knows (`knows_language`): letters alone.
    return f"to_tsquery('pg_catalog.{spoken.language}', $1::varchar)"
