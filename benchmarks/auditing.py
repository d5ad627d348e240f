"""An audit log → conversations and messages, by `chatlog backfill audits`: once, and again when all is there.

Audits of 100,000 leads within a year, each of whom talks for three days; and then of leads who all talk the
whole year, so that every batch has messages of nearly as many conversations: the worst case for what is kept
of each. Nothing else is done like this, so that there is nobody to compare to.
"""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING

import psutil

from benchmarks.measuring import Run
from benchmarks.processes import Watch, command
from models.ids import message_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.plan import Size
    from benchmarks.services import Services

PART, FIRST, AGAIN, AT_ONCE = "audits", "chatlog", "chatlog again", "chatlog at once"
#: A lead for so many audits.
AUDITS_A_LEAD = 10
_DAY_S = 24 * 60 * 60
_YEAR_S = 365 * _DAY_S
#: How long a lead talks.
_TALK_S = 3 * _DAY_S
_BEGAN_S = 1_730_000_000
#: The slowest machine took a thousand a second.
_SLOWEST_PER_S = 500
_ACTORS = ("customer", "agent", "customer", "agent", "system", "tool")
_WORDS = (
    "hello need a quote for my car insurance when will it be there please call me back the price is good "
    "thanks appointment tomorrow confirm policy renew address"
)
#: As the document asks for words.
_ASK = """
    EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM crm."Message"
    WHERE to_tsvector('english', COALESCE(content, '')) @@ plainto_tsquery('english', 'zebra')
"""


async def compare(services: Services, size: Size, note: Callable[[Run], None]) -> None:
    """Take a log into empty tables, and then once more; and into empty tables one of leads who talk at once.

    Args:
        services: with PostgreSQL.
        size: how many audits.
        note: told of each run.
    """
    directory = services.directory / "audits"
    directory.mkdir()
    for talk_s, names in ((_TALK_S, (FIRST, AGAIN)), (_YEAR_S, (AT_ONCE,))):
        _write_log(directory, size.audits, talk_s)
        await services.empty_tables()
        for name in names:
            note(await _measure(services, name, directory, size.audits))


async def _measure(services: Services, name: str, directory: Path, audits: int) -> Run:
    arguments = ("backfill", "audits", "--source", str(directory))
    connection = await services.connect()
    server = Watch(psutil.Process(await connection.fetchval("SELECT pg_backend_pid()")).ppid())
    try:
        began = time.time()
        async with command(arguments, services.settings, services.directory) as contender:
            await contender.finished(audits / _SLOWEST_PER_S)
            ended = time.time()
            cpu_s = contender.samples[-1].cpu_s
            peak_mb = contender.peak_mb()
        # As autovacuum does within minutes, which is off here.
        await connection.execute("VACUUM ANALYZE messages")
        there = await connection.fetchval("SELECT count(*) FROM messages WHERE platform = 'crm'")
        (plan,) = json.loads(await connection.fetchval(_ASK))
    finally:
        server.end()
        await connection.close()
    if there != audits:
        raise AssertionError(f"{there:,} of {audits:,} audits are messages; mend it")
    return Run(
        PART,
        name,
        audits,
        round(audits / (ended - began)),
        round(cpu_s / audits * 1000, 5),
        round(peak_mb, 1),
        0,
        {
            "seconds": round(ended - began, 1),
            "postgres_cpu_ms_per_1000": round(server.cpu_s(began, ended) / audits * 1e6, 1),
            "words_ms": round(plan["Execution Time"], 2),
        },
    )


def _write_log(directory: Path, audits: int, talk_s: int) -> None:
    """Write leads and audits; of every 100,000 messages one says what is asked for.

    Args:
        directory: where to.
        audits: how many.
        talk_s: how long a lead talks, of a year.
    """
    chance = random.Random(1)  # noqa: S311  the same log each time
    words = _WORDS.split()
    leads = max(audits // AUDITS_A_LEAD, 1)
    began = [_BEGAN_S + chance.randrange(_YEAR_S - talk_s + 1) for _ in range(leads)]
    said_by = (chance.randrange(leads) for _ in range(audits))
    told = sorted((began[lead] + chance.randrange(talk_s), lead) for lead in said_by)
    with (directory / "leads.jsonl").open("w", encoding="utf-8") as file:
        for number in range(leads):
            file.write(f"{json.dumps(_lead(number))}\n")
    with (directory / "audits.jsonl").open("w", encoding="utf-8") as file:
        for number, (at_s, lead) in enumerate(told):
            said = " ".join(chance.choices(words, k=chance.randint(4, 24)))
            audit = {
                "id": message_source("benchmark", str(number)),
                "leadId": f"lead-{lead}",
                "actor": chance.choice(_ACTORS),
                "action": "message_received",
                "createdAt": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at_s)),
                "payload": {"text": said if number % 100_000 else "zebra"},
            }
            file.write(f"{json.dumps(audit)}\n")


def _lead(number: int) -> dict[str, str | None]:
    return {
        "id": f"lead-{number}",
        "customerId": f"customer-{number}",
        "channel": ("messenger", "whatsapp", "web")[number % 3],
        "messengerPsid": f"psid-{number}" if number % 2 else None,
        "phone": f"+4479{number:08}",
        "stage": "done",
        "createdAt": "2024-10-01T00:00:00.000Z",
    }
