"""`chatlog backfill`, run as people run it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.services import as_environment
from tests.survey_tables import session
from tests.workers import CHATLOG

if TYPE_CHECKING:
    from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a command.

    Attributes:
        returncode: its exit status.
        stdout: what it said.
        stderr: what it complained of.
    """

    returncode: int | None
    stdout: str
    stderr: str


async def start(settings: Settings, *arguments: str) -> asyncio.subprocess.Process:
    """Start `chatlog backfill` with these arguments."""
    return await asyncio.create_subprocess_exec(
        CHATLOG,
        "backfill",
        *arguments,
        env={**os.environ, **as_environment(settings)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(settings: Settings, *arguments: str) -> Ended:
    """Run it to its end."""
    process = await start(settings, *arguments)
    out, err = await process.communicate()
    return Ended(process.returncode, out.decode(), err.decode())


async def become(settings: Settings, role: str) -> None:
    """Let every new session have a role."""
    async with session(settings) as connection:
        name = await connection.fetchval("SELECT quote_ident(current_database())")
        await connection.execute(f"ALTER DATABASE {name} SET role = {role}")
