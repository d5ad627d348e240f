"""The first page: each sees of what goes on what they may, and what to do where nothing does yet."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from unittest.mock import AsyncMock
from zoneinfo import ZoneInfo

import pytest

from app.maintenance.pieces import Pieces
from app.overview.service import hours_of_today
from app.postgres.connections import connect, create_pool
from app.privacy import erasing
from models.access import Caller, CallerRole
from models.ids import conversation_key
from tests.sinks.postgres.message_records import settler_on
from tests.site.fixtures import serve
from tests.site.owners import ANA, BEN, OF_ANA, OF_BEN, SHARED_NAME, add_export, execute, fetch_value
from tests.site.visitor import Visitor, text_of

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

#: Far more than anybody counts while a page waits.
_MANY = 10_000_000
_SUM = """
    INSERT INTO figure_hours
        (timestamp, platform, channel, surveyid, role, messages, weight, squares, mirrors)
    SELECT date_trunc('hour', now(), 'UTC') - $1 * interval '1 hour', 'messenger', 'page', surveys.id,
           'user', $2::bigint, $2::bigint, $2::bigint, 0
    FROM surveys JOIN users ON users.id = surveys.userid WHERE email = $3 LIMIT 1
"""
_SAY = """
    INSERT INTO chat_log (userid, pageid, timestamp, direction, content, shortcode, surveyid)
    SELECT $2, 'page', now() - interval '1 minute', 'user', $3, shortcode, surveys.id
    FROM surveys JOIN users ON users.id = surveys.userid WHERE email = $1 LIMIT 1
