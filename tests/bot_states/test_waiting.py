"""Whose bot does not go on: told to who may read their conversations, and to nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.bot_states.service import BotStates
from app.postgres.connections import create_pool
from models.access import Caller, CallerRole
from models.repeats import Cause
from tests.site.owners import ANA, BEN, OF_BEN, SHARED_NAME, bearer, execute, fetch_value
from tests.site.visitor import text_of

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings
    from tests.site.visitor import Visitor

NOW = datetime.now(UTC).replace(microsecond=0)
OPERATOR = Caller("operator@example.org", roles=frozenset({CallerRole.OPERATOR}))


async def stands(settings: Settings, userid: str, state: str, *, ago: timedelta, **columns: Any) -> None:
    """Have a bot stand so with somebody."""
    values = {"pageid": "page", "answers": 2, "retries": 0} | columns
    names = ", ".join(values)
    places = ", ".join(f"${number}" for number in range(4, len(values) + 4))
    await execute(
        settings,
        f"INSERT INTO bot_states (userid, state, since, updated, {names}) VALUES ($1, $2, $3, $3, {places})",
        *(userid, state, datetime.now(UTC) - ago, *values.values()),
    )


async def id_of(settings: Settings, owner: str, survey: str) -> UUID:
    found = await fetch_value(
        settings,
        "SELECT surveys.id FROM surveys JOIN users ON users.id = surveys.userid "
        "WHERE email = $1 AND survey_name = $2 LIMIT 1",
        *(owner, survey),
    )
    assert isinstance(found, UUID)
    return found


async def people(client: httpx.AsyncClient, query: str = "", **headers: str) -> list[tuple[str, str]]:
    answer = await client.get(f"/v1/waiting{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return [(each["person"], each["standing"]) for each in answer.json()]


async def test_who_waits_is_told_by_how_the_bot_stands_with_them(
    client: httpx.AsyncClient, system: Settings
) -> None:
    hour = timedelta(hours=1)
    await stands(system, "blocked", "BLOCKED", ago=3 * hour, problem="FB", retries=4, question="q3")
    await stands(system, "in error", "ERROR", ago=2 * hour)
    await stands(system, "silent", "RESPONDING", ago=hour)
    await stands(system, "answering", "RESPONDING", ago=timedelta(seconds=1))
    await stands(system, "waits", "WAIT_EXTERNAL_EVENT", ago=hour, waits_for="timeout")
    await stands(system, "asked", "QOUT", ago=hour)
    operator = bearer(system, OPERATOR)

    assert await people(client, **operator) == [
        ("silent", "silent"),
        ("in error", "error"),
        ("blocked", "blocked"),
    ]
    assert await people(client, "?standing=waits", **operator) == [("waits", "waits")]
    assert await people(client, "?question=q3", **operator) == [("blocked", "blocked")]
    first = await client.get("/v1/waiting?limit=2", headers=operator)
    rest = await client.get(first.links["next"]["url"], headers=operator)
    assert [each["person"] for each in rest.json()] == ["blocked"]
    (told,) = rest.json()
    assert (told["problem"], told["retries"], told["question"]) == ("FB", 4, "q3")
    assert "try" in told["meaning"] or "tries" in told["meaning"]
    noted = await fetch_value(system, "SELECT count(*) FROM access_log WHERE route = 'GET /v1/waiting'")
    assert noted == 5
    chosen = await client.get("/v1/waiting?limit=1&standing=blocked&standing=error", headers=operator)
    then = await client.get(chosen.links["next"]["url"], headers=operator)
    assert [each["person"] for each in [*chosen.json(), *then.json()]] == ["in error", "blocked"]
    assert "next" not in then.links


async def test_an_owner_sees_those_of_their_surveys_alone(
    client: httpx.AsyncClient, system: Settings
) -> None:
    for userid, owner, survey in (("hers", ANA, SHARED_NAME), ("his", BEN, OF_BEN)):
        await stands(
            system, userid, "ERROR", ago=timedelta(hours=1), surveyid=await id_of(system, owner, survey)
        )
    await stands(system, "of no survey", "ERROR", ago=timedelta(hours=1))

    assert await people(client, **bearer(system, ANA)) == [("hers", "error")]
    narrowed = Caller(OPERATOR.email, roles=OPERATOR.roles, scope=frozenset({f"survey:{OF_BEN}"}))
    assert await people(client, **bearer(system, narrowed)) == [("his", "error")]
    elsewhere = Caller(OPERATOR.email, "acme", roles=OPERATOR.roles)
    assert await people(client, **bearer(system, elsewhere)) == []


async def test_the_page_says_since_when_and_what_to_do(ana: Visitor, system: Settings) -> None:
    survey = await id_of(system, ANA, SHARED_NAME)
    await stands(system, "<b>", "BLOCKED", ago=timedelta(hours=2), surveyid=survey, question="q3")

    page = await ana.get("/waiting")

    assert "2 hours ago" in text_of(page)
    assert "Messenger does not take what the bot sends" in text_of(page)
    assert "<b>" in text_of(page), "as text"
    assert "Nobody waits" in text_of(await ana.get("/waiting?standing=error"))


async def test_sessions_of_assistants_that_end_in_a_question(
    client: httpx.AsyncClient, system: Settings
) -> None:
    for session, answer in (("answered", "yes"), ("asked", "")):
        await execute(
            system,
            "INSERT INTO assistant.chat_conversations (session_id, user_message, ai_response, timestamp) "
            "VALUES ($1, 'question', $2, $3)",
            *(session, answer, NOW - timedelta(hours=1)),
        )
    await execute(system, "DELETE FROM messages WHERE platform = 'assistant' AND content = ''")

    told = await client.get("/v1/waiting/unanswered", headers=bearer(system, OPERATOR))

    assert [each["channel"] for each in told.json()] == ["asked"]
    assert (await client.get("/v1/waiting/unanswered", headers=bearer(system, ANA))).json() == []


async def test_whoever_is_kept_to_some_sessions_sees_of_those_which_wait(
    client: httpx.AsyncClient, system: Settings
) -> None:
    for minutes, session in enumerate(("shop:1", "shop:2", "shopping:1", "other:1", "other:2")):
        await execute(
            system,
            "INSERT INTO assistant.chat_conversations (session_id, user_message, ai_response, timestamp) "
            "VALUES ($1, 'question', 'yes', $2)",
            *(session, NOW - timedelta(hours=1) + timedelta(minutes=minutes)),
        )
    await execute(system, "DELETE FROM messages WHERE platform = 'assistant' AND role = 'assistant'")

    async def waiting(*scope: str, limit: int = 50) -> list[str]:
        kept = Caller(OPERATOR.email, roles=OPERATOR.roles, scope=frozenset(scope))
        answer = await client.get(f"/v1/waiting/unanswered?limit={limit}", headers=bearer(system, kept))
        return [each["channel"] for each in answer.json()]

    assert await waiting("app:shop", limit=1) == ["shop:2"]
    assert await waiting("app:shop", "channel:assistant/other:1") == ["other:1", "shop:2", "shop:1"]
    assert len(await waiting("platform:assistant")) == len(await waiting()) == 5
    assert await waiting("platform:twitch") == []


async def test_why_a_question_came_again_is_told_of_what_may_be_read(system: Settings) -> None:
    survey = await id_of(system, ANA, SHARED_NAME)
    for minute, direction, question, note in (
        (0, "bot", "q3", None),
        (1, "user", "q3", None),
        (2, "bot", "q3", '{"repeat":true,"ref":"q3"}'),
    ):
        await execute(
            system,
            "INSERT INTO chat_log (userid, pageid, timestamp, direction, content, question_ref, surveyid, "
            "raw_payload) "
            "VALUES ('ann', 'page', $1, $2, 'said', $3, $4, jsonb_build_object('message', "
            "jsonb_build_object('metadata', $5::text)))",
            *(NOW + timedelta(minutes=minute), direction, question, survey, note),
        )
    pool = await create_pool(system.database, min_size=0)
    try:
        states = BotStates(pool)
        (repeat,) = (await states.repeats(Caller(ANA), "page", "ann", NOW, NOW + timedelta(hours=1))).repeats
        of_ben = await states.repeats(Caller(BEN), "page", "ann", NOW, NOW + timedelta(hours=1))
        assert of_ben == ([], None)
    finally:
        pool.terminate()

    said = await fetch_value(
        system,
        "SELECT chat_log_id(userid, timestamp, direction)::text FROM chat_log "
        "ORDER BY timestamp DESC LIMIT 1",
    )
    assert (repeat.id, repeat.cause, repeat.number) == (said, Cause.NOT_ACCEPTED, 2)
