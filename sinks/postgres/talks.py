"""By what the messages of a conversation are found, for statements on `all_messages`.

A conversation of Messenger is asked for by its person and page, since chat_log has no id of it to search by
(and making one of each row is slow).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from models.reading import MESSENGER
from sinks.sql import statements

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from sinks.postgres.reading import Conditions

OF_DIALOGUE = "author_id = {}::varchar AND coalesce(channel, '') = {}::varchar"
OF_CONVERSATION = "conversation_id = {}::uuid"

_FIND = statements("search").find_conversation


class Talk(NamedTuple):
    """By what the messages of a conversation are found.

    Attributes:
        id: which.
        platform: where.
        channel: where on it.
        person: in chat_log, whom it is with; empty elsewhere.
    """

    id: UUID
    platform: str
    channel: str
    person: str


async def find_talk(connection: asyncpg.Connection[asyncpg.Record], conversation: UUID) -> Talk | None:
    """Return by what the messages of a conversation are found; None where there is no such conversation.

    It says nothing of who may read them: a statement keeps to that as well.
    """
    row = await connection.fetchrow(_FIND, conversation)
    return None if row is None else Talk(**dict(row))


def keep_to_talk(conditions: Conditions, talk: Talk) -> None:
    """Have a statement that keeps to the conversation's platform find its messages alone."""
    if talk.platform == MESSENGER:
        conditions.add(OF_DIALOGUE, talk.person, talk.channel)
    else:
        conditions.add(OF_CONVERSATION, talk.id)
