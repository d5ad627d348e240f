"""The figures of several replicas, added as Prometheus adds them, are what was done."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

from app.kafka.topics import topics_of
from app.postgres.connections import connect
from app.settings import Role
from app.worker.watch.figures import quantile
from models.entries import ChatLogEntry, Direction, encode_entry
from sinks.postgres.figures import BATCH_ENTRIES
from tests.looking import get, metrics, ready
from tests.services import eventually
from tests.workers import count, produce

if TYPE_CHECKING:
    from typing import TypeAlias

    from app.settings import Settings
    from tests.workers import WorkerProcess, Workers

    #: A name, and then the labels.
    Sample: TypeAlias = tuple[object, ...]

USERS, WAVES = 40, 5
STRANGE = 3


async def test_the_figures_of_two_replicas_add_up_to_what_was_done(
    system: Settings, workers: Workers
) -> None:
    replicas = [workers.start(Role.PERSIST), workers.start(Role.PERSIST)]
    await eventually(lambda: share_the_topic(system, replicas))
    for wave in range(WAVES):
        records = [(b"user-%d" % user, encode_entry(entry(user, wave))) for user in range(USERS)]
        await produce(system, topics_of(system.topology).chat_log.name, records)
        await eventually(lambda: has_rows(system, (wave + 1) * USERS))  # noqa: B023  awaited here
    await produce(system, topics_of(system.topology).chat_log.name, [(b"u", b"no JSON")] * STRANGE)

    each, added = await eventually(lambda: all_read(replicas))

    assert all(figures["chatlog_rows_total",] > 0 for figures in each)
    assert added["chatlog_rows_total",] == WAVES * USERS
    assert added["chatlog_records_read_total",] == WAVES * USERS + STRANGE
    assert added["chatlog_dead_letters_total", ("reason", "not_json")] == STRANGE
    assert added["chatlog_duplicates_total",] == added["chatlog_refused_total",] == 0
    sizes = await batches(system)
    assert added["chatlog_batch_entries_count",] == len(sizes)
    assert added["chatlog_batch_entries_sum",] == sum(sizes)
    assert added["chatlog_write_duration_seconds_count",] == len(sizes)
    for rank in (0.5, 0.95, 0.99):
        lower, upper = bucket_of(sizes[math.ceil(rank * len(sizes)) - 1])
        assert lower <= quantile(rank, buckets(added, "chatlog_batch_entries")) <= upper


def entry(user: int, wave: int) -> ChatLogEntry:
    return ChatLogEntry(
        f"user-{user}", None, 1_760_000_000_000 + wave, Direction.USER, "", None, None, None, "text", None, {}
    )


async def share_the_topic(system: Settings, replicas: list[WorkerProcess]) -> bool:
    topic = topics_of(system.topology).chat_log.name
    for replica in replicas:
        await ready(replica)
        assignment = (await get(replica, "/api/overview")).json["assignment"]
        assert len(assignment.get(topic, [])) == system.topology.topic_partitions / len(replicas), assignment
    return True


async def has_rows(system: Settings, rows: int) -> bool:
    return await count(system) == rows


async def all_read(
    replicas: list[WorkerProcess],
) -> tuple[list[Counter[Sample]], Counter[Sample]]:
    """Return the figures of each replica and their sum, once together they have read all."""
    each = [flat(await metrics(replica)) for replica in replicas]
    added: Counter[Sample] = Counter()
    for figures in each:
        added.update(figures)
    assert added["chatlog_records_read_total",] == WAVES * USERS + STRANGE
    return each, added


def flat(scraped: dict[str, dict[tuple[tuple[str, str], ...], float]]) -> Counter[Sample]:
    """Return samples by their name and labels in one."""
    figures: Counter[Sample] = Counter()
    for name, samples in scraped.items():
        figures.update({(name, *labels): value for labels, value in samples.items()})
    return figures


async def batches(system: Settings) -> list[int]:
    """Return how many rows each transaction wrote, fewest first: every batch is one."""
    connection = await connect(system.database)
    try:
        rows = await connection.fetch(
            "SELECT count(*) AS size FROM chat_log GROUP BY xmin::text ORDER BY size"
        )
    finally:
        await connection.close()
    return [row["size"] for row in rows]


def buckets(added: Counter[Sample], name: str) -> dict[float, float]:
    """Return how many values are not above each bound, the bounds ascending."""
    found = {
        float(key[1][1]): value
        for key, value in added.items()
        if key[0] == f"{name}_bucket" and isinstance(key[1], tuple)
    }
    return dict(sorted(found.items()))


def bucket_of(size: int) -> tuple[int, int]:
    """Return the bounds of the bucket that a batch of this size is in."""
    above = bisect_left(BATCH_ENTRIES, size)
    return (BATCH_ENTRIES[above - 1] if above else 0), BATCH_ENTRIES[above]
