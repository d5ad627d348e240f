"""Conversations and messages for those who may read them: pages, routes and commands have them from here.

What a caller may read is in every statement (`sinks.postgres.reading`), figures included: who may read part
of a conversation sees it as if there were no more. Whoever shows what is given here has noted it before, in
`access_log` (`app.access.AccessLog`).
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.conversations.describing import describe, talk_of
from app.conversations.finding import Candidate, find
from app.conversations.known import MessageVersion, PersonSeen, StayRow
from app.conversations.parts import Parts
from app.conversations.rows import NOT_SHOWN, Thread, place_at
from app.conversations.telling import tell_messages
from app.errors import NotFound
from app.postgres.answers import answer_within, is_storable
from app.reading.patience import LOOK_WITHIN_S, given_up_within
from models.access import Action, may
from models.ids import source_of, time_of
from models.reading import EVERYTHING
from sinks.postgres.reading import reading_of
from sinks.postgres.said import message_by_id, raw_by_id, some_of
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    import asyncpg

    from app.conversations.rows import ConversationRow, SaidMessage
    from app.web.paging import Place
    from models.access import Caller
    from models.reading import MessageFilter
    from sinks.postgres.reading import Reading

    Connection = asyncpg.Connection[asyncpg.Record]

#: How many of somebody's conversations and stays are shown at once.
CONVERSATIONS_MAX, STAYS_MAX = 200, 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: After the last id, in ms: there is no such day in a calendar of Python.
_LAST_MS = 253_402_214_400_000

_SQL = statements("conversations")
_ONE_MS = timedelta(milliseconds=1)
_ADVICE = "name a platform, a channel, a survey or a time"


class NobodyKnown(NotFound):
    """Nothing is known of somebody, as far as the caller may look."""

    def __init__(self) -> None:
        super().__init__("Nobody of this id was seen on this platform, as far as you may look.")


class NoSuchConversation(NotFound):
    """There is no such conversation among what the caller may read; whether there is one is not said."""

    def __init__(self) -> None:
        super().__init__("You have no conversation with this id.")


class NoSuchMessage(NotFound):
    """There is no such message among what the caller may read; whether there is one is not said."""

    def __init__(self) -> None:
        super().__init__("You have no message with this id.")


class Conversations:
    """Reads what was said.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections that may read messages, and whose surveys are whose.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def list(
        self,
        caller: Caller,
        wanted: MessageFilter,
        *,
        limit: int,
        after: Place | None = None,
        action: Action = Action.READ_MESSAGES,
    ) -> list[ConversationRow]:
        """Return so many conversations in which there is what is looked for, or fewer if there are no more.

        The one with the newest such message is the first. Without more than a platform and a channel, whole
        conversations are looked for.

        Args:
            caller: who asks.
            wanted: what is looked for.
            limit: how many at most.
            after: the place of the one after which to go on.
            action: what is done with them.

        Raises:
            TookTooLong: so few messages are looked for, of so long a time.
        """
        async with given_up_within(LOOK_WITHIN_S, "look", _ADVICE), self._reading() as connection:
            reading = await reading_of(connection, caller, action)
            found = await find(connection, reading, wanted, limit=limit, after=after)
            return await describe(connection, reading, found)

    async def get(self, caller: Caller, conversation: UUID) -> ConversationRow:
        """Return a conversation.

        Raises:
            NoSuchConversation: there is none of which the caller may read anything.
        """
        async with self._reading() as connection:
            return await _get(connection, await reading_of(connection, caller), conversation)

    async def of_lead(self, caller: Caller, lead: str) -> ConversationRow:
        """Return the conversation with a lead of another application, by its own id of it.

        Raises:
            NoSuchConversation: there is none of which the caller may read anything.
        """
        async with self._reading() as connection:
            conversation = await connection.fetchval(_SQL.find_of_lead, lead)
            if conversation is None:
                raise NoSuchConversation
            return await _get(connection, await reading_of(connection, caller), conversation)

    async def messages(
        self,
        caller: Caller,
        conversation: UUID,
        *,
        wanted: MessageFilter = EVERYTHING,
        around: Place | datetime | None = None,
        before: Place | None = None,
        after: Place | None = None,
        limit: int,
    ) -> Thread:
        """Return a part of a conversation: about a place, before or after one, or without any the end of it.

        Args:
            caller: who asks.
            conversation: which.
            wanted: which messages of it.
            around: a message's place, which is in the middle of the part, or a time.
            before: what was said before this, up to it.
            after: what was said after this.
            limit: how many at most.

        Raises:
            NoSuchConversation: there is none of which the caller may read anything.
        """
        async with self._reading() as connection:
            reading = await reading_of(connection, caller)
            row = await _get(connection, reading, conversation)
            part = Parts(connection, reading, talk_of(row), wanted)
            if around is not None:
                middle = place_at(around) if isinstance(around, datetime) else around
                rows, has_before, has_after = await part.around(middle, limit)
            elif after is not None:
                rows, has_before, has_after = await part.after(after, limit)
            else:
                rows, has_before, has_after = await part.before(before, limit)
            said = await tell_messages(connection, rows, reading)
            return Thread(row, tuple(said), has_before, has_after)

    async def some(self, caller: Caller, conversation: UUID, ids: Collection[UUID]) -> Sequence[SaidMessage]:
        """Return those of some messages of a conversation that the caller may read, in order.

        Raises:
            NoSuchConversation: there is none of which the caller may read anything.
        """
        async with self._reading() as connection:
            reading = await reading_of(connection, caller)
            row = await _get(connection, reading, conversation)
            rows = await connection.fetch(*some_of(talk_of(row), reading, ids).call) if ids else []
            return await tell_messages(connection, rows, reading)

    async def message(self, caller: Caller, message: UUID) -> SaidMessage:
        """Return a message.

        Raises:
            NoSuchMessage: there is none that the caller may read.
        """
        async with self._reading() as connection:
            _, said = await _message(connection, caller, message)
            return said

    async def raw(self, caller: Caller, message: UUID) -> Any:
        """Return the event that a message came by, as it was; None where it is not kept, or was taken back.

        Raises:
            NoSuchMessage: as `message` does.
        """
        async with self._reading() as connection:
            reading, said = await _message(connection, caller, message)
            if said.deletion in NOT_SHOWN:
                return None
            event = await connection.fetchval(
                *raw_by_id(said.id, said.platform, said.timestamp, reading).call
            )
            return None if event is None else json.loads(event)

    async def versions(self, caller: Caller, message: UUID) -> Sequence[MessageVersion]:
        """Return which texts a message had, and when it was taken back, the oldest first.

        Raises:
            NoSuchMessage: as `message` does.
        """
        async with self._reading() as connection:
            _, said = await _message(connection, caller, message)
            rows = await connection.fetch(_SQL.find_versions, UUID(source_of(str(said.id))))
            return [MessageVersion.of(row, is_shown=said.deletion not in NOT_SHOWN) for row in rows]

    async def person(self, caller: Caller, platform: str, person: str) -> PersonSeen:
        """Return what is known of somebody: their name, conversations over all channels, and stays.

        Raises:
            NobodyKnown: nothing is, as far as the caller may look.
        """
        wanted = replace(EVERYTHING, platform=platform, person=person)
        if not (is_storable(platform) and is_storable(person)):
            raise NobodyKnown
        async with self._reading() as connection:
            reading = await reading_of(connection, caller, Action.SEE_PERSON)
            found = await find(connection, reading, wanted, limit=CONVERSATIONS_MAX + 1, after=None)
            talks = await describe(connection, reading, found)
            rows = await connection.fetch(_SQL.find_stays, platform, person, STAYS_MAX)
            stays = [StayRow.of(row) for row in rows]
            stays = [stay for stay in stays if may(caller, Action.SEE_PERSON, stay.thing)]
            named = await connection.fetchrow(_SQL.find_name, platform, person)
        if not talks and not stays:
            raise NobodyKnown
        return PersonSeen(
            platform,
            person,
            named["name"] if named else None,
            named["named"] if named else None,
            tuple(talks[:CONVERSATIONS_MAX]),
            tuple(stays),
            has_more=len(talks) > CONVERSATIONS_MAX,
        )

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Connection]:
        """Give a connection on which each statement is planned for what it asks."""
        async with (
            answer_within(),
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(_SQL.plan_each_time)
            yield connection  # type: ignore[misc]  # a proxy of one


async def _message(connection: Connection, caller: Caller, message: UUID) -> tuple[Reading, SaidMessage]:
    reading = await reading_of(connection, caller)
    said_ms = time_of(str(message))
    if reading.readable.is_nothing or said_ms >= _LAST_MS:
        raise NoSuchMessage
    moment = _EPOCH + timedelta(milliseconds=said_ms)
    rows = await connection.fetch(*message_by_id(message, moment, moment + _ONE_MS, reading).call)
    if not rows:
        raise NoSuchMessage
    (said,) = await tell_messages(connection, rows, reading)
    return reading, said


async def _get(connection: Connection, reading: Reading, conversation: UUID) -> ConversationRow:
    described = await describe(connection, reading, [Candidate(conversation, None)])
    if not described:
        raise NoSuchConversation
    return described[0]
