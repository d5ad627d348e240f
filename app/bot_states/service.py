"""Tells whose bot does not go on, and why questions came again, of what a caller may read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from app.bot_states.rows import RepeatsFound, WaitingPerson
from app.postgres.answers import answer_within
from models.access import APP_ENDS, ASSISTANT, DEFAULT_TENANT, Action
from models.bot_states import Standing, standing_of, states_that_are
from models.ids import conversation_key
from models.reading import MESSENGER
from models.repeats import Asked, Stood, repeats_in
from sinks.postgres.reading import Conditions, reading_of
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from app.web.paging import Place
    from models.access import Caller
    from models.reading import MessageFilter, Within
    from sinks.postgres.reading import Reading

#: A bot that is to say something, and an assistant that is asked, has so long.
ANSWERS_WITHIN = timedelta(minutes=5)
#: What counts as stuck, where nothing else is asked for.
STUCK = (Standing.BLOCKED, Standing.ERROR, Standing.SILENT)
#: So far back a question may have been asked before.
BEFORE = timedelta(days=30)
#: Messages, and states, of one person that are looked through.
LOOKED_THROUGH = 5_000
#: What was said before 1970 has no id, and is not shown.
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC) + BEFORE

_SQL = statements("bot_states")
# `timestamp` is since when, and the other names are those of all_messages, so that conditions on that fit.
_WAITING = """SELECT * FROM (
    SELECT 'messenger'::varchar AS platform, pageid AS channel, userid AS author_id, question AS question_ref,
           since AS timestamp, NULL::varchar AS role, NULL::varchar AS message_type, updated, state,
           shortcode, surveyid, answers, retries, problem, waits_for
    FROM bot_states
) AS standing
WHERE {conditions}
ORDER BY timestamp DESC, author_id
LIMIT {limit}"""
_IN_STATES = "(state = ANY ({}::varchar[]) AND (state <> ALL ({}::varchar[]) OR updated < {}::timestamptz))"
_AFTER = "(timestamp < {}::timestamptz OR (timestamp = {}::timestamptz AND author_id > {}::varchar))"


class BotStates:
    """Reads how bots stand with people.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections that may read bot_states, bot_state_changes and what was said.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def waiting(
        self,
        caller: Caller,
        wanted: MessageFilter,
        standings: Sequence[Standing] = STUCK,
        *,
        limit: int,
        after: Place | None = None,
    ) -> list[WaitingPerson]:
        """Return so many people of Messenger whose bot stands so with them, the latest first."""
        async with answer_within():
            reading = await reading_of(self._pool, caller, Action.READ_MESSAGES)
            if reading.readable.is_nothing:
                return []
            conditions = Conditions()
            conditions.keep_to(reading, wanted, by_conversation=False)
            silent = states_that_are(Standing.SILENT)
            states = states_that_are(*standings)
            conditions.add(_IN_STATES, states, silent, datetime.now(UTC) - ANSWERS_WITHIN)
            if after is not None:
                conditions.add(_AFTER, after.moment, after.moment, after.key)
            sql = _WAITING.format(conditions=conditions.sql, limit=int(limit))
            rows = await self._pool.fetch(sql, *conditions.arguments)
        return [_waiting(row, reading) for row in rows]

    async def unanswered(self, caller: Caller, *, limit: int) -> list[WaitingPerson]:
        """Return the newest sessions of assistants that end in a question, of the last week."""
        async with answer_within():
            reading = await reading_of(self._pool, caller, Action.READ_MESSAGES)
            readable = reading.readable
            if readable.tenant != DEFAULT_TENANT or readable.is_nothing or readable.surveyids is not None:
                return []
            before, sessions = datetime.now(UTC) - ANSWERS_WITHIN, _sessions_of(readable.within)
            rows = await self._pool.fetch(_SQL.find_unanswered, before, limit, *sessions)
        return [
            WaitingPerson(
                platform="assistant",
                channel=row["channel"],
                person=row["subject_id"] or "",
                conversation=row["id"],
                standing=Standing.SILENT,
                since=row["timestamp"],
            )
            for row in rows
        ]

    async def repeats(
        self, caller: Caller, channel: str, person: str, first: datetime, last: datetime
    ) -> RepeatsFound:
        """Return which messages repeat a question, of those that the caller may read, and why.

        Of what was said, and of how the bot stood, the newest are looked through.

        Args:
            caller: who asks; may read the conversation.
            channel: the bot's page; '' for one that nothing names.
            person: whom the conversation is with.
            first: since when it is looked at; questions of up to a month before count.
            last: until when.
        """
        begin = max(first, _EARLIEST) - BEFORE
        async with answer_within():
            reading = await reading_of(self._pool, caller, Action.READ_MESSAGES)
            surveys = _surveys_of(channel, reading)
            # One more than are looked through tells that there are more.
            asked_for = (person, channel, begin, last, surveys, LOOKED_THROUGH + 1)
            said = (await self._pool.fetch(_SQL.find_asked, *asked_for))[::-1]
            stood = await self._pool.fetch(_SQL.find_bot_state_changes, *asked_for)
        stood_since = [row["updated"] for row in stood if row["updated"] >= begin]
        cuts = [
            times[-LOOKED_THROUGH]
            for times in ([row["timestamp"] for row in said], stood_since)
            if len(times) > LOOKED_THROUGH
        ]
        looked_since = max(cuts, default=None)
        asked = [
            _asked(row)
            for row in said
            if row["id"] is not None and (looked_since is None or row["timestamp"] >= looked_since)
        ]
        since_ms = _ms(first)
        shown = {message.id for message in asked if message.timestamp >= since_ms}
        found = repeats_in(asked, [_stood(row) for row in stood])
        return RepeatsFound([repeat for repeat in found if repeat.id in shown], looked_since)


