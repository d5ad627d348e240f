"""What is remembered of threads is never wrong, and a Redis that is away costs no answer."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import SecretStr
from redis.asyncio import Redis

from app.postgres.connections import create_pool
from app.redis import redis_pool
from app.threads.heads import ThreadHeads
from models.access import CallerRole
from tests.services import changed
from tests.site.fixtures import serve
from tests.threads.asking import THREADS_AT, Asking

if TYPE_CHECKING:
    import pytest

    from app.settings import Settings
    from tests.services import RedisServer


async def test_replicas_remember_together_and_forget_what_is_deleted(
    system: Settings, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    shared = changed(system, redis_url=SecretStr(redis.url), rate_limit_caller=None, rate_limit_address=None)
    async with serve(shared) as one, serve(shared) as two:
        here, there = (Asking(client, shared, "acme") for client in (one, two))
        thread = await here.thread("l1")
        await there.say(thread, "by another")
        assert await here.said(thread) == await there.said(thread) == ["by another"]
        pool = await create_pool(shared.database)
        try:
            # PostgreSQL is not asked by who finds it in Redis.
            fresh = ThreadHeads(pool, redis_pool(shared.limits))
            await pool.execute("ALTER TABLE conversations RENAME TO away")
            head = await fresh.find("acme", UUID(thread))
            await pool.execute("ALTER TABLE away RENAME TO conversations")
            assert head is not None
            assert (head.tenant, head.learner) == ("acme", "l1")
            assert await fresh.find("north", UUID(thread)) is None
        finally:
            await pool.close()
        assert (
            await there.as_(CallerRole.TEACHER, "l2").ask("GET", f"{THREADS_AT}/{thread}")
        ).status_code == 404

        # The other replica remembers it, and says what is so.
        await here.ask("DELETE", f"{THREADS_AT}/{thread}")
        for method, path in (("GET", ""), ("GET", "/messages"), ("DELETE", "")):
            assert (await there.ask(method, f"{THREADS_AT}/{thread}{path}")).status_code == 404
        assert (await there.post(thread, content="late")).status_code == 404

        second = await here.thread("l1")
        await redis.kill()
        await there.say(second, "without Redis")
        assert await there.said(second) == ["without Redis"]
        assert (await here.ask("DELETE", f"{THREADS_AT}/{second}")).status_code == 204
        assert "Redis does not remember threads" in caplog.text


async def test_none_is_remembered_for_longer_than_an_hour_by_whichever_way(
    acme: Asking, system: Settings, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = changed(system, redis_url=SecretStr(redis.url)).limits
    thread = UUID(await acme.thread("l1"))
    now_s = time.monotonic()
    monkeypatch.setattr("app.threads.heads.time", SimpleNamespace(monotonic=lambda: now_s))
    pool, client = await create_pool(system.database), Redis.from_url(redis.url)
    try:
        first, second = (ThreadHeads(pool, redis_pool(shared)) for _ in range(2))
        assert await first.find("acme", thread) is not None
        # It is the 59th minute.
        [name] = await client.keys("chatlog:thread:*")
        await client.pexpire(name, 60_000)
        assert await second.find("acme", thread) is not None
        await client.delete(name)
        await acme.ask("DELETE", f"{THREADS_AT}/{thread}")
        now_s += 55
        assert await second.find("acme", thread) is not None
        now_s += 10
        assert await second.find("acme", thread) is None
        assert await first.find("acme", thread) is not None
        now_s += 3600
        assert await first.find("north", thread) is None
        assert not first._here
    finally:
        await client.aclose()
        await pool.close()
