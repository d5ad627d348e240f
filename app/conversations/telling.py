"""Rows of `all_messages` made into what is shown: with names, replies and counts of earlier texts.

What is not to be shown ends here: what somebody took back on Messenger, whose row still has its text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.conversations.known import Opinion
from app.conversations.rows import MESSENGER, TAKEN_BACK, Preview, SaidMessage
from models.ids import source_of
from sinks.postgres.said import messages_by_ids
from sinks.postgres.unsent import find_unsent
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import asyncpg

    from sinks.postgres.reading import Reading, SurveyId
    from sinks.postgres.unsent import Unsent

    Connection = asyncpg.Connection[asyncpg.Record]
    #: The name of a person, by platform and id.
    Names = Mapping[tuple[str, str], str]

_SQL = statements("conversations")
#: What stands in `message_type` for what the platform keeps back.
_WITHHELD = "withheld"
#: Whose messages `author_id` tells of on Messenger: there it is the person, whoever spoke.
_PERSON = "user"
#: So much of a message is in a line.
PREVIEW_MAX = 200


async def tell_messages(
    connection: Connection, rows: Sequence[asyncpg.Record], reading: Reading
) -> list[SaidMessage]:
    """Return messages as they are shown.

    Args:
        connection: may read who is called what, and what became of messages.
        rows: with `said.COLUMNS` and `mid`; what may be read.
        reading: what that is.
    """
    unsent = await unsent_among(connection, rows)
    replies = await _replies(connection, rows, reading)
    opinions = await _opinions(connection, rows)
    heard = [opinion for of_one in opinions.values() for opinion in of_one]
    names = await names_of(connection, [*rows, *replies.values(), *heard])
    versions = await _versions(connection, rows)
    surveys = {survey.id: survey for survey in reading.surveys}
    return [
        _message(
            row,
            unsent,
            names,
            surveys.get(str(row["surveyid"])),
            _reply(replies.get(row["reply_to"]), names),
            versions.get(row["id"], 1),
            opinions.get(row["id"], ()),
        )
        for row in rows
    ]


async def unsent_among(connection: Connection, rows: Iterable[asyncpg.Record]) -> Unsent:
    """Return what those whose messages these are took back."""
    people = {row["author_id"] for row in rows if row["platform"] == MESSENGER and row["mid"] is not None}
    return await find_unsent(connection, people)


async def names_of(connection: Connection, rows: Iterable[asyncpg.Record]) -> Names:
    """Return what the authors of messages and opinions are called."""
    asked: dict[str, set[str]] = {}
    for row in rows:
        if (author := _author(row)) is not None:
            asked.setdefault(row["platform"], set()).add(author)
    return {
        (platform, named["person_id"]): named["name"]
        for platform, people in asked.items()
        for named in await connection.fetch(_SQL.find_names, platform, sorted(people))
    }


def preview_of(row: asyncpg.Record, names: Names, unsent: Unsent) -> Preview:
    """Return a message as a line shows it."""
    taken_back = unsent.since(row["author_id"], row["mid"], row["message_type"])
    return _preview(row, names, "" if taken_back else row["content"], taken_back or row["deleted"])


async def _replies(
    connection: Connection, rows: Sequence[asyncpg.Record], reading: Reading
) -> dict[UUID, asyncpg.Record]:
    """Return what is answered, as far as it may be read; on Messenger nothing says what is."""
    asked: dict[str, set[UUID]] = {}
    for row in rows:
        if row["reply_to"] is not None:
            asked.setdefault(row["platform"], set()).add(row["reply_to"])
    return {
        found["id"]: found
        for platform, ids in asked.items()
        for found in await connection.fetch(*messages_by_ids(platform, ids, reading).call)
    }


async def _versions(connection: Connection, rows: Iterable[asyncpg.Record]) -> dict[UUID, int]:
    changed = {source_of(str(row["id"])): row["id"] for row in rows if row["edited"] is not None}
    if not changed:
        return {}
    counted = await connection.fetch(_SQL.count_versions, list(changed))
    return {changed[str(row["source"])]: row["versions"] for row in counted}


async def _opinions(
    connection: Connection, rows: Iterable[asyncpg.Record]
) -> dict[UUID, list[asyncpg.Record]]:
    """Return what people think of messages; on Messenger nobody is asked."""
    rated = {UUID(source_of(str(row["id"]))): row["id"] for row in rows if row["platform"] != MESSENGER}
    found: dict[UUID, list[asyncpg.Record]] = {}
    if rated:
        for opinion in await connection.fetch(_SQL.find_feedback, list(rated)):
            found.setdefault(rated[opinion["refers_to"]], []).append(opinion)
    return found


def _message(
    row: asyncpg.Record,
    unsent: Unsent,
    names: Names,
    survey: SurveyId | None,
    reply: Preview | None,
    versions: int,
    opinions: Sequence[asyncpg.Record],
) -> SaidMessage:
    taken_back = unsent.since(row["author_id"], row["mid"], row["message_type"])
    author = _author(row)
    return SaidMessage(
        id=row["id"],
        platform=row["platform"],
        channel=row["channel"],
        conversation=row["conversation_id"],
        timestamp=row["timestamp"],
        role=row["role"],
        author=author,
        author_name=names.get((row["platform"], author or "")),
        person=row["author_id"],
        content="" if taken_back else row["content"],
        message_type=row["message_type"],
        question=row["question_ref"],
        survey=survey.name if survey else None,
        survey_owner=survey.owner if survey else None,
        shortcode=row["shortcode"],
        reply_to=row["reply_to"],
        reply=reply,
        response_ms=row["response_ms"],
        weight=row["weight"],
        edited=row["edited"],
        deleted=taken_back or row["deleted"],
        deletion=TAKEN_BACK if taken_back else row["deletion"],
        withheld=row["message_type"] == _WITHHELD,
        metadata=_json(row["metadata"]),
        versions=versions,
        opinions=tuple(
            Opinion.of(opinion, names.get((opinion["platform"], _author(opinion) or "")))
            for opinion in opinions
        ),
    )


def _reply(row: asyncpg.Record | None, names: Names) -> Preview | None:
    return None if row is None else _preview(row, names, row["content"], row["deleted"])


def _preview(row: asyncpg.Record, names: Names, content: str, deleted: Any) -> Preview:
    return Preview(
        row["id"],
        row["timestamp"],
        row["role"],
        names.get((row["platform"], _author(row) or "")),
        content[:PREVIEW_MAX],
        row["message_type"],
        deleted,
        _author(row),
    )


def _author(row: asyncpg.Record) -> str | None:
    author: str | None = row["author_id"]
    return None if row["platform"] == MESSENGER and row["role"] != _PERSON else author


def _json(text: str | None) -> Any:
    # Not by a faster one, which has no numbers of any size.
    return None if text is None else json.loads(text)
