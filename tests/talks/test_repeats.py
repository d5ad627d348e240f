"""Which questions came again in a conversation, and why: told by REST to who may read it, and noted."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.bot_states import service
from app.postgres.connections import connect
from models.access import Caller, CallerRole
from tests.site.owners import ANA, BEN, OF_ANA, OF_BEN, bearer, execute, fetch_value
from tests.site.talks import AMINA, BEGAN, MINUTE, PAGE, Writer, dialogue, room
from tests.site.visitor import Visitor, text_of

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import httpx

    from app.settings import Settings

OPERATOR = Caller("op@example.org", roles=frozenset({CallerRole.OPERATOR}))
COMPLIANCE = Caller("co@example.org", roles=frozenset({CallerRole.COMPLIANCE}))
REPEATS = f"/v1/conversations/{dialogue(AMINA)}/repeats"


@pytest.fixture
async def said(system: Settings) -> dict[str, UUID]:
    """Question 3 of Ana's survey twice, as the answer was not accepted; and of Ben's, after a block."""
    database = await connect(system.database)
    try:
        write = Writer(database)
        of_ana: dict[str, Any] = {
            "surveyid": await write.survey(ANA, OF_ANA),
            "question_ref": "q3",
            "shortcode": "a",
        }
        of_ben: dict[str, Any] = {
            "surveyid": await write.survey(BEN, OF_BEN),
            "question_ref": "w1",
            "shortcode": "b",
        }
        note = json.dumps({"repeat": True, "ref": "q3"})
        again: dict[str, Any] = {"raw_payload": {"message": {"metadata": note}}}
        await write.say("in a room", BEGAN)
        ids = {
            "first": await write.chat(AMINA, "How old?", BEGAN, **of_ana),
            "answer": await write.chat(AMINA, "old", BEGAN + MINUTE, by="user", **of_ana),
            "again": await write.chat(AMINA, "How old?", BEGAN + 2 * MINUTE, **of_ana, **again),
            "asked": await write.chat(AMINA, "Where?", BEGAN + timedelta(days=1), **of_ben),
            "resent": await write.chat(AMINA, "Where?", BEGAN + timedelta(days=1, minutes=9), **of_ben),
        }
    finally:
        await database.close()
    for minutes, state, retries, problem in ((1, "QOUT", 0, None), (3, "BLOCKED", 2, "FB")):
        await execute(
            system,
            "INSERT INTO bot_state_changes "
            "(userid, updated, state, question, answers, retries, problem, surveyid) "
            "VALUES ($1, $2, $3, 'w1', 0, $4, $5, $6)",
            *(AMINA, BEGAN + timedelta(days=1, minutes=minutes), state, retries, problem, of_ben["surveyid"]),
        )
    return ids


async def told(
    client: httpx.AsyncClient, system: Settings, caller: Caller, path: str = REPEATS, **period: str
) -> list[dict[str, Any]]:
    answer = await client.get(path, params=period, headers=bearer(system, caller))
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_repeat_is_explained_with_what_it_repeats_and_that_is_noted(
    client: httpx.AsyncClient, system: Settings, said: dict[str, UUID]
) -> None:
    not_accepted, sent_again = await told(client, system, OPERATOR)

    assert not_accepted == {
        "message": str(said["again"]),
        "question": "q3",
        "number": 2,
        "before": str(said["first"]),
        "after_ms": 120_000,
        "cause": "not_accepted",
        "answer": str(said["answer"]),
        "since": None,
        "retries": 0,
        "problem": None,
        "waits_for": None,
        "why": "Asked for the 2nd time, 2 min after the last. The answer was not accepted, so the question "
        "came again.",
    }
    assert (sent_again["message"], sent_again["cause"]) == (str(said["resent"]), "sent_again")
    assert (sent_again["since"], sent_again["retries"], sent_again["problem"]) == (
        "2026-11-25T14:03:00.000Z",
        2,
        "FB",
    )
    subject = {
        "platform": "messenger",
        "channel": PAGE,
        "conversation": str(dialogue(AMINA)),
        "person": AMINA,
    }
    noted = await fetch_value(system, "SELECT jsonb_build_array(who, route, subject) FROM access_log")
    assert json.loads(noted) == [
        OPERATOR.email,
        "GET /v1/conversations/{conversation_id:uuid}/repeats",
        subject,
    ]


async def test_a_time_may_be_given_and_what_was_asked_before_it_counts(
    client: httpx.AsyncClient, system: Settings, said: dict[str, UUID]
) -> None:
    async def messages(**period: str) -> list[str]:
        return [each["message"] for each in await told(client, system, OPERATOR, **period)]

    again, resent = str(said["again"]), str(said["resent"])
    assert await messages(until="2026-11-25") == [again]
    assert await messages(since="2026-11-25") == [resent]
    assert await messages(since="2026-11-24T14:01:30Z", until="2026-11-24T14:02:00.001Z") == [again]
    assert await messages(until="2026-11-24T14:02:00Z") == []
    assert await messages(since="0001-01-01", until="9999-12-31") == [again, resent]
    assert await told(client, system, OPERATOR, f"/v1/conversations/{room()}/repeats") == []


async def test_nobody_is_told_of_what_they_may_not_read(
    client: httpx.AsyncClient, system: Settings, said: dict[str, UUID]
) -> None:
    async def questions(caller: Caller) -> list[str]:
        return [each["question"] for each in await told(client, system, caller)]

    def narrowed(scope: str) -> Caller:
        return Caller(OPERATOR.email, roles=OPERATOR.roles, scope=frozenset({scope}))

    assert await questions(Caller(ANA)) == ["q3"]
    assert await questions(Caller(BEN)) == ["w1"]
    assert await questions(narrowed(f"survey:{OF_BEN}")) == ["w1"]
    assert await questions(narrowed(f"channel:messenger/{PAGE}")) == ["q3", "w1"]
    refused = {
        404: (Caller("nobody@example.org"), Caller(ANA, "acme"), narrowed("platform:twitch")),
        403: (COMPLIANCE,),
    }
    for status, callers in refused.items():
        for caller in callers:
            answer = await client.get(REPEATS, headers=bearer(system, caller))
            assert answer.status_code == status
    assert (await client.get(REPEATS)).status_code == 401


async def test_the_newest_are_looked_through_and_it_is_said_from_when_on(
    client: httpx.AsyncClient,
    visitor: Visitor,
    system: Settings,
    said: dict[str, UUID],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def found(**period: str) -> tuple[list[str], str | None]:
        answer = await client.get(REPEATS, params=period, headers=bearer(system, OPERATOR))
        shown = answer.json()
        return [each["message"] for each in shown["items"]], shown["looked_since"]

    again, resent = str(said["again"]), str(said["resent"])
    assert await found() == ([again, resent], None)
    monkeypatch.setattr(service, "LOOKED_THROUGH", 5)
    assert await found() == ([again, resent], None)
    monkeypatch.setattr(service, "LOOKED_THROUGH", 3)
    # Of five messages the newest three, and before them no more than these again.
    assert await found() == ([resent], "2026-11-24T14:02:00.000Z")
    assert await found(until="2026-11-24T14:02:00.001Z") == ([again], None)

    await visitor.sign_in(caller=OPERATOR)
    page = await visitor.get(f"/conversations/{dialogue(AMINA)}")
    assert text_of(page).count("Asked again") == 1
    assert "looked for from 24 Nov 2026, 14:02 on" in text_of(page)
    monkeypatch.setattr(service, "LOOKED_THROUGH", 5)
    page = await visitor.get(f"/conversations/{dialogue(AMINA)}")
    assert (text_of(page).count("Asked again"), "looked for from" in text_of(page)) == (2, False)
    # Where the states are too many, what they would explain is not told from some of them.
    for second in range(6):
        await add_state(system, BEGAN + timedelta(days=1, minutes=2, seconds=second), None)
    assert await found() == ([], "2026-11-25T14:02:02.000Z")


async def test_a_state_of_anothers_survey_explains_nothing(
    client: httpx.AsyncClient, system: Settings, said: dict[str, UUID]
) -> None:
    database = await connect(system.database)
    try:
        write = Writer(database)
        of_ana, of_ben = await write.survey(ANA, OF_ANA), await write.survey(BEN, OF_BEN)
        for minutes in (0, 9):
            when = BEGAN + timedelta(days=2, minutes=minutes)
            await write.chat(AMINA, "Who?", when, surveyid=of_ana, question_ref="q9", shortcode="a")
    finally:
        await database.close()
    await add_state(system, BEGAN + timedelta(days=2, minutes=1), of_ben, problem="of Ben")

    async def explained(caller: Caller) -> tuple[str, str | None]:
        last = (await told(client, system, caller))[-1]
        return last["cause"], last["problem"]

    assert await explained(Caller(ANA)) == ("not_told", None)
    assert await explained(OPERATOR) == ("sent_again", "of Ben")
    # Nor does one of another page.
    await execute(system, "UPDATE bot_state_changes SET pageid = 'elsewhere'")
    assert await explained(OPERATOR) == ("not_told", None)
    await add_state(system, BEGAN + timedelta(days=2, minutes=2), of_ana, problem="of Ana")
    assert await explained(Caller(ANA)) == ("sent_again", "of Ana")


async def add_state(
    system: Settings, when: datetime, surveyid: UUID | None, problem: str | None = None
) -> None:
    """Have the bot blocked."""
    await execute(
        system,
        "INSERT INTO bot_state_changes (userid, updated, state, answers, retries, problem, surveyid) "
        "VALUES ($1, $2, 'BLOCKED', 0, 0, $3, $4)",
        *(AMINA, when, problem, surveyid),
    )
