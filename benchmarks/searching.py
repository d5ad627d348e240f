"""Search on 10 million messages of 24 months: how long a page takes, and what its indexes cost the writer.

What is measured is what the API waits for: the service with its scope, its windows and its highlights. Each
search runs again and again on one connection, warm; the wall time is told, and the CPU time of the backend,
which is the same on a machine that is busy.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from app.maintenance.pieces import Pieces
from app.postgres.connections import create_pool
from app.search.service import Search
from benchmarks import said
from benchmarks.measuring import Run
from benchmarks.rounds import in_turn
from benchmarks.tables import percentile
from models.access import Caller, CallerRole
from models.reading import EVERYTHING, MessageFilter
from sinks.postgres.searching import Order
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import asyncpg

    from benchmarks.plan import Size
    from benchmarks.services import Services

    Connection = asyncpg.Connection[asyncpg.Record]

PART, WRITING = "search", "search writing"
WITH, WITHOUT = "with pieces", "without"
_OWNER = "owner@example.org"
_OPERATOR = Caller("operator@example.org", roles=frozenset({CallerRole.OPERATOR}))
MONTHS = 24
PAGE = 50
#: Of `make_said`: in every tenth message, every hundredth, one of 100,000, none.
_WORDS = {"10 %": "clinic", "1 %": "refund", "0.001 %": "zanzibar", "none": "nobodysaidthis"}
_BATCH, _BATCHES = 1_000, 50
_SQL = statements("said", "benchmarks.sql")
_INSERT = statements("chat_log").insert_entries


@dataclass(frozen=True, slots=True)
class _Asked:
    """A search: who asks, what for, and among what."""

    name: str
    typed: str
    caller: Caller = _OPERATOR
    wanted: MessageFilter = EVERYTHING
    order: Order = Order.NEWEST


def _all_asked() -> list[_Asked]:
    of_survey = MessageFilter(survey="Health of all")
    of_channel = MessageFilter(platform="twitch", channel="700007919")
    asked = [_Asked(name, word) for name, word in _WORDS.items()]
    asked += [_Asked(f"{name}, a survey", word, Caller(_OWNER), of_survey) for name, word in _WORDS.items()]
    asked += [_Asked(f"{name}, a channel", word, wanted=of_channel) for name, word in _WORDS.items()]
    of_person = replace(of_channel, channel=None, person="20000001")
    return [
        *asked,
        _Asked("1 %, a person", "refund", wanted=of_person),
        _Asked("Arabic", "لقاح"),
        _Asked("Hindi", "बुखार"),
        _Asked("Swahili", "chanjo"),
        _Asked("Chinese", "疫苗"),
        _Asked("Thai", "วัคซีน"),
        _Asked("beginning of a word", "vac*"),
        _Asked("words in a row", '"the health"'),
        _Asked("one without the other", "refund -clinic"),
        _Asked("1 %, by rank", "refund", order=Order.RANK),
    ]


async def compare(services: Services, size: Size, note: Callable[[Run], None]) -> None:
    """Fill the tables, search them, write to them with indexes of words and without, and empty them.

    Args:
        services: with PostgreSQL.
        size: how many messages, how often each is searched for, and how often is written.
        note: told of each run.
    """
    await services.empty_tables()
    await said.fill(services.connect, size.search_rows, months=MONTHS, owner=_OWNER, say=lambda _: None)
    connection = await services.connect()
    try:
        await connection.execute("VACUUM (ANALYZE)")
        await Pieces(connection, datetime.now(UTC), lambda _: None).bring_up_to_date()
        await _search(services, size, note)
        for number in range(size.rounds):
            for contender in in_turn((WITH, WITHOUT), number):
                note(await _write(connection, contender, number))
    finally:
        await connection.close()
    await services.empty_tables()


def p99_ms(runs: Iterable[Run]) -> float | None:
    """Return the slowest search: 99 of 100 of its kind took no longer."""
    return max((run.figures["p99_ms"] for run in runs if run.part == PART), default=None)


async def _search(services: Services, size: Size, note: Callable[[Run], None]) -> None:
    pool = await create_pool(
        services.settings.database, application_name="benchmarks", min_size=1, max_size=1
    )
    try:
        search = Search(pool)
        pid: int = await pool.fetchval("SELECT pg_backend_pid()")
        for asked in _all_asked():
            note(await _measure(search, asked, size, pid))
    finally:
        pool.terminate()


async def _measure(search: Search, asked: _Asked, size: Size, pid: int) -> Run:
    times_ms: list[float] = []
    cpu_ms: list[float] = []
    hits = 0
    # The first warms what the others find in memory.
    for number in range(size.searches + 1):
        cpu_before, began = _cpu_s(pid), time.perf_counter()
        found = await search.find(asked.caller, asked.typed, asked.wanted, order=asked.order, limit=PAGE)
        if number:
            times_ms.append((time.perf_counter() - began) * 1000)
            cpu_ms.append((_cpu_s(pid) - cpu_before) * 1000)
        hits = len(found.hits)
    return Run(
        PART,
        asked.name,
        size.search_rows,
        round(1000 / median(times_ms)),
        round(median(cpu_ms), 5),
        0.0,
        0,
        {
            "hits": hits,
            "p50_ms": round(percentile(times_ms, 50), 1),
            "p99_ms": round(percentile(times_ms, 99), 1),
            "cpu_p50_ms": round(percentile(cpu_ms, 50), 1),
            "cpu_p99_ms": round(percentile(cpu_ms, 99), 1),
        },
    )


async def _write(connection: Connection, contender: str, number: int) -> Run:
    """Write batches of new messages to this month, whose other days have their indexes or have none.

    All is rolled back, the indexes that are dropped for it, too.
    """
    transaction = connection.transaction()
    await connection.execute("CHECKPOINT")
    await transaction.start()
    try:
        if contender == WITHOUT:
            for name in await connection.fetch(_SQL.pieces_of_this_month):
                await connection.execute(f"DROP INDEX {name[0]}")
        batches = [await connection.fetchval(_SQL.batch, batch * _BATCH, _BATCH) for batch in range(_BATCHES)]
        pid = connection.get_server_pid()
        cpu_before, began = _cpu_s(pid), time.perf_counter()
        for batch in batches:
            await connection.execute(_INSERT, batch)
        took_s, cpu_s = time.perf_counter() - began, _cpu_s(pid) - cpu_before
    finally:
        await transaction.rollback()
    rows = _BATCH * _BATCHES
    return Run(
        WRITING,
        contender,
        rows,
        # By CPU: beside a busy neighbour, the clock on the wall says little.
        round(rows / cpu_s),
        round(cpu_s / rows * 1000, 5),
        0.0,
        number,
        {"seconds": round(took_s, 3)},
    )


def _cpu_s(pid: int) -> float:
    """Return how long a process has run on a core."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
