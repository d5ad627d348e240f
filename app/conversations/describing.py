"""Conversations described as far as somebody may read them: names, figures, and the last message of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.conversations.rows import MESSENGER, ConversationRow
from app.conversations.telling import names_of, preview_of, unsent_among
from sinks.postgres.said import newest_of, sums_of
from sinks.postgres.talks import Talk
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from uuid import UUID

    import asyncpg

    from app.conversations.finding import Candidate
    from sinks.postgres.reading import Reading

    Connection = asyncpg.Connection[asyncpg.Record]

_SQL = statements("conversations")


async def describe(
    connection: Connection, reading: Reading, found: Sequence[Candidate]
) -> list[ConversationRow]:
    """Return those of the conversations of which something may be read, in their order."""
    if reading.readable.is_nothing or not found:
        return []
    rows = {
        row["id"]: row for row in await connection.fetch(_SQL.find_conversations, [one.id for one in found])
    }
    talks: dict[str, list[Talk]] = {}
    for found_row in rows.values():
        talks.setdefault(found_row["platform"], []).append(_talk(found_row))
    newest: dict[UUID, asyncpg.Record] = {}
    for platform, some in talks.items():
        # Mostly it is the last one that was said; else what is older is looked through.
        for since in ([rows[talk.id]["last_at"] for talk in some], None):
            left = [talk for talk in some if talk.id not in newest]
            if left:
                found_last = await connection.fetch(*newest_of(platform, left, reading, since).call)
                newest |= {message["talk"]: message for message in found_last}
    whole = {
        row["id"]
        for row in rows.values()
        if reading.readable.has_whole(row["platform"], row["channel"], row["subject_id"])
    }
    sums = await _sums(connection, reading, talks, whole)
    unsent = await unsent_among(connection, newest.values())
    names = await names_of(connection, newest.values())
    surveys = {survey.id: survey.name for survey in reading.surveys}
    described = []
    for one in found:
        row, figures, last = rows.get(one.id), sums.get(one.id), newest.get(one.id)
        if row is None:
            continue
        is_whole = row["id"] in whole
        if not (figures or is_whole):
            continue
        last_at = figures["last_at"] if figures else row["last_at"]
        described.append(
            ConversationRow(
                id=row["id"],
                platform=row["platform"],
                channel=row["channel"],
                channel_name=row["channel_name"],
                external_id=row["external_id"],
                kind=row["kind"],
                person=row["subject_id"],
                person_name=row["subject_name"],
                title=row["title"],
                started=figures["started"] if figures else row["started"],
                last_at=last_at,
                messages=figures["messages"] if figures else row["captured"],
                matched=one.matched or last_at,
                last=preview_of(last, names, unsent) if last else None,
                survey=surveys.get(str(last["surveyid"])) if last else None,
                is_whole=is_whole,
                archived=row["archived"],
            )
        )
    return described


def talk_of(row: ConversationRow) -> Talk:
    """Return by what the messages of a conversation are found."""
    person = row.external_id if row.platform == MESSENGER else ""
    return Talk(row.id, row.platform, row.channel, person)


async def _sums(
    connection: Connection, reading: Reading, talks: Mapping[str, Sequence[Talk]], whole: AbstractSet[UUID]
) -> dict[UUID, asyncpg.Record]:
    """Return what may be read of those conversations that somebody may not see whole."""
    sums: dict[UUID, asyncpg.Record] = {}
    for platform, some in talks.items():
        parts = [talk for talk in some if talk.id not in whole]
        if parts:
            found = await connection.fetch(*sums_of(platform, parts, reading).call)
            sums |= {row["talk"]: row for row in found if row["messages"]}
    return sums


def _talk(row: asyncpg.Record) -> Talk:
    person = row["external_id"] if row["platform"] == MESSENGER else ""
    return Talk(row["id"], row["platform"], row["channel"], person)
