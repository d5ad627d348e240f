"""The idiom of the guides: `stream.take`, decode, `executemany` with ON CONFLICT DO NOTHING.

Tuned: uvloop, 1,000 a batch, the same validation as ours. It promises less: `take` acknowledges a batch whose
write failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from app.kafka.topics import groups_of, topics_of
from app.settings import load_settings
from benchmarks.contenders.idiom import app_of, run
from benchmarks.contenders.rows import COLUMNS, row_of
from models.entries import decode_entry

if TYPE_CHECKING:
    from faust.types import StreamT

BATCH = 1_000
WITHIN_S = 0.05
INSERT = f"""
    INSERT INTO chat_log ({", ".join(COLUMNS)})
    VALUES ({", ".join(f"${number + 1}" for number in range(len(COLUMNS)))})
    ON CONFLICT (userid, timestamp, direction) DO NOTHING
"""  # noqa: S608  the names are our own

settings = load_settings()
app = app_of(groups_of(settings.topology).persist, settings)


@app.agent(app.topic(topics_of(settings.topology).chat_log.name, value_type=bytes))
async def persist(entries: StreamT[bytes]) -> None:
    """Write entries, a batch at a time."""
    async with asyncpg.create_pool(settings.database.require_url(), min_size=1, max_size=4) as pool:
        async for batch in entries.take(BATCH, within=WITHIN_S):
            await pool.executemany(INSERT, [row_of(decode_entry(raw)) for raw in batch])


if __name__ == "__main__":
    run(app)
