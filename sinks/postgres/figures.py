"""What sinks count, for Prometheus: all of it can be added over replicas."""

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


class MessageFigures:
    """Counters and histograms of the sinks of messages, which are told apart by their platform.

    Args:
        registry: what is asked for the figures; None where nobody asks.
    """

    def __init__(self, registry: CollectorRegistry | None) -> None:
        by_platform = ["platform"]
        self.rows = Counter("chatlog_message_rows", "Rows added to messages.", by_platform, registry=registry)
        self.duplicates = Counter(
            "chatlog_message_duplicates",
            "Messages whose row was there already.",
            by_platform,
            registry=registry,
        )
        self.changes = Counter(
            "chatlog_message_changes",
            "Edits, deletions, clears, presences and feedback that were kept.",
            ["platform", "kind"],
            registry=registry,
        )
        self.refused = Counter(
            "chatlog_message_refused",
            "Records of messages that PostgreSQL refused for their content.",
            by_platform,
            registry=registry,
        )
        self.records_read = Counter(
            "chatlog_message_records_read",
            "Records of messages of which everything is safe.",
            by_platform,
            registry=registry,
        )
        self.batch_records = Histogram(
            "chatlog_message_batch_records",
            "Records of a batch.",
            by_platform,
            registry=registry,
            buckets=BATCH_ENTRIES,
        )
        self.write_s = Histogram(
            "chatlog_message_write_duration_seconds",
            "How long a batch took to write, waiting for PostgreSQL included.",
            by_platform,
            registry=registry,
            buckets=WRITE_S,
        )
        self.last_write = Gauge(
            "chatlog_message_last_write_timestamp_seconds",
            "When a batch was last written.",
            by_platform,
            registry=registry,
        )

    def start_from_zero(self, platform: str) -> None:
        """Have the figures of a platform: of a counter that begins at 1, Prometheus misses the first step."""
        for counter in (self.rows, self.duplicates, self.refused, self.records_read):
            counter.labels(platform)
        self.last_write.labels(platform).set(math.nan)

    def note_batch(self, platform: str, size: int, refused: int, seconds: float) -> None:
        """Count a batch of `size` records of a platform."""
        self.refused.labels(platform).inc(refused)
        self.batch_records.labels(platform).observe(size)
        self.write_s.labels(platform).observe(seconds)
        self.last_write.labels(platform).set_to_current_time()
