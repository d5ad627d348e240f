"""What the sink of chat_log counts, for Prometheus: all of it can be added over replicas."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

#: Sizes of batches, in entries: from a trickle to several times BATCH_MAX_ENTRIES.
BATCH_ENTRIES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1500, 2000, 5000, 10_000)
#: Of writes, in seconds: after DATABASE_TIMEOUT_S (15) a statement ends; waiting for PostgreSQL takes longer.
WRITE_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)


class ChatLogFigures:
    """Counters and histograms of one sink; each says what it is. The last write is NaN before the first.

    Args:
        registry: what is asked for the figures; None where nobody asks.
    """

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self.rows = Counter("chatlog_rows", "Rows added to chat_log.", registry=registry)
        self.duplicates = Counter(
            "chatlog_duplicates", "Entries whose row was there already.", registry=registry
        )
        self.refused = Counter(
            "chatlog_refused", "Entries that PostgreSQL refused for their content.", registry=registry
        )
        self.key_conflicts = Counter(
            "chatlog_key_conflicts",
            "Entries whose userid, timestamp and direction another message has: they have no row.",
            registry=registry,
        )
        self.batch_entries = Histogram(
            "chatlog_batch_entries", "Entries of a batch.", registry=registry, buckets=BATCH_ENTRIES
        )
        self.write_s = Histogram(
            "chatlog_write_duration_seconds",
            "How long a batch took to write, waiting for PostgreSQL included.",
            registry=registry,
            buckets=WRITE_S,
        )
        self.last_write = Gauge(
            "chatlog_last_write_timestamp_seconds", "When a batch was last written.", registry=registry
        )
        self.last_write.set(math.nan)

    def note_batch(self, size: int, rows: int, refused: int, key_conflicts: int, seconds: float) -> None:
        """Count one batch of `size` entries: `rows` were new; refused ones and conflicts are dead letters."""
        self.rows.inc(rows)
        self.refused.inc(refused)
        self.key_conflicts.inc(key_conflicts)
        self.duplicates.inc(size - rows - refused - key_conflicts)
        self.batch_entries.observe(size)
        self.write_s.observe(seconds)
        self.last_write.set_to_current_time()
