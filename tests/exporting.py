"""Exports as tests ask for them: a survey with its messages, rows and jobs, and what came of them."""

from __future__ import annotations

import csv
import io
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson

from app.kafka.topics import topics_of
from app.postgres.connections import connect
from models.exports import ExportJob, ExportOptions, Source
from tests.workers import produce

if TYPE_CHECKING:
    import asyncpg

    from app.settings import Settings

OWNER, SURVEY = "owner@example.org", "Baseline"

_MAKE_SURVEY = """
    WITH owner AS (
        INSERT INTO users (email) VALUES ($1) ON CONFLICT (email) DO UPDATE SET email = $1 RETURNING id
    )
    INSERT INTO surveys (userid, shortcode, survey_name) SELECT id, $3, $2 FROM owner RETURNING id
"""
#: Texts of random digits, so that nothing on the way makes them smaller.
_MAKE_MESSAGES = """
    INSERT INTO chat_log (userid, pageid, timestamp, direction, content, shortcode, surveyid)
    SELECT 'user-' || number / 10, 'page', '2026-11-01Z'::timestamptz + number * interval '1 second', 'user',
           number || ' ' || repeat(md5(number::text), $4), $2, $3
    FROM generate_series(1, $1) AS number
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """An export that was asked for."""

    job: ExportJob
    id: uuid.UUID = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self.job.export_id)

    def record(self) -> tuple[bytes, bytes]:
        """Its record of the exports topic."""
        return str(self.id).encode(), orjson.dumps(self.job.encode())


async def make_survey(
    settings: Settings,
    messages: int,
    *,
    owner: str = OWNER,
    survey: str = SURVEY,
    size: int = 1,
) -> None:
    """Make a survey with so many messages, each of `size` times 32 characters and some."""
    connection = await connect(settings.database, statement_timeout_s=0)
    try:
        shortcode = f"short-{uuid.uuid4()}"
        surveyid = await connection.fetchval(_MAKE_SURVEY, owner, survey, shortcode)
        await connection.execute(_MAKE_MESSAGES, messages, shortcode, surveyid, size)
        await connection.execute("ANALYZE chat_log")
    finally:
        await connection.close()


async def ask(
    settings: Settings,
    *,
    owner: str = OWNER,
    survey: str = SURVEY,
    survey_owner: str | None = None,
    **options: Any,
) -> Asked:
    """Insert the row of an export, as the API does; its job is not sent."""
    job = ExportJob(
        export_id=uuid.uuid4(),
        user=owner,
        survey_owner=survey_owner,
        survey=survey,
        source=Source.CHAT_LOG,
        options=ExportOptions(**options),
    )
    connection = await connect(settings.database)
    try:
        await connection.execute(
            "INSERT INTO export_status (id, user_id, survey_id, survey_owner, status, export_link, source) "
            "VALUES ($1, $2, $3, $4, 'Started', 'Not Found', 'chat_log')",
            job.export_id,
            owner,
            survey,
            survey_owner,
        )
    finally:
        await connection.close()
    return Asked(job)


async def send(settings: Settings, *asked: Asked) -> None:
    """Put jobs into the exports topic."""
    await produce(settings, topics_of(settings.topology).exports.name, [export.record() for export in asked])


async def row_of(settings: Settings, export: Asked) -> asyncpg.Record:
    """Return the row of an export."""
    connection = await connect(settings.database)
    try:
        row = await connection.fetchrow("SELECT * FROM export_status WHERE id = $1", export.id)
    finally:
        await connection.close()
    assert row is not None
    return row


async def is_in(settings: Settings, export: Asked, *statuses: str) -> asyncpg.Record:
    """Return the row if its status is one of these, for `eventually`."""
    row = await row_of(settings, export)
    assert row["status"] in statuses, f"{row['status']}: {row['reason']}"
    return row


async def download(link: str) -> bytes:
    """Follow a link, as a browser does."""
    async with aiohttp.ClientSession() as session, session.get(link) as answer:
        content = await answer.read()
        assert answer.status == 200, content
    return content


async def keys_in_table(settings: Settings, survey: str = SURVEY) -> list[tuple[str, ...]]:
    """Return what a file must hold of each message, in order."""
    connection = await connect(settings.database)
    try:
        rows = await connection.fetch(
            "SELECT chat_log.userid, "
            "to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), direction, content "
            "FROM chat_log JOIN surveys ON surveys.id = surveyid WHERE survey_name = $1 "
            "ORDER BY chat_log.userid, timestamp, direction",
            survey,
        )
    finally:
        await connection.close()
    return [tuple(row) for row in rows]


def keys_in_file(content: bytes) -> list[tuple[str, ...]]:
    """Return the same of a file in CSV."""
    rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
    return [(row["userid"], row["timestamp"], row["direction"], row["content"]) for row in rows]
