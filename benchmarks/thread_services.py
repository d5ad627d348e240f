"""Our API and a plain service as document 004 describes it: started, filled and asked in the same way."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import jwt
import msgspec
from pydantic import SecretStr

from benchmarks.processes import api, baseline
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from app.settings import Settings
    from benchmarks.processes import Contender
    from benchmarks.services import Services

OURS, PLAIN = "chatlog", "plain"
PATH = "/api/v1/threads"
#: As many as a machine of two cores has of either.
REPLICAS = 2
#: Threads that are written into at once: few writers meet in one.
THREADS = 1_000
#: Messages of each thread that is listed.
MESSAGES_OF_ONE = 100
_SEEDED_AT_ONCE = 1_000
_SECRET = "the secret of a benchmark, long enough"  # noqa: S105
_TENANT = "tenant-1"
_LEARNERS = 20
_TEXT = "My parcel was to come on Tuesday, and it is Thursday now. Where is it, and when will it be here?"
#: The storage is never asked.
_NEEDED = {
    "api_jwt_secret": SecretStr(_SECRET),
    "storage_bucket": "none",
    "storage_endpoint": "http://127.0.0.1:9",
    "enable_rate_limiting": False,
    "max_messages_per_thread": 1_000_000,
}
_SQL = statements("threads", "benchmarks.sql")


def token(name: str = "service@example.org") -> str:
    """Return a token for a service that writes for some learners of a tenant, for an hour."""
    claims = {
        "sub": name,
        "tenant": _TENANT,
        "roles": ["service"],
        "learner_scope": [f"learner-{number}" for number in range(_LEARNERS)],
        "exp": int(time.time()) + 3600,
    }
    return jwt.encode(claims, _SECRET, algorithm="HS256")


async def fresh(services: Services, name: str, **values: object) -> Settings:
    """Return the settings of a service, and leave no thread of any before it.

    Args:
        services: with Kafka and PostgreSQL.
        name: part of names; each at most once in a run.
        values: other variables than those of a benchmark, in small letters.
    """
    settings = await services.fresh(f"threads-{name}", vlab_env=f"threads-{name}", **(_NEEDED | values))
    await drop(services)
    return settings


async def drop(services: Services) -> None:
    """Leave nothing of the plain service."""
    connection = await services.connect()
    try:
        await connection.execute(_SQL.drop_plain)
    finally:
        await connection.close()


@asynccontextmanager
async def served(services: Services, settings: Settings, contender: str) -> AsyncIterator[Contender]:
    """Run one of both, in a process."""
    if contender == OURS:
        async with api(settings, services.directory) as ours:
            await ours.until_ready("/health/live")
            yield ours
    else:
        async with baseline("threads_plain", [], settings, services.directory) as plain:
            await plain.until_ready("/health")
            yield plain


@asynccontextmanager
async def replicated(
    services: Services, settings: Settings, contender: str
) -> AsyncIterator[Sequence[Contender]]:
    """Run `REPLICAS` of one of both."""
    async with AsyncExitStack() as stack:
        # One after the other: the first of the plain service makes its tables.
        yield [
            await stack.enter_async_context(served(services, settings, contender)) for _ in range(REPLICAS)
        ]


async def make_threads(port: int) -> list[str]:
    """Make `THREADS` threads by REST; return their ids."""
    headers = {"Authorization": f"Bearer {token()}"}
    connector = aiohttp.TCPConnector(limit=32)
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{port}", connector=connector, headers=headers
    ) as session:

        async def make(number: int) -> str:
            thread = {
                "learner_id": f"learner-{number % _LEARNERS}",
                "title": f"Fractions {number}",
                "metadata": {"subject": "math"},
            }
            async with session.post(PATH, json=thread) as answer:
                answer.raise_for_status()
                return str((await answer.json())["id"])

        return await asyncio.gather(*map(make, range(THREADS)))


def post_of(thread: str, number: int) -> bytes:
    """Return the request that writes a message."""
    message = {
        "content": {"text": _TEXT},
        "message_type": "text",
        "sender_id": f"learner-{number % _LEARNERS}",
        "sender_role": "user",
        "reply_to": None,
        "metadata": {"client": "web"},
    }
    return request("POST", f"{PATH}/{thread}/messages", msgspec.json.encode(message))


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """Return a request as it is sent."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token()}",
        *(["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def seed(services: Services, settings: Settings, messages: int) -> int:
    """Fill the tables of both with so many messages; return how many threads those are."""
    threads = messages // MESSAGES_OF_ONE
    async with served(services, settings, PLAIN):
        # It makes its tables.
        connection = await services.connect()
    try:
        await connection.execute(_SQL.make_partitions)
        for statement in (_SQL.fill_ours, _SQL.fill_plain):
            for first in range(1, threads + 1, _SEEDED_AT_ONCE):
                last = min(first + _SEEDED_AT_ONCE - 1, threads)
                await connection.execute(statement, first, last, MESSAGES_OF_ONE, _TENANT, _TEXT)
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()
    return threads
