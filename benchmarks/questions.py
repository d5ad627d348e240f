"""What the pages of the product ask of the table, with places in it to ask about.

A page is asked for behind an entry that is there, chosen by chance; how long that takes is not measured here.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.big_table import TALKERS_SHARE
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.big_table import BigTable, Entries

_ENTRIES, _PAGES = statements("entries", "benchmarks.sql"), statements("pages", "benchmarks.sql")
PAGE = 100
#: Asked so often, each time about another place; what takes seconds, less often.
SAMPLES, FEW_SAMPLES = 1_000, 5
REPLAY_MS, SURVEY_MS = 20.0, 100.0
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
#: Of ten people, two are in a small survey: so many places are looked at to find one that fits.
_PLACES_PER_SAMPLE = 20
_SEED = 1


class Place(NamedTuple):
    """An entry of the table."""

    number: int
    userid: str
    shortcode: str
    direction: str
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a page asks.

    Attributes:
        name: for the results.
        sql: the statement.
        fits: which places it can be asked about.
        arguments: of the statement, for a place.
        limit_ms: what 99 of 100 have to keep below; None if only to be known.
        samples: how often to ask.
    """

    name: str
    sql: str
    fits: Callable[[Place], bool]
    arguments: Callable[[Place], tuple[object, ...]]
    limit_ms: float | None
    samples: int = SAMPLES


def _is_talker(place: Place) -> bool:
    return place.number % TALKERS_SHARE == TALKERS_SHARE - 1


REPLAY = (
    Question(
        "conversation, whole",
        _PAGES.replay_conversation,
        lambda place: not _is_talker(place),
        lambda place: (place.userid,),
        REPLAY_MS,
    ),
    Question(
        "very long conversation, first page",
        _PAGES.replay_page,
        _is_talker,
        lambda place: (place.userid, _LONG_AGO, "", PAGE),
        REPLAY_MS,
    ),
    Question(
        "very long conversation, any page",
        _PAGES.replay_page,
        _is_talker,
        lambda place: (place.userid, place.timestamp, place.direction, PAGE),
        REPLAY_MS,
    ),
    Question(
        "very long conversation, whole",
        _PAGES.replay_conversation,
        _is_talker,
        lambda place: (place.userid,),
        None,
        FEW_SAMPLES,
    ),
)
SURVEY = (
    Question(
        "small survey, by person",
        _PAGES.survey_page,
        lambda place: place.shortcode.startswith("small"),
        lambda place: (place.shortcode, place.userid, place.timestamp, place.direction, PAGE),
        SURVEY_MS,
    ),
    Question(
        "huge survey, by person",
        _PAGES.survey_page,
        lambda place: place.shortcode == "huge",
        lambda place: (place.shortcode, place.userid, place.timestamp, place.direction, PAGE),
        SURVEY_MS,
    ),
)


def newest_first(how: str, *, samples: int) -> tuple[Question, ...]:
    """Return the questions for a survey's newest entries.

    Args:
        how: with which indexes, for the results.
        samples: of each.
    """
    return (
        Question(
            f"small survey, newest first, {how}",
            _PAGES.survey_newest,
            lambda place: place.shortcode.startswith("small"),
            lambda place: (place.shortcode, place.timestamp, place.userid, place.direction, PAGE),
            SURVEY_MS,
            samples,
        ),
        Question(
            f"huge survey, newest first, {how}",
            _PAGES.survey_newest,
            lambda place: place.shortcode == "huge",
            lambda place: (place.shortcode, place.timestamp, place.userid, place.direction, PAGE),
            SURVEY_MS,
            samples,
        ),
    )


async def places_for(question: Question, table: BigTable, entries: Entries, rows: int) -> list[Place]:
    """Choose places that a question can be asked about, the same ones every time.

    Args:
        question: gets as many as it has samples and one to begin with, or all that were found.
        table: with `make_entries`.
        entries: of the table.
        rows: how many it holds.
    """
    chance = random.Random(_SEED)  # noqa: S311  no secrets
    # One of a wave of ten thousand, or the next that is of one who never stops.
    numbers = [chance.randrange(rows) for _ in range(question.samples * _PLACES_PER_SAMPLE)]
    numbers[::2] = [number // TALKERS_SHARE * TALKERS_SHARE + TALKERS_SHARE - 1 for number in numbers[::2]]
    connection = await table.connect()
    try:
        found = await connection.fetch(
            _ENTRIES.place, numbers, entries.begins_ms, entries.step_ms, entries.people, entries.talkers
        )
    finally:
        await connection.close()
    places = [Place(**entry) for entry in found]
    return [place for place in places if question.fits(place)][: question.samples + 1]
