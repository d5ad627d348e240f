"""The first page: each sees of what goes on what they may, and what to do where nothing does yet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from app.overview.service import hours_of_today
from models.access import Caller, CallerRole
from tests.site.owners import ANA, BEN, add_export, execute, fetch_value
from tests.site.visitor import Visitor, text_of

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

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


async def test_an_owner_sees_their_own_and_nothing_of_another(ana: Visitor) -> None:
    await execute(ana.settings, _SAY, ANA, "ana-1", "Said to Ana <b>")
    await execute(ana.settings, _SAY, BEN, "ben-1", "Said to Ben")
    await add_export(ana.settings, ANA, status="Writing")
    await add_export(ana.settings, BEN, survey_id="Ben's secret", status="Writing")

    page = await ana.get("/")

    said = text_of(page)
    assert "Said to Ana &lt;b&gt;" in page.text
    assert "Messages per hour 1" in said
    assert "Talking now 1" in said
    assert "Exports under way 1" in said
    assert "Ben" not in said
    noted = await fetch_value(ana.settings, "SELECT count(*) FROM access_log WHERE action = 'read_messages'")
    assert noted == 1


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
    visitor = Visitor(client, system)
    await visitor.sign_in(caller=Caller("dpo@example.org", roles=frozenset({CallerRole.COMPLIANCE})))

    said = text_of(await visitor.get("/"))

    assert "Messages per hour 1" in said
    assert "Said to Ana" not in said
    assert "Where to go" in said
