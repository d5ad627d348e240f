"""A chat logs its turns by the API at a steady pace: what that adds to an answer, and when it is read back.

Each turn is timed from when it was *due*, so that a sender that falls behind does not flatter: to its 202,
which a chat may wait for, and to its commit, from when on it is read back. By `chatlog_client`, which sends
many at once in the background, the chat waits only until it has told of the turn.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from statistics import quantiles
from typing import TYPE_CHECKING

import aiohttp
from pydantic import SecretStr

from app.access import mint
from app.settings import Role
from benchmarks.clocks import committed_rows
from benchmarks.measuring import run_of
from benchmarks.processes import DidNotFinish, api, worker
from chatlog_client import AsyncChatLog
from models.access import Caller, CallerRole

if TYPE_CHECKING:
    from app.settings import Settings
    from benchmarks.measuring import Run
    from benchmarks.processes import Contender
    from benchmarks.services import Services

PART, BY_CLIENT, OURS = "turns", "turns by client", "chatlog"
TURNS_PER_S = 500
SESSIONS = 400
#: Not counted: first connections, and what is compiled or read for the first time.
WARM_UP_S = 3.0
_CONNECTIONS = 64
_SETTLED_WITHIN_S = 60.0
#: The storage is never asked.
_AS_THE_API_NEEDS_IT = {
    "api_jwt_secret": SecretStr("the secret of a benchmark, long enough"),
    "storage_bucket": "none",
    "storage_endpoint": "http://127.0.0.1:9",
}

_PROGRAM = Caller("shop@example.org", roles=frozenset({CallerRole.SERVICE}), scope=frozenset({"app:shop"}))
_QUESTION = "My parcel was to come on Tuesday, and it is Thursday now. Where is it, and when will it be here?"
_ANSWER = (
    "I am sorry that it is late. It left the depot in Lyon this morning and is on its way to you: the "
    "carrier expects to deliver it tomorrow between 9:00 and 12:00. You can follow it by the link in our "
    "last message, and if nobody is at home it will be left with a neighbour. Is there anything else?"
)
_READ_BACK = """
    SELECT percentile_disc(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY late_ms)
    FROM (
        SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - timestamp)::float8 * 1000 AS late_ms
        FROM messages WHERE platform = 'assistant' AND role = 'user' AND timestamp >= to_timestamp($1)
    ) AS counted
