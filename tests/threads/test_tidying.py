"""What threads need for a while only is forgotten, however much it is, in short transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.postgres.connections import create_pool
from app.threads import tidying
from app.threads.tidying import ThreadTidying
from tests.privacy.requests import as_the_api, rows_of
from tests.site.owners import execute

if TYPE_CHECKING:
    import pytest

    from app.settings import Settings

AT_ONCE = 10
_KEYS = (
    "INSERT INTO idempotency_keys (tenant_id, caller, key, digest, result, made) "
    "SELECT 'tenant-' || number % 3, 'c', number, '', gen_random_uuid(), now() - $2::text::interval "
    "FROM generate_series(1, $1::integer) AS number"
)
_EVENTS = (
    "INSERT INTO thread_events (tenant_id, learner_id, event_type, occurred, published) "
    "SELECT 'tenant-' || number % 3, 'l', 'CHAT_THREAD_UPDATED', moment, moment "
    "FROM generate_series(1, $1::integer) AS number, (SELECT now() - $2::text::interval) AS old (moment)"
)
_NO_MORE = (
    "CREATE FUNCTION no_more() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
    f"IF (SELECT count(*) FROM gone) > {AT_ONCE} THEN RAISE query_canceled; END IF; RETURN NULL; END$$"
)


async def test_what_is_old_is_forgotten_some_at_a_time(
    system: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "ROWS_AT_ONCE", AT_ONCE)
    for statement, old in ((_KEYS, "25 hours"), (_EVENTS, "8 days")):
        await execute(system, statement, 3 * AT_ONCE + 5, old)
    await execute(system, _KEYS.replace("'c'", "'fresh'"), 1, "23 hours")
    await execute(system, _EVENTS, 1, "6 days")
    await execute(system, _NO_MORE)
    for table in ("idempotency_keys", "thread_events"):
        await execute(
            system,
            f"CREATE TRIGGER no_more AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone "
            "FOR EACH STATEMENT EXECUTE FUNCTION no_more()",
        )
    pool = await create_pool(as_the_api(system).database)
    try:
        await ThreadTidying(pool).look()
    finally:
        await pool.close()
    left = await rows_of(
        system,
        "SELECT (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM thread_events), "
        "(SELECT max(caller) FROM idempotency_keys)",
    )
    assert [tuple(row) for row in left] == [(1, 1, "fresh")]
