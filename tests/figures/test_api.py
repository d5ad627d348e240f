"""Figures by REST, of a real database: what they say, and that nobody sees more than is theirs."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.figures.csv_files import as_csv
from app.figures.rows import TextSaid
from models.access import Caller, CallerRole
from tests.figures.saying import MONDAY, SECRET
from tests.site.owners import ANA, BEN, SHARED_NAME, bearer

if TYPE_CHECKING:
    import asyncpg
    import httpx

    from app.settings import Settings

pytestmark = pytest.mark.usefixtures("said")

SPAN = {"since": "2026-11-01", "until": "2026-11-29"}
OPERATOR = Caller("otto@example.org", roles=frozenset({CallerRole.OPERATOR}))
COMPLIANCE = Caller("cora@example.org", roles=frozenset({CallerRole.COMPLIANCE}))
TWITCH_ONLY = Caller(
    "otto@example.org", roles=frozenset({CallerRole.OPERATOR}), scope=frozenset({"platform:twitch"})
)
PLAIN_ONLY = Caller(
    "otto@example.org", roles=frozenset({CallerRole.OPERATOR}), scope=frozenset({"channel:twitch/plain"})
)
SUMS = ("messages", "responses", "weekdays", "retention", "sessions")


class Asker:
    def __init__(self, client: httpx.AsyncClient, settings: Settings) -> None:
        self._client, self._settings = client, settings

    async def answer(self, caller: Caller, figures: str, **query: Any) -> httpx.Response:
        return await self._client.get(
            f"/v1/figures/{figures}", params=SPAN | query, headers=bearer(self._settings, caller)
        )

    async def __call__(self, caller: Caller, figures: str, **query: Any) -> dict[str, Any]:
        answer = await self.answer(caller, figures, **query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def ask(client: httpx.AsyncClient, system: Settings) -> Asker:
    return Asker(client, system)


def total(found: dict[str, Any]) -> int:
    return sum(item["messages"] for item in found["items"])


async def test_figures_say_what_was_said(ask: Asker, pool: asyncpg.Pool[Any]) -> None:
    # Over time: as many as there are, in sums of every kind.
    everything = await pool.fetchval("SELECT count(*) FROM all_messages")
    for every in ("day", "week", "month"):
        for by in ({}, {"by": "platform"}, {"by": "channel"}, {"by": "survey"}, {"by": "role"}):
            assert total(await ask(OPERATOR, "messages", every=every, **by)) == everything, (every, by)
    hours = await ask(OPERATOR, "messages", every="hour")
    assert total(hours) == everything
    assert {item["at"] for item in hours["items"]} >= {"2026-11-02T09:00:00Z", "2026-11-02T20:00:00Z"}

    # Samples: about how many there were, and how far that may be off.
    found = await ask(OPERATOR, "messages", every="month", by="channel", platform="twitch")
    channels = {item["key"]: item for item in found["items"]}
    sampled, plain = channels["twitch/sampled"], channels["twitch/plain"]
    assert (sampled["messages"], sampled["estimate"]) == (20, 200)
    assert sampled["margin"] == pytest.approx(1.96 * math.sqrt(20 * 10 * 9), rel=1e-3)
    assert (plain["estimate"], plain["margin"]) == (10, 0)
    assert any("estimates" in note for note in found["notes"])

    # People: by the day, where one is not counted twice over.
    by_day = await ask(OPERATOR, "messages", by="platform", role="user")
    people = {(item["at"], item["key"]): item["people"] for item in by_day["items"]}
    assert people["2026-11-02", "messenger"] == 3
    assert people["2026-11-09", "messenger"] == 2
    assert people["2026-11-02", "twitch"] == 4
    by_week = await ask(OPERATOR, "messages", every="week", by="channel", platform="twitch")
    assert [item["people"] for item in by_week["items"]] == [4, 4]
    by_survey = await ask(OPERATOR, "messages", every="week", by="survey", platform="messenger")
    assert [(item["key"], item["people"]) for item in by_survey["items"]] == [
        (f"{ANA}/{SHARED_NAME}", 2),
        (f"{BEN}/{SHARED_NAME}", 1),
        (f"{ANA}/{SHARED_NAME}", 1),
        (f"{BEN}/{SHARED_NAME}", 1),
    ]

    # Response times, within 5 %.
    (week,) = (await ask(OPERATOR, "responses", every="week"))["items"]
    assert week["responses"] == 20
    assert week["p50_ms"] == pytest.approx(1000, rel=0.05)
    assert week["p95_ms"] == pytest.approx(1900, rel=0.05)

    # Hours in the reader's zone: 20:00 in UTC is the next day in Auckland.
    cells = (await ask(OPERATOR, "weekdays", platform="twitch", channel="plain", tz="Pacific/Auckland"))[
        "items"
    ]
    assert {(cell["weekday"], cell["hour"]) for cell in cells} == {(2, 9), (3, 9), (4, 9)}

    # Who came back.
    found = await ask(OPERATOR, "retention", platform="messenger")
    (cohort,) = found["items"]
    assert (cohort["first_week"], cohort["people"], cohort["returned"]) == ("2026-11-02", 3, [2, 0])
    assert [(point["people"], point["returned"]) for point in found["curve"]] == [(3, 3), (3, 2), (3, 0)]

    # Sessions: one by one, or by a gap.
    sessions = {item["platform"]: item for item in (await ask(OPERATOR, "sessions"))["items"]}
    assert set(sessions) == {"messenger", "twitch", "assistant"}
    assert (sessions["messenger"]["sessions"], sessions["messenger"]["people"]) == (5, 3)
    assert sessions["messenger"]["returned"] == 2
    assert (sessions["assistant"]["sessions"], sessions["assistant"]["messages"]) == (5, 8)

    # A survey's questions.
    first, second = (await ask(Caller(ANA), "questions", survey=SHARED_NAME))["items"]
    counted = ("question", "people", "answered", "asked", "repeated", "ended", "dropped")
    assert [first[name] for name in counted] == ["q1", 2, 2, 3, 1, 0, 0]
    assert [second[name] for name in counted] == ["q2", 2, 1, 2, 0, 2, 1]

    # What is said often, and by whom the most; both are noted.
    texts = (await ask(OPERATOR, "texts", platform="twitch"))["items"]
    assert [(text["times"], text["people"]) for text in texts] == [(30, 4)]
    marked = (await ask(OPERATOR, "texts", platform="twitch", marked=True))["items"]
    assert [(text["text"], text["times"]) for text in marked] == [("How  do I JOIN?", 15)]
    active = (await ask(OPERATOR, "activity", platform="twitch", limit=2))["items"]
    assert [item["messages"] for item in active] == [8, 8]
    assert await pool.fetchval("SELECT count(*) FROM access_log WHERE who = $1", OPERATOR.email) == 3


async def test_nobody_sees_more_than_is_theirs(ask: Asker, pool: asyncpg.Pool[Any]) -> None:
    theirs = await pool.fetchval("SELECT count(*) FROM chat_log WHERE pageid = $1", f"page of {ANA}")
    for every in ("hour", "day", "week", "month"):
        for by in ({}, {"by": "platform"}, {"by": "survey"}, {"by": "role"}, {"by": "channel"}):
            found = await ask(Caller(ANA), "messages", every=every, **by)
            assert total(found) == theirs, (every, by)
            assert BEN not in str(found)
    (of_week, _) = (await ask(Caller(ANA), "messages", every="week"))["items"]
    assert of_week["people"] == 2
    assert total(await ask(Caller(ANA), "weekdays")) == theirs
    assert (await ask(Caller(ANA), "retention"))["items"][0]["people"] == 2
    assert [item["people"] for item in (await ask(Caller(ANA), "sessions"))["items"]] == [2]
    assert (await ask(Caller(ANA), "responses"))["items"] == []
    assert {item["person"] for item in (await ask(Caller(ANA), "activity"))["items"]} == {"amina", "bola"}
    # Not by naming it, either.
    for figures in (*SUMS, "questions", "activity", "texts"):
        found = await ask(Caller(ANA), figures, survey=SHARED_NAME, survey_owner=BEN)
        assert found["items"] == [], figures
    for figures in (*SUMS, "activity", "texts"):
        found = await ask(Caller(ANA), figures, platform="twitch")
        assert found["items"] == [], figures

    # Whoever is narrowed sees that alone.
    assert total(await ask(TWITCH_ONLY, "messages")) == 30
    assert total(await ask(PLAIN_ONLY, "messages")) == 10
    assert total(await ask(PLAIN_ONLY, "weekdays")) == 10
    assert [item["people"] for item in (await ask(PLAIN_ONLY, "messages", every="week"))["items"]] == [4]
    assert [item["platform"] for item in (await ask(TWITCH_ONLY, "sessions"))["items"]] == ["twitch"]
    assert [one["people"] for one in (await ask(TWITCH_ONLY, "retention"))["items"]] == [4]
    narrowed = Caller(BEN, scope=frozenset({"survey:Other"}))
    for figures in (*SUMS, "activity", "texts"):
        assert (await ask(narrowed, figures))["items"] == [], figures

    # Compliance sees sums, and no words or people.
    assert total(await ask(COMPLIANCE, "messages")) > theirs
    for figures in ("texts", "activity"):
        assert (await ask.answer(COMPLIANCE, figures)).status_code == 403
    acme = Caller(ANA, "acme", frozenset(CallerRole))
    for figures in (*SUMS, "texts", "activity"):
        assert (await ask(acme, figures))["items"] == [], figures
    assert SECRET not in (await ask.answer(COMPLIANCE, "questions", survey=SHARED_NAME)).text


async def test_sums_of_threads_are_their_tenants_alone(ask: Asker, pool: asyncpg.Pool[Any]) -> None:
    async def asked(tenant: str, **query: Any) -> tuple[int, set[int | None]]:
        who = Caller(OPERATOR.email, tenant, OPERATOR.roles)
        found = await ask(who, "messages", every="day", since="2026-11-02", until="2026-11-03", **query)
        return total(found), {item["people"] for item in found["items"]}

    before, (people,) = await asked("default")
    for tenant, many in (("acme", 5), ("north", 7), ("default", 3)):
        await pool.execute(
            "INSERT INTO figure_days "
            "VALUES ('2026-11-02', 'threads', $1, NULL, 'user', $2::int, $2::int, $2::int, 0, 0, 0)",
            *(tenant, many),
        )
        await pool.execute(
            "INSERT INTO figure_people VALUES ('2026-11-02', 'threads', $1, NULL, $2)", tenant, many - 1
        )
    await pool.execute("INSERT INTO figure_people VALUES ('2026-11-02', 'threads', NULL, NULL, 11)")

    assert await asked("acme") == (5, {4})
    assert await asked("acme", by="channel", platform="threads") == (5, {4})
    assert await asked("acme", platform="twitch") == (0, set())
    assert await asked("acme", channel="north") == (0, set())
    assert await asked("north", channel="north") == (7, {6})
    assert await asked("elsewhere") == (0, set())
    assert await asked("default") == (before + 3, {(people or 0) + 2})
    assert await asked("default", platform="threads") == (3, {2})
    assert await asked("default", platform="threads", channel="acme") == (0, set())


async def test_figures_are_files_too_and_say_what_they_do_not_know(ask: Asker) -> None:
    for figures in (*SUMS, "texts", "activity"):
        answer = await ask.answer(OPERATOR, figures, format="csv")
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert rows, figures
    for figures, query in [
        ("messages", {"person": "amina"}),
        ("weekdays", {"question": "q1"}),
        ("messages", {"every": "hour", "since": "2026-01-01"}),
        ("responses", {"every": "hour"}),
        ("questions", {}),
        ("retention", {"survey": SHARED_NAME, "channel": f"page of {ANA}"}),
    ]:
        answer = await ask.answer(OPERATOR, figures, **query)
        assert answer.status_code == 422, (figures, query)
        assert answer.json()["detail"]


@pytest.mark.parametrize("said", ["=1+1", "-1", "＝1+1", "\u00a0=1+1", "\u200b@sum", "  +1", "\ufeff=1+1"])
def test_what_a_spreadsheet_takes_for_a_formula_is_text_in_a_file(said: str) -> None:
    (_, line) = bytes(as_csv([TextSaid(text=said, times=1, people=1)], "texts").body).decode().splitlines()
    assert line == f"'{said},1,1"


async def test_nothing_was_said_in_other_times(ask: Asker) -> None:
    later = (MONDAY + timedelta(days=100)).date().isoformat()
    for figures in (*SUMS, "texts", "activity"):
        for times in (
            {"since": later, "until": "9999-12-31"},
            {"since": "0001-01-02", "until": "1969-01-01"},
        ):
            assert (await ask(OPERATOR, figures, **times))["items"] == [], (figures, times)


async def test_what_was_taken_back_is_not_among_what_is_said_often(
    ask: Asker, pool: asyncpg.Pool[Any]
) -> None:
    said = {"message": {"mid": "m1"}}, {"message_edit": {"mid": "m1"}}, {"message": {"mid": "m2"}}
    for number, payload in enumerate(said):
        await pool.execute(
            "INSERT INTO chat_log (userid, pageid, timestamp, direction, content, raw_payload) "
            "VALUES ('dayo', 'page', $1, 'user', 'my own words', $2)",
            *(MONDAY + timedelta(minutes=number), json.dumps(payload)),
        )

    async def times() -> list[int]:
        texts = (await ask(OPERATOR, "texts", platform="messenger"))["items"]
        return [text["times"] for text in texts if text["text"] == "my own words"]

    assert await times() == [3]
    await pool.execute(
        "INSERT INTO chat_log (userid, pageid, timestamp, direction, content, message_type, raw_payload) "
        "VALUES ('dayo', 'page', $1, 'user', '', 'unsent', $2)",
        *(MONDAY + timedelta(hours=1), json.dumps({"message": {"mid": "m1", "is_deleted": True}})),
    )
    assert await times() in ([1], [])
