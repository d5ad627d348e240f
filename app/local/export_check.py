"""Exports a sample survey as its owner would, by the API, and holds the files' rows against the tables."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import TYPE_CHECKING

import aiohttp

from app.local.errors import UpFailed
from app.postgres.connections import connect
from models.exports import Source, Status
from samples.surveys import owners
from sinks.sql import statements

if TYPE_CHECKING:
    from app.local.api import Api
    from app.local.screen import Screen
    from app.settings.database import DatabaseSettings

#: On an idle machine a file is there in half a second.
DEADLINE_S = 180.0
_POLL_S = 0.1

_SQL = statements("local")
_COUNT = {
    Source.CHAT_LOG: _SQL.count_messages_of_forms,
    Source.RESPONSES: _SQL.count_responses_of_forms,
}


class ExportCheck:
    """One sample survey's exports: the one whose name is the hardest to make a file name of."""

    def __init__(self, database: DatabaseSettings, api: Api, screen: Screen) -> None:
        self._database = database
        self._api = api
        self._screen = screen
        self._owner = owners()[0]
        self._survey = next(survey for survey in self._owner.surveys if "/" in survey.name)

    async def run(self) -> list[str]:
        """Make both exports and tell of them; return what is wrong with them.

        Raises:
            DatabaseUnavailable, UpFailed: PostgreSQL or the API does not answer any more.
        """
        expected = await self._counts()
        headers = {"Authorization": f"Bearer {self._api.token_for(self._owner.email)}"}
        try:
            async with aiohttp.ClientSession(self._api.url, headers=headers) as api:
                return [
                    wrong
                    for source in (Source.CHAT_LOG, Source.RESPONSES)
                    for wrong in await self._check(api, source, expected[source])
                ]
        except (aiohttp.ClientError, KeyError) as error:
            raise UpFailed(f"The API does not answer as it should ({error!r}): see its log") from error

    async def _check(self, api: aiohttp.ClientSession, source: Source, expected: int) -> list[str]:
        what = f"the {source.label.lower()} of “{self._survey.name}”"
        with self._screen.step(f"Exporting {what}") as step:
            try:
                async with asyncio.timeout(DEADLINE_S):
                    export = await self._made(api, source)
            except TimeoutError:
                return [f"exports: {what} was not exported within {DEADLINE_S:.0f} s"]
            if export["status"] != Status.FINISHED:
                return [f"exports: {what} failed: {export['reason']}"]
            rows = _rows_in(await self._file(api, str(export["id"])))
            step.done = f"Exported {what}: {export['status']}, {rows} rows, {export['bytes_done']:,} bytes"
        if rows == expected:
            return []
        return [f"exports: the file of {what} has {rows} rows, the table {expected}"]

    async def _made(self, api: aiohttp.ClientSession, source: Source) -> dict[str, object]:
        """Ask for an export and return it when it is final."""
        asked = {"export_type": source.value}
        async with api.post("/exports", params={"survey": self._survey.name}, json=asked) as answer:
            export: dict[str, object] = await _json_of(answer)
        while not Status(str(export["status"])).is_final:
            await asyncio.sleep(_POLL_S)
            async with api.get(f"/exports/{export['id']}") as answer:
                export = await _json_of(answer)
        return export

    async def _file(self, api: aiohttp.ClientSession, export_id: str) -> str:
        async with api.get(f"/exports/{export_id}/download", allow_redirects=False) as answer:
            link = answer.headers["Location"]
        # The storage is to let us in for the link alone.
        async with aiohttp.ClientSession() as anyone, anyone.get(link) as answer:
            answer.raise_for_status()
            return await answer.text("utf-8")

    async def _counts(self) -> dict[Source, int]:
        shortcodes = [form.shortcode for form in self._survey.forms]
        pages = [page.id for page in self._owner.pages]
        connection = await connect(self._database, application_name="chatlog-up")
        try:
            return {
                source: await connection.fetchval(count, shortcodes, pages)
                for source, count in _COUNT.items()
            }
        finally:
            connection.terminate()


async def _json_of(answer: aiohttp.ClientResponse) -> dict[str, object]:
    answer.raise_for_status()
    return dict(await answer.json())


def _rows_in(text: str) -> int:
    """Count the rows of a CSV file, without its header."""
    return sum(1 for _ in csv.reader(io.StringIO(text, newline=""))) - 1
