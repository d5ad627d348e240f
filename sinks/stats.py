"""What a sink counts about itself, for the web views and metrics. Counters only grow."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

#: How many of the latest batches the percentiles are taken over.
WINDOW = 1000


@dataclass(slots=True)
class SinkStats:
    """Counters of one sink in one process, and its latest batches."""

    rows: int = 0
    duplicates: int = 0
    refused: int = 0
    #: Other messages than those that have their keys: lost to the table.
    key_conflicts: int = 0
    batches: int = 0
    write_seconds_total: float = 0.0
    #: `time.time()` of the last batch that was written; None before the first.
    last_write_at: float | None = None
    batch_sizes: deque[int] = field(default_factory=lambda: deque(maxlen=WINDOW))
    write_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def note_batch(
        self, size: int, rows: int, refused: int, seconds: float, *, key_conflicts: int = 0
    ) -> None:
        """Count one batch of `size` items: `rows` were new; refused ones and conflicts are dead letters."""
        self.rows += rows
        self.refused += refused
        self.key_conflicts += key_conflicts
        self.duplicates += size - rows - refused - key_conflicts
        self.batches += 1
        self.write_seconds_total += seconds
        self.last_write_at = time.time()
        self.batch_sizes.append(size)
        self.write_seconds.append(seconds)
