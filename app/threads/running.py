"""What a process does of threads: built when it starts, and ended with it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from app.threads.heads import ThreadHeads
from app.threads.messages import ThreadMessages
from app.threads.posts import PostWriter
from app.threads.service import LearnerThreads
from app.threads.serving import ThreadServices
from app.threads.telling import Telling
from app.threads.tidying import ThreadTidying
from app.threads.watching import WatchedThreads
from models.access import THREADS
from sinks.postgres.partitions import keep_message_partitions_ahead

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg
    from redis.asyncio import ConnectionPool

    from app.outbox import Outbox
    from app.settings.threads import ThreadSettings


@asynccontextmanager
async def open_threads(
    settings: ThreadSettings,
    pool: asyncpg.Pool[asyncpg.Record],
    redis: ConnectionPool | None,
    outbox: Outbox,
) -> AsyncIterator[ThreadServices]:
    """Give what routes and pages work with, until the end of the block.

    Args:
        settings: how much threads hold.
        pool: connections as the role of the API.
        redis: what replicas share; None for nothing.
        outbox: sends what is told.
    """
    telling = Telling(outbox)
    threads = LearnerThreads(pool, ThreadHeads(pool, redis), telling)
    at_most = settings.max_messages_per_thread
    writer = PostWriter(pool, at_most, telling)
    messages = ThreadMessages(pool, threads, writer, at_most)
    # Where nothing else runs, nobody else makes the months that messages go to.
    partitions = asyncio.create_task(keep_message_partitions_ahead(pool, [THREADS]), name="partitions")
    try:
        async with WatchedThreads(pool, threads) as watched, ThreadTidying(pool):
            telling.watched = watched
            yield ThreadServices(threads, messages, watched)
    finally:
        await writer.stop()
        telling.stop()
        partitions.cancel()
        with suppress(asyncio.CancelledError):
            await partitions
