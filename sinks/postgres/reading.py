"""Keeps statements on what was said to what a caller may read, and to what they look for.

`readable_of` finds out what somebody may read, `Conditions` says it in SQL, for a statement on `all_messages`
(or on what has its columns): put together from the fixed pieces below and numbered parameters, never from
values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from models.access import (
    APP_ENDS,
    DEFAULT_TENANT,
    LEARNER_KIND,
    THREADS,
    Action,
    Reach,
    learners_named,
    widest_reach,
)
from models.owners import owner_address
from models.reading import NOTHING, Readable, Within
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterable

    import asyncpg

    from models.access import Caller
    from models.reading import MessageFilter

    Database = asyncpg.Pool[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]

_SURVEYIDS = statements("reading").find_surveyids

#: Python has no year before or after these, and other writers of chat_log may.
_IN_TIME = "timestamp >= '0001-01-02 00:00:00+00' AND timestamp < '9999-12-31 00:00:00+00'"
# A bit of text for each, with a place for each parameter. Types are varchar as the columns are: a text beside
# a varchar is another type to the planner, which then does not look into the view.
_PIECES = {
    "platform": "platform = {}::varchar",
    "channel": "channel = {}::varchar",
    "person": "author_id = {}::varchar",
    "question": "question_ref = {}::varchar",
    "message_type": "message_type = {}::varchar",
    "role": "role = {}::varchar",
    "since": "timestamp >= {}::timestamptz",
    "until": "timestamp < {}::timestamptz",
}
_OF_SURVEYS = "surveyid = ANY ({}::uuid[])"
#: The same, and no index of surveys is asked for it.
_AMONG_SURVEYS = "(surveyid = ANY ({}::uuid[])) IS TRUE"
# A page that no row names is ''.
_WITHIN = (
    "platform = ANY ({}::varchar[]) OR (platform || '/' || coalesce(channel, '')) = ANY ({}::varchar[]) "
    "OR surveyid = ANY ({}::uuid[]) OR platform = 'assistant' AND channel ^@ ANY ({}::varchar[])"
)
#: What is the default tenant's, and what is another's: threads alone.
OF_DEFAULT_TENANT = "(platform <> 'threads'::varchar OR channel = 'default'::varchar)"
OF_TENANT = "platform = 'threads'::varchar AND channel = {}::varchar"
#: Whose threads they are, their conversations alone say: looked up once for a statement, by their index.
_OF_LEARNERS = (
    "platform = 'threads'::varchar AND conversation_id = ANY (ARRAY("
    "SELECT talks.id FROM conversations AS talks "
    "WHERE talks.platform = 'threads' AND talks.channel = {}::varchar "
    "AND talks.subject_id = ANY ({}::varchar[])))"
)


class SurveyId(NamedTuple):
    """A version of a survey, and which survey it is of."""

    id: str
    name: str
    owner: str


class Reading(NamedTuple):
    """What somebody may read, and the surveys among which a filter finds its own.

    Attributes:
        readable: which messages.
        surveys: the versions of all surveys that they may see.
    """

    readable: Readable
    surveys: tuple[SurveyId, ...]

    def ids_of(self, survey: str, owner: str | None = None) -> frozenset[str]:
        """Return the ids of the survey with a name; of any owner, or of one."""
        address = None if owner is None else owner_address(owner)
        return frozenset(
            version.id
            for version in self.surveys
            if version.name == survey and (address is None or version.owner == address)
        )


async def reading_of(database: Database, caller: Caller, action: Action = Action.READ_MESSAGES) -> Reading:
    """Return what the caller may read, or do this with; `models.access.may` says the same of each message.

    Args:
        database: may read users, surveys and survey_shares; of who is of another tenant nothing is asked.
        caller: who asks.
        action: one that is done with messages.
    """
    reach = widest_reach(caller, action)
    if reach is None:
        return Reading(NOTHING, ())
    surveys: tuple[SurveyId, ...] = ()
    if caller.tenant == DEFAULT_TENANT and reach is not Reach.NAMED:
        found = await database.fetch(_SURVEYIDS, None if reach is Reach.TENANT else caller.email)
        surveys = tuple(SurveyId(row["id"], row["survey_name"], row["owner"]) for row in found)
    mine = None if reach is Reach.TENANT else frozenset(survey.id for survey in surveys)
    learners = frozenset() if reach is Reach.TENANT else learners_named(caller, action)
    named = caller.within("survey")
    if named is None:
        return Reading(Readable(mine, None, caller.tenant), surveys)
    within = Within(
        caller.within("platform") or frozenset(),
        caller.within("channel") or frozenset(),
        frozenset(survey.id for survey in surveys if survey.name in named),
        caller.within("app") or frozenset(),
        caller.within(LEARNER_KIND) or frozenset(),
    )
    return Reading(Readable(mine, within, caller.tenant, learners), surveys)


class Conditions:
    """Conditions of one statement, and its parameters.

    Attributes:
        arguments: the parameters so far, in order.

    Args:
        arguments: those that the statement has beside: `$1` and so on are theirs.
    """

    def __init__(self, *arguments: object) -> None:
        self.arguments: list[object] = list(arguments)
        self._pieces = [_IN_TIME]

    @property
    def sql(self) -> str:
        """All of them, for after WHERE or AND."""
        return "\n  AND ".join(self._pieces)

    def add(self, piece: str, *values: object) -> None:
        """Add a condition with `{}` for each of its parameters; the piece is fixed text of the program."""
        self.add_fixed(self._fill(piece, *values))

    def add_fixed(self, piece: str) -> None:
        """Add a condition whose parameters, if it has any, are added already."""
        self._pieces.append(piece)

    def _of_learners(self, tenant: str, learners: Iterable[str]) -> str:
        return self._fill(_OF_LEARNERS, tenant, sorted(learners))

    def _fill(self, piece: str, *values: object) -> str:
        return piece.format(*map(self.parameter, values))

    def parameter(self, value: object) -> str:
        """Add a parameter; return what stands for it."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def keep_to(
        self,
        reading: Reading,
        wanted: MessageFilter,
        *,
        by_survey: bool = True,
        by_conversation: bool = True,
    ) -> None:
        """Add what the caller may read, and which of it they look for.

        Args:
            reading: what they may.
            wanted: what they look for.
            by_survey: whether messages may be found by their survey; else it is only looked at.
            by_conversation: whether there is a column for that; sums have none, and so none are of learners.
        """
        readable = reading.readable
        of_surveys = _OF_SURVEYS if by_survey else _AMONG_SURVEYS
        if readable.tenant != DEFAULT_TENANT:
            self.add(OF_TENANT, readable.tenant)
        elif wanted.platform in {None, THREADS}:
            self.add_fixed(OF_DEFAULT_TENANT)
        if readable.surveyids is not None:
            learners = readable.learners if by_conversation else frozenset()
            mine = [self._of_learners(readable.tenant, learners)] if learners else []
            if readable.surveyids or not learners:
                mine.append(self._fill(of_surveys, sorted(readable.surveyids)))
            self.add_fixed(f"({' OR '.join(mine)})")
        # Of learners who are reached by name, the scope has each.
        if (within := readable.within) is not None and readable.surveyids != frozenset():
            apps = {f"{app}{APP_ENDS}" for app in within.apps}
            each = (within.platforms, within.channels, within.surveyids, apps)
            places = [self._fill(_WITHIN, *map(sorted, each))]
            if by_conversation and within.learners:
                places.append(self._of_learners(readable.tenant, within.learners))
            self.add_fixed(f"({' OR '.join(places)})")
        self._keep_to_wanted(reading, wanted, of_surveys)

    def _keep_to_wanted(self, reading: Reading, wanted: MessageFilter, of_surveys: str) -> None:
        for name, piece in _PIECES.items():
            if (value := getattr(wanted, name)) is not None:
                self.add(piece, value)
        if wanted.learner is not None:
            self.add_fixed(self._of_learners(reading.readable.tenant, {wanted.learner}))
        if wanted.survey is not None:
            self.add(of_surveys, sorted(reading.ids_of(wanted.survey, wanted.survey_owner)))
