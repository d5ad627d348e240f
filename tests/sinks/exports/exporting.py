"""Owners, surveys and what was said in them, in a real database; and what comes out of an export."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.postgres.connections import connect
from models.exports import ExportOptions, Source
from sinks.exports.stream import WantedExport, Written, write_export

if TYPE_CHECKING:
    import uuid

    import asyncpg

    from app.settings import Settings

BEGIN = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
LONG_AGO = BEGIN - timedelta(days=365)


@dataclass(slots=True)
class World:
    """Rows for a database without any."""

    connection: asyncpg.Connection[asyncpg.Record]
    said: int = field(default=0)

    async def owner(self, email: str, *pages: str) -> uuid.UUID:
        owner: uuid.UUID = await self.connection.fetchval(
            "INSERT INTO users (email) VALUES ($1) RETURNING id", email
        )
        for page in pages:
            await self.connection.execute(
                "INSERT INTO credentials (userid, entity, key, facebook_page_id) "
                "VALUES ($1, 'facebook_page', $2, $2)",
                owner,
                page,
            )
        return owner

    async def survey(
        self, owner: uuid.UUID, name: str, shortcode: str, created: datetime = LONG_AGO
    ) -> uuid.UUID:
        made: uuid.UUID = await self.connection.fetchval(
            "INSERT INTO surveys (userid, survey_name, shortcode, created) VALUES ($1, $2, $3, $4) "
            "RETURNING id",
            owner,
            name,
            shortcode,
            created,
        )
        return made

    async def say(self, content: str, **values: Any) -> None:
        """Store a message, a second after the one before unless told otherwise."""
        self.said += 1
        row = {
            "userid": "u",
            "timestamp": BEGIN + timedelta(seconds=self.said),
            "direction": "user",
            "content": content,
            **values,
        }
        await self._insert("chat_log", row)

    async def answer(self, question_ref: str, response: str | None, **values: Any) -> None:
        """Store a response, a second after the one before unless told otherwise."""
        self.said += 1
        row = {
            "userid": "u",
            "timestamp": BEGIN + timedelta(seconds=self.said),
            "question_ref": question_ref,
            "response": response,
            **values,
        }
        await self._insert("responses", row)

    async def _insert(self, table: str, row: dict[str, Any]) -> None:
        numbers = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        await self.connection.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({numbers})", *row.values()
        )


async def exported(
    settings: Settings,
    owner: str,
    survey: str,
    source: Source = Source.CHAT_LOG,
    progress: Written | None = None,
    **options: Any,
) -> bytes:
    """Return the file."""
    connection = await connect(settings.database, statement_timeout_s=0)
    pieces: list[bytes] = []

    async def write(data: bytes) -> None:
        pieces.append(data)

    try:
        await write_export(
            connection,
            WantedExport(owner, survey, source, ExportOptions(**options)),
            write,
            progress or Written(),
        )
    finally:
        await connection.close()
    return b"".join(pieces)


def cells(file: bytes) -> list[list[str]]:
    """Read a CSV file, the header included."""
    csv.field_size_limit(max(len(file) + 1, csv.field_size_limit()))
    return list(csv.reader(io.StringIO(file.decode(), newline="")))


async def contents(settings: Settings, owner: str, survey: str, **options: Any) -> list[str]:
    """Return what was said, as exported."""
    return [row[4] for row in cells(await exported(settings, owner, survey, **options))[1:]]
