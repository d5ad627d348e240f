"""The messages that a filter finds, and the conversations that they are of, as statements for COPY.

What whoever asked may read is kept to by each statement (`sinks.postgres.reading`); what they might read is
found out once more when the file is made. By words are found the same as by search
(`sinks.postgres.searching`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from models.access import Action
from models.exports import Rows
from models.owners import owner_address
from models.search import CannotSearch
from sinks.exports.columns import CONVERSATIONS, MESSAGES
from sinks.exports.lines import Query, Statement
from sinks.exports.query import query_for
from sinks.exports.scope import ExportImpossible, NotShared
from sinks.postgres.reading import Conditions, Reading, reading_of
from sinks.postgres.searching import Sought, add_words
from sinks.postgres.talks import find_talk, keep_to_talk
from sinks.postgres.unsent import find_unsent
from sinks.postgres.ways import ways_of
from sinks.postgres.word_indexes import find_indexes

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from models.exports import AskedAs, ExportOptions
    from sinks.postgres.talks import Talk

    Connection = asyncpg.Connection[asyncpg.Record]

# In Messenger the author of what a bot said is the person that it said it to.
_MESSAGES = """SELECT said.*, CASE WHEN said.platform <> 'messenger' OR said.role = 'user' THEN (
        SELECT name FROM people WHERE people.platform = said.platform AND person_id = said.author_id
    ) END AS author
FROM all_messages AS said
WHERE {conditions}"""
_CONVERSATIONS = """SELECT
    found.*, platform, channel, external_id, kind, subject_id AS person_id, title,
    (
        SELECT name FROM people WHERE people.platform = conversations.platform AND person_id = subject_id
    ) AS person
FROM (
    SELECT conversation_id, min(timestamp) AS first, max(timestamp) AS last, count(*) AS messages,
           count(*) FILTER (WHERE role = 'user') AS of_people,
           count(DISTINCT author_id) FILTER (WHERE role = 'user') AS people,
           round(avg(response_ms))::bigint AS mean_response_ms
    FROM all_messages
    WHERE {conditions}
    GROUP BY conversation_id
) AS found
JOIN conversations ON conversations.id = found.conversation_id"""
_COUNT = "SELECT count(*) FROM (SELECT FROM all_messages WHERE {conditions}) AS entry"
_COUNT_CONVERSATIONS = (
    "SELECT count(*) FROM (SELECT conversation_id FROM all_messages WHERE {conditions} "
    "GROUP BY conversation_id) AS entry"
)
_HAS_A_PLACE = "id IS NOT NULL"


async def messages_query(
    connection: Connection, asked_by: str, asked_as: AskedAs, options: ExportOptions
) -> Query:
    """Return what to COPY: of what is wanted, what whoever asked might read then and may read now.

    Raises:
        NotShared: that is nothing.
        ExportImpossible: nobody can look for the words.
    """
    conditions = await _conditions(connection, asked_by, asked_as, options)
    if options.rows is Rows.CONVERSATION:
        rows = _CONVERSATIONS.format(conditions=conditions.sql)
        return query_for(CONVERSATIONS, rows, conditions.arguments, options)
    conditions.add(_HAS_A_PLACE)
    rows = _MESSAGES.format(conditions=conditions.sql)
    return query_for(MESSAGES, rows, conditions.arguments, options)


async def messages_count(
    connection: Connection, asked_by: str, asked_as: AskedAs, options: ExportOptions
) -> Statement:
    """Return the statement that counts the rows of the file.

    Raises:
        NotShared, ExportImpossible: as of `messages_query`.
    """
    conditions = await _conditions(connection, asked_by, asked_as, options)
    count = _COUNT_CONVERSATIONS if options.rows is Rows.CONVERSATION else _COUNT
    return Statement(count.format(conditions=conditions.sql), tuple(conditions.arguments))


async def _conditions(
    connection: Connection, asked_by: str, asked_as: AskedAs, options: ExportOptions
) -> Conditions:
    reading = await reading_for(connection, asked_by, asked_as)
    if reading.readable.is_nothing:
        raise NotShared("There are no messages that you may export, or no longer")
    unsent = await find_unsent(connection)
    try:
        words = options.parse_words()
        conditions = Conditions(words.tsquery) if words else Conditions()
        conditions.keep_to(reading, options.wanted)
        talk = await _keep_to_conversation(connection, conditions, options.conversation)
        unsent.keep_out(conditions)
        if words is not None:
            indexes = await find_indexes(connection)
            sought = Sought(reading, options.wanted, words, unsent, talk=talk)
            ways = await ways_of(connection, sought, indexes)
            add_words(conditions, ways, indexes.closed)
    except CannotSearch as error:
        raise ExportImpossible(str(error)) from None
    return conditions


async def _keep_to_conversation(
    connection: Connection, conditions: Conditions, conversation: UUID | None
) -> Talk | None:
    """Have only what was said in a conversation found: nothing, where there is no such conversation."""
    if conversation is None:
        return None
    talk = await find_talk(connection, conversation)
    if talk is None:
        conditions.add_fixed("false")
        return None
    conditions.add("platform = {}::varchar", talk.platform)
    keep_to_talk(conditions, talk)
    return talk


async def reading_for(connection: Connection, asked_by: str, asked_as: AskedAs) -> Reading:
    """Return what somebody may read now of what they might read when they asked."""
    caller = asked_as.caller(owner_address(asked_by))
    reading = await reading_of(connection, caller, Action.EXPORT_MESSAGES)
    if reading.readable.surveyids is None:
        return reading
    then = set(asked_as.shared)
    kept = tuple(
        survey
        for survey in reading.surveys
        if survey.owner == caller.email or (survey.owner, survey.name) in then
    )
    ids = frozenset(survey.id for survey in kept)
    within = reading.readable.within
    if within is not None:
        within = replace(within, surveyids=within.surveyids & ids)
    return Reading(replace(reading.readable, surveyids=ids & reading.readable.surveyids, within=within), kept)
