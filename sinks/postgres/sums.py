"""Statements on sums: which of them a caller may see, and which people can be counted of whom.

Sums of messages have platform, channel, survey and role as messages have, so that `Conditions` keeps to what
may be read of them too. People cannot be added up, so they are counted of whole platforms, of channels and of
surveys, each by itself: `counted_people` says which of these answer a question, and when none does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from models.access import DEFAULT_TENANT
from models.reading import MESSENGER
from sinks.postgres.reading import OF_TENANT, Conditions

if TYPE_CHECKING:
    from models.reading import MessageFilter
    from sinks.postgres.reading import Reading

#: A condition, and its values.
Piece: TypeAlias = tuple[str, tuple[object, ...]]

_PLACE = "true /* conditions */"

# Of threads, a whole platform is of many tenants: there, the tenant's channel is all that there is of it.
_OF_PLATFORMS = (
    "surveyid IS NULL AND CASE WHEN platform = 'threads' THEN channel = 'default' ELSE channel IS NULL END"
)
_OF_DEFAULT_CHANNELS = (
    "channel IS NOT NULL AND surveyid IS NULL AND (platform <> 'threads' OR channel = 'default')"
)
_OF_THREADS = f"surveyid IS NULL AND {OF_TENANT}"
_OF_SURVEYS = "surveyid = ANY ({}::uuid[])"
_IN_CHANNEL = "channel = {}::varchar"
_ON_PLATFORM = "platform = {}::varchar"
_CHANNEL_WITHIN = "(platform = ANY ({}::varchar[]) OR platform || '/' || channel = ANY ({}::varchar[]))"
#: Whoever is narrowed to several kinds sees of each what no wider one has.
_WITHIN = (
    f"(({_OF_PLATFORMS} AND platform = ANY ({{}}::varchar[])) "
    f"OR ({_OF_DEFAULT_CHANNELS} AND platform || '/' || channel = ANY ({{}}::varchar[]) "
    "AND platform <> ALL ({}::varchar[])) "
    "OR (surveyid = ANY ({}::uuid[]) AND 'messenger' <> ALL ({}::varchar[])))"
)


class SumsQuery(NamedTuple):
    """A statement with its arguments.

    Attributes:
        sql: its text.
        arguments: in the order of its parameters.
    """

    sql: str
    arguments: list[object]


@dataclass(frozen=True, slots=True)
class CountedPeople:
    """Which counts of people answer a question.

    Attributes:
        pieces: conditions on them, each with its values.
        is_exact: whether nobody is counted twice; else it is how many there are at most.
    """

    pieces: tuple[Piece, ...]
    is_exact: bool


def sums_query(
    statement: str, reading: Reading, wanted: MessageFilter, *arguments: object, by_conversation: bool = False
) -> SumsQuery:
    """Return a statement of figures.sql on messages or their sums, kept to what a caller may see and wants.

    Args:
        statement: its text, with the place of conditions.
        reading: what may be seen.
        wanted: what is looked for; its times only where the statement does not have them as arguments.
        arguments: the statement's own.
        by_conversation: whether it is on messages; sums do not tell whose threads theirs were.
    """
    conditions = Conditions(*arguments)
    conditions.keep_to(reading, wanted, by_conversation=by_conversation)
    return _put_in(statement, conditions)


def people_query(statement: str, counted: CountedPeople, *arguments: object) -> SumsQuery:
    """Return a statement of figures.sql on counts of people, kept to those that answer the question."""
    conditions = Conditions(*arguments)
    for piece, values in counted.pieces:
        conditions.add(piece, *values)
    return _put_in(statement, conditions)


def without_times(wanted: MessageFilter) -> MessageFilter:
    """Return a filter for statements that have its times as arguments."""
    return replace(wanted, since=None, until=None)


def counted_people(reading: Reading, wanted: MessageFilter, split: str | None = None) -> CountedPeople | None:
    """Return which counts of people answer a question; None if there are none that do.

    Args:
        reading: what may be seen.
        wanted: of whom; only people speak as `user`.
        split: by what they are told apart: platform, channel, survey or role.
    """
    if wanted.role not in (None, "user"):
        return None
    pieces: tuple[Piece, ...] = () if wanted.platform is None else ((_ON_PLATFORM, (wanted.platform,)),)
    if reading.readable.tenant != DEFAULT_TENANT:
        return _of_tenant(reading, wanted, pieces, is_of_surveys=split == "survey")
    of_surveys = split == "survey" or wanted.survey is not None or reading.readable.surveyids is not None
    of_channels = split == "channel" or wanted.channel is not None
    if of_surveys:
        # Nobody counted how many of a channel spoke in a survey.
        return None if of_channels else _of_surveys(reading, wanted, pieces, is_split=split == "survey")
    if of_channels:
        return _of_channels(reading, wanted, pieces)
    within = reading.readable.within
    if within is None:
        return CountedPeople((*pieces, (_OF_PLATFORMS, ())), is_exact=True)
    platforms = sorted(within.platforms)
    values = (platforms, sorted(within.channels), platforms, sorted(within.surveyids), platforms)
    narrow = len(within.channels) + len(within.surveyids)
    return CountedPeople((*pieces, (_WITHIN, values)), is_exact=narrow <= 1)


def _of_tenant(
    reading: Reading, wanted: MessageFilter, pieces: tuple[Piece, ...], *, is_of_surveys: bool
) -> CountedPeople | None:
    """Return the counts of what another tenant has: of threads, and of no survey."""
    if is_of_surveys or wanted.survey is not None or reading.readable.surveyids is not None:
        return None
    return _of_channels(reading, wanted, pieces)


def _of_surveys(
    reading: Reading, wanted: MessageFilter, pieces: tuple[Piece, ...], *, is_split: bool
) -> CountedPeople:
    within, mine = reading.readable.within, reading.readable.surveyids
    ids = {version.id for version in reading.surveys}
    if mine is not None:
        ids &= mine
    if wanted.survey is not None:
        ids &= reading.ids_of(wanted.survey, wanted.survey_owner)
    if within is not None and MESSENGER not in within.platforms:
        ids &= within.surveyids
    return CountedPeople((*pieces, (_OF_SURVEYS, (sorted(ids),))), is_exact=is_split or len(ids) <= 1)


def _of_channels(reading: Reading, wanted: MessageFilter, pieces: tuple[Piece, ...]) -> CountedPeople:
    within, tenant = reading.readable.within, reading.readable.tenant
    whose: Piece = (_OF_DEFAULT_CHANNELS, ()) if tenant == DEFAULT_TENANT else (_OF_THREADS, (tenant,))
    pieces = (*pieces, whose)
    if wanted.channel is not None:
        pieces = (*pieces, (_IN_CHANNEL, (wanted.channel,)))
    if within is not None:
        pieces = (*pieces, (_CHANNEL_WITHIN, (sorted(within.platforms), sorted(within.channels))))
    return CountedPeople(pieces, is_exact=True)


def _put_in(statement: str, conditions: Conditions) -> SumsQuery:
    return SumsQuery(statement.replace(_PLACE, conditions.sql), conditions.arguments)