def _sessions_of(within: Within | None) -> tuple[list[str] | None, list[str]]:
    """Return the names of the sessions that a caller is kept to (None for all), and how more begin."""
    if within is None or ASSISTANT in within.platforms:
        return None, []
    places = (place.partition("/") for place in within.channels)
    return (
        sorted(session for platform, _, session in places if platform == ASSISTANT),
        sorted(f"{app}{APP_ENDS}" for app in within.apps),
    )


def _waiting(row: asyncpg.Record, reading: Reading) -> WaitingPerson:
    surveyid = str(row["surveyid"]) if row["surveyid"] else None
    survey = next((each for each in reading.surveys if each.id == surveyid), None)
    channel = row["channel"] or ""
    return WaitingPerson(
        platform="messenger",
        channel=channel,
        person=row["author_id"],
        conversation=UUID(conversation_key("messenger", channel, row["author_id"])),
        standing=standing_of(row["state"]),
        since=row["timestamp"],
        state=row["state"],
        survey=survey.name if survey else None,
        survey_owner=survey.owner if survey else None,
        shortcode=row["shortcode"],
        question=row["question_ref"],
        answers=row["answers"],
        retries=row["retries"],
        problem=row["problem"],
        waits_for=row["waits_for"],
    )


def _surveys_of(channel: str, reading: Reading) -> list[str] | None:
    """Return the surveys of which may be read on a page; None for all that is said there.

    Some of a conversation may be of another's survey.
    """
    mine, within = reading.readable.surveyids, reading.readable.within
    if reading.readable.tenant != DEFAULT_TENANT:
        return []
    if within is not None and not within.has_whole(MESSENGER, channel, None):
        mine = within.surveyids if mine is None else mine & within.surveyids
    return None if mine is None else sorted(mine)


def _asked(row: asyncpg.Record) -> Asked:
    return Asked(
        str(row["id"]),
        _ms(row["timestamp"]),
        row["direction"] == "bot",
        row["question_ref"],
        row["shortcode"],
        row["note"],
    )


def _stood(row: asyncpg.Record) -> Stood:
    return Stood(
        _ms(row["updated"]),
        row["state"],
        row["question"],
        row["answers"],
        row["retries"],
        row["problem"],
        row["waits_for"],
        _ms(row["begun"]) if row["begun"] else None,
    )


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