"""


@dataclass(slots=True)
class _Answers:
    """What the API answered, of turns that count.

    Attributes:
        added_ms: how long each turn's answer took from when it was due.
        taken: how many were taken.
    """

    added_ms: list[float] = field(default_factory=list)
    taken: int = 0


async def measure(services: Services, part: str, seconds: float, number: int) -> Run:
    """Log `TURNS_PER_S` for so many seconds through one API, and see when each is answered for, and is a row.

    Args:
        services: with Kafka and PostgreSQL.
        part: `PART` for a request a turn, `BY_CLIENT`.
        seconds: for how long.
        number: of the round.

    Raises:
        DidNotFinish: a turn that was answered for is missing, or counted twice; or a process ended.
    """
    name = f"{part.replace(' ', '-')}-{number}"
    settings = await services.fresh(name, vlab_env=name, platforms=("assistant",), **_AS_THE_API_NEEDS_IT)
    async with AsyncExitStack() as stack:
        workers = [
            await stack.enter_async_context(worker(role, settings, services.directory))
            for role in (Role.CAPTURE_PLATFORMS, Role.PERSIST)
        ]
        served = await stack.enter_async_context(api(settings, services.directory))
        for one in workers:
            await one.until_ready()
        await served.until_ready("/health/live")
        began = time.time()
        turns = round((WARM_UP_S + seconds) * TURNS_PER_S)
        log = _log_steadily if part == PART else _log_by_client
        answers = await log(settings, served, turns)
        await _until_rows(services, turns, [served, *workers])
        span = await committed_rows(services, "messages")
        connection = await services.connect()
        try:
            p50, p99, slowest = await connection.fetchval(_READ_BACK, began + WARM_UP_S)
        finally:
            await connection.close()
    counted = len(answers.added_ms)
    added = quantiles(answers.added_ms, n=100, method="inclusive")
    run = run_of(part, OURS, span, [served], number)
    run.figures.update(
        added_p50_ms=round(added[49], 1),
        added_p99_ms=round(added[98], 1),
        added_max_ms=round(max(answers.added_ms), 1),
        taken_percent=round(answers.taken / counted * 100, 2),
        read_back_p50_ms=round(p50, 1),
        read_back_p99_ms=round(p99, 1),
        read_back_max_ms=round(slowest, 1),
    )
    return run


async def _log_steadily(settings: Settings, served: Contender, turns: int) -> _Answers:
    """Log turns, each when it is due, and wait for all answers."""
    answers = _Answers()
    headers = {"Authorization": f"Bearer {mint(settings.api, _PROGRAM, timedelta(hours=1))}"}
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{served.web_port}", connector=connector, headers=headers
    ) as session:
        began = time.time()

        async def log(number: int) -> None:
            due = began + number / TURNS_PER_S
            turn = {
                "turn_id": f"t{number}",
                "timestamp": round(due * 1000),
                "user_id": f"cust-{number % SESSIONS}",
                "user_message": _QUESTION,
                "ai_response": _ANSWER,
                "response_time_ms": 1,
                "mood": "worried",
                "model": "m",
            }
            path = f"/v1/sessions/s{number % SESSIONS}/turns"
            async with session.post(path, json=turn) as answer:
                await answer.read()
            if number >= WARM_UP_S * TURNS_PER_S:
                answers.added_ms.append((time.time() - due) * 1000)
                answers.taken += answer.status == HTTPStatus.ACCEPTED

        logging: list[asyncio.Task[None]] = []
        for number in range(turns):
            if (wait_s := began + number / TURNS_PER_S - time.time()) > 0:
                await asyncio.sleep(wait_s)
            logging.append(asyncio.create_task(log(number)))
        await asyncio.gather(*logging)
    return answers


async def _log_by_client(settings: Settings, served: Contender, turns: int) -> _Answers:
    """Tell the client of turns, each when it is due, and wait until all are sent."""
    answers = _Answers()
    token = mint(settings.api, _PROGRAM, timedelta(hours=1))
    async with AsyncChatLog(f"http://127.0.0.1:{served.web_port}", token=token, app="shop") as log:
        began = time.time()
        for number in range(turns):
            due = began + number / TURNS_PER_S
            if (wait_s := due - time.time()) > 0:
                await asyncio.sleep(wait_s)
            told = time.perf_counter()
            session = log.session(f"s{number % SESSIONS}", user_id=f"cust-{number % SESSIONS}", model="m")
            session.turn(_QUESTION, _ANSWER, response_time_ms=1, mood="worried")
            if number >= WARM_UP_S * TURNS_PER_S:
                answers.added_ms.append((time.perf_counter() - told) * 1000)
        await log.flush(_SETTLED_WITHIN_S)
        answers.taken = log.figures.sent - (turns - len(answers.added_ms))
    return answers


async def _until_rows(services: Services, turns: int, processes: list[Contender]) -> None:
    """Return when each turn is two rows, and sessions have counted it once."""
    connection = await services.connect()
    try:
        deadline = time.monotonic() + _SETTLED_WITHIN_S
        while True:
            rows = await connection.fetchval("SELECT count(*) FROM messages WHERE platform = 'assistant'")
            counted = await connection.fetchval("SELECT sum(total_messages) FROM assistant.chat_sessions")
            if (rows, counted) == (2 * turns, turns):
                return
            for one in processes:
                one.check()
            if time.monotonic() > deadline:
                raise DidNotFinish(
                    f"of {turns:,} turns there are {rows:,} rows, and sessions count {counted or 0:,}:\n"
                    + "".join(one.last_lines() for one in processes)
                )
            await asyncio.sleep(0.5)
    finally:
        await connection.close()
