"""What was logged is read back, by whoever logged it: once, whatever was told again, and by nobody else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from models.access import CallerRole
from tests.faults.cluster import everything_is_committed
from tests.looking import ready
from tests.services import changed, eventually
from tests.site.owners import fetch_value
from tests.turns.logging import SAID, Program, caller_of

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings
    from tests.workers import Workers

ASKED_MS = 1_772_454_000_000
SCRIPT = "<script>alert('a')</script> & <b>"


async def _until(program: Program, turns: int, session: str = "s1") -> Any:
    async def are_there() -> Any:
        stats = await program.stats(session)
        return stats if stats.get("conversation_count") == turns else None

    return await eventually(are_there, what=f"{turns} turns of {session}")


async def _all_is_done(system: Settings) -> None:
    topics, groups = topics_of(system.topology), groups_of(system.topology)
    for group, topic in (
        (groups.capture_platforms, topics.platform_events["assistant"].name),
        (groups.persist, topics.messages["assistant"].name),
    ):

        async def is_done(group: str = group, topic: str = topic) -> bool:
            return await everything_is_committed(system, group, topic)

        await eventually(is_done, what=f"{topic} is done")


async def test_what_was_logged_is_read_back_by_its_app_and_by_no_other(
    program: Program, client: httpx.AsyncClient, system: Settings, workers: Workers
) -> None:
    for role in (Role.CAPTURE_PLATFORMS, Role.PERSIST):
        await ready(workers.start(role))
    intruder, unnarrowed = Program(client, system, "app:help"), Program(client, system)
    admin = Program(client, system, caller=caller_of(role=CallerRole.ADMIN))

    # A session that is touched, and in which nothing was said yet.
    await program.post("", {"session_id": "s1", "user_id": "cust-1", "metadata": {"page": "/help"}})
    await eventually(lambda: _is_there(program, "s1"))
    assert (await program.history())["items"] == []
    empty = await program.stats()
    assert (empty["total_messages"], empty["conversation_count"], empty["avg_response_time"]) == (0, 0, None)
    assert (empty["metadata"], empty["user_id"]) == ({"page": "/help"}, "cust-1")

    # Turns, each of them told again.
    turns: list[dict[str, Any]] = [
        {
            "turn_id": "t1",
            "timestamp": ASKED_MS,
            "user_message": SCRIPT,
            "mood": "worried",
            "user_id": "cust-1",
        },
        {"turn_id": "t2", "timestamp": ASKED_MS + 60_000, "response_time_ms": 300, "metadata": {"a": [1]}},
        {"turn_id": "t3", "timestamp": ASKED_MS + 120_000, "ai_response": None, "response_time_ms": None},
    ]
    taken = [await program.say(**turn) for turn in turns]
    assert [await program.say(**turn) for turn in turns] == taken
    # Others may call theirs the same.
    await intruder.say(turn_id="t1", timestamp=ASKED_MS, user_message="not of the shop")
    await unnarrowed.say(turn_id="t1", timestamp=ASKED_MS, user_message="of nobody's app")
    await program.post("/s1/turns/t1/feedback", {"value": -1, "comment": "No.", "user_id": "cust-1"})
    await program.post("/s1/turns/t1/feedback", {"value": 1, "user_id": "cust-1"})
    await intruder.post("/s1/turns/t1/feedback", {"value": -5})
    stats = await _until(program, 3)
    await _all_is_done(system)

    assert await program.stats() == stats
    assert {name: stats[name] for name in ("total_messages", "conversation_count", "avg_response_time")} == {
        "total_messages": 2,
        "conversation_count": 3,
        "avg_response_time": 600.0,
    }
    assert stats["started_at"] == "2026-03-02T12:20:00Z"
    assert stats["last_activity"] > "2026-03-02T12:23:00Z", "it was touched later"
    history = (await program.history())["items"]
    assert [turn["turn_id"] for turn in history] == ["t1", "t2", "t3"]
    assert history[0] == {
        "id": taken[0]["ai_response_id"],
        "session_id": "s1",
        "turn_id": "t1",
        "timestamp": "2026-03-02T12:20:00.900000Z",
        "user_message_id": taken[0]["user_message_id"],
        "user_message": SCRIPT,
        "ai_response_id": taken[0]["ai_response_id"],
        "ai_response": SAID["ai_response"],
        "response_type": None,
        "response_time_ms": 900,
        "mood": "worried",
        "user_id": "cust-1",
        "user_ip": None,
        "user_agent": history[0]["user_agent"],
        "deleted": None,
        "metadata": {"app": "shop"},
    }
    assert (history[1]["metadata"], history[2]["ai_response"]) == ({"app": "shop", "a": [1]}, "")
    feedback = await fetch_value(
        system,
        "SELECT array_agg(value) FROM message_feedback WHERE refers_to = message_source($1::uuid)",
        taken[0]["ai_response_id"],
    )
    assert feedback == [1.0], (
        "the later opinion took the earlier one's place, and the intruder's is of theirs"
    )

    # Page by page, both ways.
    for order, expected in (("oldest", ["t1", "t2", "t3"]), ("newest", ["t3", "t2", "t1"])):
        found: list[str] = []
        cursor: str | None = ""
        for _ in expected:
            part = await program.history(order=order, limit=1, cursor=cursor)
            found += [turn["turn_id"] for turn in part["items"]]
            cursor = part["next"]
        assert (found, cursor) == (expected, None)

    # Another app sees its own, and nothing of this one by any route.
    assert [turn["user_message"] for turn in (await intruder.history())["items"]] == ["not of the shop"]
    for path in ("/s1/history?app=shop", "/shop:s1/history", "/shop:s1/stats", "/s1/stats?app=shop"):
        answer = await intruder.get(path)
        assert (answer.status_code, SCRIPT in answer.text) == (404, False), path
    assert (await intruder.get(app="shop")).json()["items"] == []
    for each, names in (
        (intruder, [("s1", "help")]),
        (program, [("s1", "shop")]),
        (unnarrowed, [("help:s1", None), ("s1", None), ("shop:s1", None)]),
        (Program(client, system, "app:shop", "app:help"), [("help:s1", None), ("shop:s1", None)]),
        (Program(client, system, "channel:assistant/s1"), [("s1", None)]),
        (Program(client, system, "platform:twitch"), []),
        (Program(client, system, caller=caller_of(tenant="acme")), []),
    ):
        listed = (await each.get()).json()["items"]
        assert sorted((one["session_id"], one["app"]) for one in listed) == sorted(names, key=str), names
    assert (await admin.get("/shop:s1/history")).json()["items"][0]["user_message"] == SCRIPT
    assert (await admin.get("/s1/history", app="shop")).json()["items"][0]["user_message"] == SCRIPT
    assert (
        await Program(client, system, caller=caller_of(tenant="acme")).get("/s1/stats")
    ).status_code == 404

    # Sessions page by page, of a person.
    part = (await unnarrowed.get(limit=2)).json()
    rest = (await unnarrowed.get(limit=2, cursor=part["next"])).json()
    assert (len(part["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    assert [one["session_id"] for one in (await unnarrowed.get(user_id="cust-1")).json()["items"]] == [
        "shop:s1"
    ]
    assert (await program.get("/s1/history", cursor="nonsense")).status_code == 422

    # Who read it is known, before it is shown.
    noted = await fetch_value(
        system,
        "SELECT count(*) FROM access_log WHERE action = 'log_turns' AND subject @> $1",
        '{"channel": "shop:s1"}',
    )
    assert noted >= 8


async def _is_there(program: Program, session: str) -> bool:
    return (await program.get(f"/{session}/stats")).status_code == 200


async def test_sums_are_exact_though_workers_die_and_everything_is_read_again(
    program: Program, system: Settings, workers: Workers
) -> None:
    capture, persist = (workers.start(role) for role in (Role.CAPTURE_PLATFORMS, Role.PERSIST))
    await ready(persist)
    sessions = [f"s{number}" for number in range(4)]

    async def talk(session: str) -> None:
        for number in range(25):
            turn: dict[str, Any] = {
                "turn_id": f"t{number}",
                "timestamp": ASKED_MS + number * 1000,
                "response_time_ms": 100,
            }
            await program.say(session, **turn)
            # Whoever hears nothing tells it again, a touch as well.
            await program.say(session, **turn)
            await program.post("", {"session_id": session, "timestamp": ASKED_MS + number * 1000})
            if session == sessions[0] and number == 12:
                persist.kill()
                capture.kill()

    await asyncio.gather(*map(talk, sessions))
    for role in (Role.CAPTURE_PLATFORMS, Role.PERSIST):
        workers.start(role)
    for session in sessions:
        await _until(program, 25, session)
    await _all_is_done(system)
    first = [await program.stats(session) for session in sessions]
    workers.kill_all()
    # Groups that know nothing of what was read.
    again = changed(system, capture_platforms_group="reads-again", persist_group="writes-again")
    for role in (Role.CAPTURE_PLATFORMS, Role.PERSIST):
        workers.start(role, again)
    await _all_is_done(again)

    assert [await program.stats(session) for session in sessions] == first
    for stats in first:
        assert (stats["total_messages"], stats["conversation_count"]) == (25, 25)
        assert stats["started_at"] == "2026-03-02T12:20:00Z"
        assert stats["last_activity"] == "2026-03-02T12:20:24.100000Z"
