"""Puts the samples' owners, pages, surveys and responses into an embedded PostgreSQL.

Never into one that settings name: there, these tables belong to others.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import orjson

from app.local.errors import UpFailed
from app.postgres.connections import connect
from samples.surveys import owners, responses
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.settings.database import DatabaseSettings

_SQL = statements("local")
_OWNER = _SQL.add_owner
_PAGE = _SQL.add_page
_FORM = _SQL.add_form
_RESPONSE = _SQL.add_response


async def load_owners(database: DatabaseSettings) -> None:
    """Put in what is not there yet; all of it or nothing.

    Raises:
        DatabaseUnavailable, UpFailed: PostgreSQL does not take it.
    """
    async with _session(database) as connection, connection.transaction():
        for owner in owners():
            await connection.execute(_OWNER, owner.id, owner.email)
            await connection.executemany(_PAGE, [(owner.id, page.id, page.name) for page in owner.pages])
            await connection.executemany(
                _FORM,
                [
                    (form.id, owner.id, form.shortcode, form.title, survey.name, form.created)
                    for survey in owner.surveys
                    for form in survey.forms
                ],
            )
        await connection.executemany(
            _RESPONSE,
            [
                (
                    each.parent_shortcode,
                    each.surveyid,
                    each.shortcode,
                    each.flowid,
                    each.userid,
                    each.question_ref,
                    each.question_idx,
                    each.question_text,
                    each.response,
                    each.seed,
                    each.timestamp,
                    orjson.dumps(each.metadata).decode(),
                    each.pageid,
                    each.translated_response,
                )
                for each in responses()
            ],
        )


@asynccontextmanager
async def _session(database: DatabaseSettings) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await connect(database, application_name="chatlog-up")
    try:
        yield connection
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        said = error.args[0] if error.args else type(error).__name__
        raise UpFailed(
            f"PostgreSQL does not take the samples' surveys ({said}): see its log, or choose another "
            "directory"
        ) from error
    finally:
        connection.terminate()
