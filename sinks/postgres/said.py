"""Statements on `all_messages` by conversation: put together of what the caller may read, and fixed text.

Always by platform, so that no other's partitions are looked at. By what those of one conversation are found
is `sinks.postgres.talks`' matter.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from models.access import APP_ENDS, DEFAULT_TENANT, THREADS
from models.ids import time_of
from models.reading import EVERYTHING, MESSENGER
from sinks.postgres.reading import OF_DEFAULT_TENANT, OF_TENANT, Conditions
from sinks.postgres.talks import OF_CONVERSATION, OF_DIALOGUE, keep_to_talk
from sinks.postgres.unsent import MID

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from uuid import UUID

    from models.reading import MessageFilter
    from sinks.postgres.reading import Reading
    from sinks.postgres.talks import Talk

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: What a message is, but for its raw event.
COLUMNS = (
    "id, platform, channel, conversation_id, timestamp, role, author_id, content, message_type, surveyid, "
    "shortcode, question_ref, reply_to, response_ms, weight, edited, deleted, deletion, metadata"
)
#: Before it no message has an id, and with it no place.
_HAS_ID = "timestamp >= '1970-01-01 00:00:00+00'"
_MESSAGES = (
    "SELECT {columns}, {mid} AS mid FROM all_messages WHERE {conditions} "
    "ORDER BY timestamp{order}, id{order} LIMIT {limit:d}"
)
_BY_ID = "SELECT {columns}, {mid} AS mid FROM all_messages WHERE {conditions} LIMIT 1"
_MARKS = (
    "SELECT platform, id, timestamp, edited, deleted, author_id, message_type, {mid} AS mid "
    "FROM all_messages WHERE {conditions} ORDER BY timestamp DESC, id DESC LIMIT {limit:d}"
)
_COUNT = "SELECT count(*) FROM all_messages WHERE {conditions}"
_RAW = "SELECT raw_payload FROM all_messages WHERE {conditions}"
_BY_IDS = (
    "SELECT said.* FROM unnest($1::uuid[]) AS asked (id) CROSS JOIN LATERAL (SELECT {columns} "
    "FROM all_messages WHERE timestamp = message_time(asked.id) AND all_messages.id = asked.id "
    "AND {conditions} LIMIT 1) AS said"
)
_OF_TALKS = (
    "SELECT talk.id AS talk, said.* "
    "FROM unnest($1::uuid[], $2::varchar[], $3::varchar[]) WITH ORDINALITY "
    "AS talk (id, channel, person, number) "
    "CROSS JOIN LATERAL (SELECT {what} FROM all_messages WHERE {conditions}{part}) AS said"
)
_NEWEST = " ORDER BY timestamp DESC LIMIT 1"
_SUMS = "count(*) AS messages, min(timestamp) AS started, max(timestamp) AS last_at"
_LATELY = (
    "SELECT {whose}, max(timestamp) AS newest, min(timestamp) AS oldest, count(*) AS messages "
    "FROM (SELECT {whose}, timestamp FROM all_messages WHERE {conditions}{part}) AS lately GROUP BY {whose}"
)
_TALKS_WITHIN = (
    "(platform = ANY ({}::varchar[]) OR (platform || '/' || channel) = ANY ({}::varchar[]) "
    "OR platform = 'assistant' AND channel ^@ ANY ({}::varchar[]) "
    "OR platform = 'threads' AND subject_id = ANY ({}::varchar[]))"
)
_TALKS_OF_LEARNERS = "platform = 'threads'::varchar AND subject_id = ANY ({}::varchar[])"
_CONVERSATIONS = (
    "SELECT id FROM conversations WHERE {conditions} "
    "ORDER BY last_day DESC, last_at DESC, id DESC LIMIT {limit:d}"
)


class Side(StrEnum):
    """On which side of a place something is; its value is SQL's sign for it."""

    BEFORE = "<"
    UP_TO = "<="
    AFTER = ">"
    FROM = ">="


class SaidQuery(NamedTuple):
    """A statement and its parameters."""

    sql: str
    arguments: Sequence[object]

    @property
    def call(self) -> tuple[Any, ...]:
        """Both as asyncpg takes them: `fetch(*query.call)`."""
        return (self.sql, *self.arguments)