"""


@pytest.mark.parametrize(
    ("moment", "zone", "hours"),
    [
        ("2026-11-30T00:10:00+00:00", "UTC", 1),
        ("2026-11-30T12:10:00+00:00", "UTC", 13),
        ("2026-11-30T12:10:00+00:00", "Africa/Lagos", 14),
        ("2026-11-30T12:10:00+00:00", "America/New_York", 8),
        ("2026-11-30T18:40:00+00:00", "Asia/Kolkata", 1),
        ("2026-10-25T22:30:00+00:00", "Europe/Berlin", 24),
    ],
)
def test_today_is_counted_from_the_readers_midnight(moment: str, zone: str, hours: int) -> None:
    assert hours_of_today(datetime.fromisoformat(moment).astimezone(UTC), ZoneInfo(zone)) == hours


async def sum_up(settings: Settings) -> None:
    """Do what a persist worker does every ten seconds."""
    pool = await create_pool(settings.database, min_size=0)
    await settler_on(pool).settle()
    pool.terminate()


async def test_an_owner_sees_their_own_and_nothing_of_another(ana: Visitor) -> None:
    await execute(ana.settings, _SAY, ANA, "ana-1", "Said to Ana <b>")
    await execute(ana.settings, _SAY, BEN, "ben-1", "Said to Ben")
    await sum_up(ana.settings)
    await add_export(ana.settings, ANA, status="Writing")
    await add_export(ana.settings, BEN, survey_id="Ben's secret", status="Writing")

    page = await ana.get("/")

    said = text_of(page)
    assert "Said to Ana &lt;b&gt;" in page.text
    assert "Messages per hour 1" in said
    assert "Talking now 1" in said
    assert "Exports under way 1" in said
    assert "Ben" not in said
    (noted,) = await fetch_value(
        ana.settings, "SELECT array_agg(subject) FROM access_log WHERE action = 'read_messages'"
    )
    assert json.loads(noted) == {"conversations": [conversation_key("messenger", "page", "ana-1")]}


async def test_how_much_was_said_is_told_from_sums_of_what_one_may_read(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await execute(system, _SUM, 0, _MANY, ANA)
    await execute(system, _SUM, 0, 7, BEN)
    await execute(system, _SUM, 25, 1, ANA)
    for caller, told in (
        (Caller(ANA), "10,000,000"),
        (Caller(BEN), "7"),
        (Caller("op@example.org", roles=frozenset({CallerRole.OPERATOR})), "10,000,007"),
        (
            Caller(
                "op@example.org",
                roles=frozenset({CallerRole.OPERATOR}),
                scope=frozenset({"platform:twitch"}),
            ),
            "0",
        ),
    ):
        visitor = Visitor(client, system)
        await visitor.sign_in(caller=caller)
        assert f"Messages per hour {told} this hour" in text_of(await visitor.get("/")), caller


async def test_exports_that_failed_or_come_to_no_end_are_told_to_who_may_see_them(
    client: httpx.AsyncClient, system: Settings
) -> None:
    now = datetime.now(UTC)
    before, long_ago = now - timedelta(minutes=12), now - timedelta(days=4)
    await add_export(system, ANA, status="Failed", reason="Kiwi <b> is full.", survey_id=OF_ANA)
    # Nobody's trouble: ended by its owner, of last week, asked for again since.
    await add_export(system, ANA, status="Failed", cancelled=now, survey_id="cancelled")
    await add_export(
        system, ANA, status="Failed", created=long_ago, updated=long_ago, survey_id="of last week"
    )
    await add_export(system, ANA, status="Failed", created=before, survey_id=SHARED_NAME)
    await add_export(system, ANA, status="Finished", created=now, finished=now, survey_id=SHARED_NAME)
    await add_export(system, ANA, status="Writing", survey_id="under way", attempt=1)
    await add_export(system, BEN, status="Started", created=before, updated=before, survey_id=OF_BEN)
    for number in range(2):
        await add_export(system, BEN, status="Writing", attempt=3, survey_id=f"Begun {number}", updated=now)
    seen = {}
    for caller in (
        Caller(ANA),
        Caller(BEN),
        Caller("op@example.org", roles=frozenset({CallerRole.OPERATOR})),
        Caller("dpo@example.org", roles=frozenset({CallerRole.COMPLIANCE})),
    ):
        visitor = Visitor(client, system)
        await visitor.sign_in(caller=caller)
        page = await visitor.get("/")
        said = text_of(page)
        told = {
            "failed": f"The export of \u2068{OF_ANA}\u2069 failed: Kiwi <b> is full. Mend what" in said,
            "waits": f"The export of \u2068{OF_BEN}\u2069 waits, and for 12 min" in said,
            "again": "is made for the 3rd time: the worker before did not end it. So it is with 1 other."
            in said,
        }
        seen[caller.email] = {trouble for trouble, is_told in told.items() if is_told}
        assert ("/exports/list?state=Failed" in page.text) == (caller.email in (ANA, "dpo@example.org"))
        assert "of last week\u2069 failed" not in said
        assert f"{SHARED_NAME}\u2069 failed" not in said

    assert seen == {
        ANA: {"failed"},
        BEN: {"waits", "again"},
        "op@example.org": set(),
        "dpo@example.org": {"failed", "waits", "again"},
    }


async def test_learners_who_wait_long_to_be_erased_are_told_to_who_may_erase_all(
    system: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing.Erasures, "look", AsyncMock())
    await execute(
        system,
        "INSERT INTO chat_deletion_logs (tenant_id, learner_id, status, requested_by, requested) "
        "VALUES ('default', 'l1', 'running', 'x', now() - interval '2 hours'), "
        "('acme', 'l1', 'running', 'x', now() - interval '3 hours')",
    )
    said = {}
    async with serve(system) as client:
        for role in (CallerRole.COMPLIANCE, CallerRole.ADMIN, CallerRole.OPERATOR, CallerRole.OWNER):
            visitor = Visitor(client, system)
            await visitor.sign_in(caller=Caller(f"{role}@example.org", roles=frozenset({role})))
            said[role] = "A learner waits to be erased, and for 2 h" in text_of(await visitor.get("/"))
    assert said == {
        CallerRole.COMPLIANCE: True,
        CallerRole.ADMIN: True,
        CallerRole.OPERATOR: False,
        CallerRole.OWNER: False,
    }


async def test_what_search_lacks_is_told_to_who_sees_the_system_until_it_is_made(
    client: httpx.AsyncClient, system: Settings
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=400)
    await execute(
        system,
        "INSERT INTO chat_log (userid, timestamp, direction, content) VALUES ('1', $1, 'user', 'hi')",
        long_ago,
    )
    lacks = "No index of words is of chat_log_default: search reads them as a whole. Run it, as the owner"
    seen = {}
    for role in (CallerRole.OPERATOR, CallerRole.OWNER):
        visitor = Visitor(client, system)
        await visitor.sign_in(caller=Caller(ANA, roles=frozenset({role})))
        seen[role] = lacks in text_of(await visitor.get("/"))
        if role is CallerRole.OPERATOR:
            assert lacks in text_of(await visitor.get("/system"))
            await bring_up_to_date(system)
            assert lacks not in text_of(await visitor.get("/"))

    assert seen == {CallerRole.OPERATOR: True, CallerRole.OWNER: False}


async def bring_up_to_date(settings: Settings) -> None:
    """Do what `chatlog maintain` does."""
    connection = await connect(settings.database)
    await Pieces(connection, datetime.now(UTC), lambda _: None).bring_up_to_date()
    await connection.close()


async def test_where_nothing_was_said_the_page_says_what_to_do(
    client: httpx.AsyncClient, system: Settings
) -> None:
    visitor = Visitor(client, system)
    await visitor.sign_in(caller=Caller("new@example.org", roles=frozenset({CallerRole.ADMIN})))

    said = text_of(await visitor.get("/"))

    assert "Nothing was said yet" in said
    assert "chatlog worker capture" in said


async def test_who_may_read_nothing_sees_where_to_go(client: httpx.AsyncClient, system: Settings) -> None:
    await execute(system, _SAY, ANA, "ana-1", "Said to Ana")
    await sum_up(system)
    visitor = Visitor(client, system)
    await visitor.sign_in(caller=Caller("dpo@example.org", roles=frozenset({CallerRole.COMPLIANCE})))

    said = text_of(await visitor.get("/"))

    assert "Messages per hour 1" in said
    assert "Said to Ana" not in said
    assert "Where to go" in said
