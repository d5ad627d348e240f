"""The whole system as it runs for people: the API process, an export worker, and the services behind them."""

from __future__ import annotations

import csv
import os
import secrets
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
from pydantic import SecretStr

from app.access import mint
from app.local.embedded import free_port
from app.postgres.connections import connect
from app.settings import Role, Settings
from models.access import Caller, CallerRole
from tests.services import as_environment, changed, eventually
from tests.workers import CHATLOG, Workers, workers_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: What people write: with what CSV has to quote. Nothing that a spreadsheet would run, which is altered.
_MAKE_SURVEY = """
    WITH owner AS (
        INSERT INTO users (email) VALUES ($1) RETURNING id
    ), survey AS (
        INSERT INTO surveys (userid, shortcode, survey_name)
        SELECT id, left($1, 12), $2 FROM owner
        RETURNING id, shortcode
    )
    INSERT INTO chat_log (userid, pageid, timestamp, direction, content, question_ref, shortcode, surveyid)
    SELECT shortcode || '-' || number / 10, 'page', '2026-11-01Z'::timestamptz + number * interval '1 second',
           'user', E'said "' || number || E'", and\r\nmore, 🙂', nullif('q' || number % 3, 'q0'), shortcode,
           id
    FROM survey, generate_series(1, $3) AS number
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A running system.

    Attributes:
        settings: of all its processes.
        address: where its pages are.
    """

    settings: Settings
    address: str

    async def new_owner(self, survey: str = "Baseline 2026", messages: int = 40) -> Owner:
        """Make an owner with one survey; no test sees those of another."""
        owner = Owner(self, f"{secrets.token_hex(6)}@example.org", survey)
        await owner.fetch_value(_MAKE_SURVEY, owner.email, survey, messages)
        return owner


@dataclass(frozen=True, slots=True)
class Owner:
    """Someone with a survey.

    Attributes:
        site: where.
        email: who.
        survey: its name.
    """

    site: Site
    email: str
    survey: str

    def sign_in_link(self, lifetime: timedelta = timedelta(hours=1), *roles: CallerRole) -> str:
        """Return a link that signs them in, as an owner if not in other roles."""
        caller = Caller(self.email, roles=frozenset(roles or {CallerRole.OWNER}))
        return f"{self.site.address}/sign-in#token={mint(self.site.settings.api, caller, lifetime)}"

    async def add_export(self, **columns: Any) -> str:
        """Insert a row of an export that nothing works on; return its id."""
        values = {"status": "Started", "export_link": "Not Found", "source": "chat_log"} | columns
        places = ", ".join(f"${number}" for number in range(3, len(values) + 3))
        return str(
            await self.fetch_value(
                f"INSERT INTO export_status (user_id, survey_id, {', '.join(values)}) "
                f"VALUES ($1, $2, {places}) RETURNING id",
                self.email,
                self.survey,
                *values.values(),
            )
        )

    async def share_with(self, address: str) -> None:
        """Share the survey, as its page does."""
        await self.fetch_value(
            "INSERT INTO survey_shares (owner, survey_name, address, shared_by) VALUES ($1, $2, $3, $1)",
            self.email,
            self.survey,
            address,
        )

    async def update_export(self, export: str, **columns: Any) -> None:
        """Do to a row what the export agent does."""
        changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(columns, start=2))
        await self.fetch_value(f"UPDATE export_status SET {changes} WHERE id = $1", export, *columns.values())

    async def fetch_value(self, statement: str, *arguments: object) -> Any:
        connection = await connect(self.site.settings.database)
        try:
            return await connection.fetchval(statement, *arguments)
        finally:
            await connection.close()

    async def messages(self) -> list[dict[str, str]]:
        """Return the survey's rows of chat_log, in the order and words of an export."""
        connection = await connect(self.site.settings.database)
        try:
            rows = await connection.fetch(
                """
                SELECT chat_log.userid, pageid,
                       to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS timestamp,
                       direction, content, question_ref, chat_log.shortcode, surveyid::varchar, message_type
                FROM chat_log
                JOIN surveys ON surveys.id = surveyid
                JOIN users ON users.id = surveys.userid
                WHERE email = $1 AND survey_name = $2
                ORDER BY chat_log.userid, timestamp, direction
                """,
                self.email,
                self.survey,
            )
        finally:
            await connection.close()
        return [{name: value or "" for name, value in row.items()} for row in rows]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@contextmanager
def running_site(settings: Settings, directory: Path) -> Iterator[tuple[Settings, Workers]]:
    """Start the processes; they end with the context. Wait for them by `wait_until_up`."""
    settings = changed(settings, api_jwt_secret=SecretStr(secrets.token_urlsafe(32)), api_port=free_port())
    with workers_of(settings, directory / "workers") as workers:
        workers.start(Role.EXPORT)
        log = directory / "api.log"
        with log.open("wb") as output:
            api = subprocess.Popen(
                [CHATLOG, "api"],
                env=os.environ | as_environment(settings),
                cwd=directory,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield settings, workers
        finally:
            api.kill()
            api.wait()
            sys.stdout.write(f"== api\n{log.read_text(errors='replace')[-3000:]}")


async def wait_until_up(settings: Settings, workers: Workers) -> Site:
    """Return the system when it answers and its worker has its partitions."""
    address = f"http://127.0.0.1:{settings.api.port}"

    async def answers() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{address}/sign-in") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    await eventually(answers, what="the API answers")
    await eventually(workers.started[0].is_ready, what="the export worker is ready")
    return Site(settings, address)