def messages_of(
    talk: Talk,
    reading: Reading,
    wanted: MessageFilter = EVERYTHING,
    *,
    where: Side,
    place: tuple[datetime, UUID] | None = None,
    limit: int,
) -> SaidQuery:
    """Return the statement for a part of a conversation, beginning at a place and going away from it.

    Args:
        talk: which.
        reading: what may be read.
        wanted: what is looked for.
        where: before the place, the newest first; after it, or from it on, the oldest first.
        place: a time and an id; None for the end, or for the beginning.
        limit: how many at most.
    """
    conditions = _of(talk, reading, wanted)
    if place is not None:
        # The second is exact; only the first is one that chat_log's index knows.
        conditions.add(f"timestamp {where[0]}= {{}}::timestamptz", place[0])
        conditions.add(f"(timestamp, id) {where} ({{}}::timestamptz, {{}}::uuid)", *place)
    order = " DESC" if where in {Side.BEFORE, Side.UP_TO} else ""
    mid = MID if talk.platform == MESSENGER else "NULL::text"
    sql = _MESSAGES.format(columns=COLUMNS, mid=mid, conditions=conditions.sql, order=order, limit=limit)
    return SaidQuery(sql, conditions.arguments)


def some_of(talk: Talk, reading: Reading, ids: Collection[UUID]) -> SaidQuery:
    """Return the statement for some messages of a conversation, the oldest first; ids tell their times."""
    times = sorted(time_of(str(one)) for one in ids)
    since, until = (_EPOCH + timedelta(milliseconds=ms) for ms in (times[0], times[-1] + 1))
    conditions = _of(talk, reading, replace(EVERYTHING, since=since, until=until))
    conditions.add("id = ANY ({}::uuid[])", list(ids))
    mid = MID if talk.platform == MESSENGER else "NULL::text"
    sql = _MESSAGES.format(columns=COLUMNS, mid=mid, conditions=conditions.sql, order="", limit=len(ids))
    return SaidQuery(sql, conditions.arguments)


def marks_of(talk: Talk, reading: Reading, limit: int) -> SaidQuery:
    """Return the statement for the newest messages of a conversation, without what was said."""
    conditions = _of(talk, reading, EVERYTHING)
    mid = MID if talk.platform == MESSENGER else "NULL::text"
    return SaidQuery(_MARKS.format(mid=mid, conditions=conditions.sql, limit=limit), conditions.arguments)


def count_since(talk: Talk, reading: Reading, since: datetime) -> SaidQuery:
    """Return the statement for how many messages of a conversation were said from a time on."""
    conditions = _of(talk, reading, replace(EVERYTHING, since=since))
    return SaidQuery(_COUNT.format(conditions=conditions.sql), conditions.arguments)


def message_by_id(message: UUID, moment: datetime, later: datetime, reading: Reading) -> SaidQuery:
    """Return the statement for a message of any platform: its id tells between which times it was said."""
    conditions = Conditions()
    conditions.keep_to(reading, replace(EVERYTHING, since=moment, until=later))
    conditions.add("id = {}::uuid", message)
    sql = _BY_ID.format(columns=COLUMNS, mid=MID, conditions=conditions.sql)
    return SaidQuery(sql, conditions.arguments)


def raw_by_id(message: UUID, platform: str, timestamp: datetime, reading: Reading) -> SaidQuery:
    """Return the statement for the raw event of a message."""
    conditions = Conditions()
    conditions.keep_to(reading, replace(EVERYTHING, platform=platform))
    conditions.add("timestamp = {}::timestamptz AND id = {}::uuid", timestamp, message)
    return SaidQuery(_RAW.format(conditions=conditions.sql), conditions.arguments)


def messages_by_ids(platform: str, ids: Iterable[UUID], reading: Reading) -> SaidQuery:
    """Return the statement for messages of a platform that is not Messenger: their ids tell their times."""
    conditions = Conditions(list(ids))
    conditions.keep_to(reading, replace(EVERYTHING, platform=platform))
    sql = _BY_IDS.format(columns=COLUMNS, conditions=conditions.sql)
    return SaidQuery(sql, conditions.arguments)


def newest_of(
    platform: str, talks: Sequence[Talk], reading: Reading, since: Sequence[datetime] | None = None
) -> SaidQuery:
    """Return the statement for the newest message of each of some conversations, with its `talk`.

    Args:
        platform: of all of them.
        talks: which.
        reading: what may be read.
        since: of each, nothing older is looked for. Without, each month is looked through in which nothing
            was said there.
    """
    conditions = _of_many(platform, talks, reading, EVERYTHING)
    mid = MID if platform == MESSENGER else "NULL::text"
    if since is not None:
        conditions.add("timestamp >= ({}::timestamptz[])[talk.number]", since)
    sql = _OF_TALKS.format(what=f"{COLUMNS}, {mid} AS mid", conditions=conditions.sql, part=_NEWEST)
    return SaidQuery(sql, conditions.arguments)


def times_of(platform: str, talks: Sequence[Talk], reading: Reading, wanted: MessageFilter) -> SaidQuery:
    """Return the statement for when the newest message of each of some conversations was said."""
    conditions = _of_many(platform, talks, reading, wanted)
    sql = _OF_TALKS.format(what="timestamp", conditions=conditions.sql, part=_NEWEST)
    return SaidQuery(sql, conditions.arguments)


def sums_of(platform: str, talks: Sequence[Talk], reading: Reading) -> SaidQuery:
    """Return the statement for how much may be read of each of some conversations, and of when it is."""
    conditions = _of_many(platform, talks, reading, EVERYTHING)
    sql = _OF_TALKS.format(what=_SUMS, conditions=conditions.sql, part="")
    return SaidQuery(sql, conditions.arguments)


def lately_in(reading: Reading, wanted: MessageFilter, limit: int | None) -> SaidQuery:
    """Return the statement for whose conversations the newest messages of a platform are.

    Of each conversation it gives `newest` among these messages, how many they are, and their `oldest`.

    Args:
        reading: what may be read.
        wanted: what is looked for; its platform is given.
        limit: of how many messages at most; None for all that there are.
    """
    conditions = Conditions()
    conditions.keep_to(reading, wanted)
    conditions.add(_HAS_ID)
    whose = "author_id, channel" if wanted.platform == MESSENGER else "conversation_id"
    part = "" if limit is None else f" ORDER BY timestamp DESC LIMIT {limit:d}"
    sql = _LATELY.format(whose=whose, conditions=conditions.sql, part=part)
    return SaidQuery(sql, conditions.arguments)


def newest_conversations(
    reading: Reading, wanted: MessageFilter, *, limit: int, after: tuple[datetime, UUID] | None
) -> SaidQuery:
    """Return the statement for the conversations in which something was said last.

    Args:
        reading: what may be read; whole conversations.
        wanted: its platform and channel count.
        limit: how many at most.
        after: the time and the id of the one after which to go on.
    """
    pieces, arguments = ["true"], list[object]()

    def add(piece: str, *values: object) -> None:
        places = [f"${len(arguments) + number}" for number in range(1, len(values) + 1)]
        arguments.extend(values)
        pieces.append(piece.format(*places))

    readable, within = reading.readable, reading.readable.within
    if readable.tenant != DEFAULT_TENANT:
        add(OF_TENANT, readable.tenant)
    elif wanted.platform in {None, THREADS}:
        add(OF_DEFAULT_TENANT)
    if readable.surveyids is not None:
        add(_TALKS_OF_LEARNERS, sorted(readable.learners))
    elif within is not None:
        apps = {f"{app}{APP_ENDS}" for app in within.apps}
        each = (within.platforms, within.channels, apps, within.learners)
        add(_TALKS_WITHIN, *map(sorted, each))
    if wanted.platform is not None:
        add("platform = {}::varchar", wanted.platform)
    if wanted.channel is not None:
        add("channel = {}::varchar", wanted.channel)
    if after is not None:
        add("last_day <= ({}::timestamptz AT TIME ZONE 'UTC')::date", after[0])
        add("(last_at, id) < ({}::timestamptz, {}::uuid)", *after)
    sql = _CONVERSATIONS.format(conditions=" AND ".join(pieces), limit=limit)
    return SaidQuery(sql, arguments)


def _of(talk: Talk, reading: Reading, wanted: MessageFilter) -> Conditions:
    conditions = Conditions()
    conditions.keep_to(reading, replace(wanted, platform=talk.platform))
    conditions.add(_HAS_ID)
    keep_to_talk(conditions, talk)
    return conditions


def _of_many(platform: str, talks: Sequence[Talk], reading: Reading, wanted: MessageFilter) -> Conditions:
    conditions = Conditions(
        [talk.id for talk in talks], [talk.channel for talk in talks], [talk.person for talk in talks]
    )
    conditions.keep_to(reading, replace(wanted, platform=platform))
    conditions.add(_HAS_ID)
    if platform == MESSENGER:
        conditions.add(OF_DIALOGUE.format("talk.person", "talk.channel"))
    else:
        conditions.add(OF_CONVERSATION.format("talk.id"))
    return conditions
