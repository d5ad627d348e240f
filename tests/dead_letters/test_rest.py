"""Dead letters by REST: who sees them, who sees what they hold, and who replays and drops them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from app.kafka.topics import topics_of
from models.access import Caller, CallerRole
from tests.dead_letters.keeping import keep, letter, records_of
from tests.services import changed, eventually
from tests.site.fixtures import client_of, running
from tests.site.owners import bearer, execute, fetch_value

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

ADMIN = Caller("admin@example.org", roles=frozenset({CallerRole.ADMIN}))
OPERATOR = Caller("operator@example.org", roles=frozenset({CallerRole.OPERATOR}))
LETTERS = "/v1/dead-letters"


def events_topic(settings: Settings) -> str:
    return topics_of(settings.topology).events.name


async def test_they_are_listed_counted_and_told_without_what_they_hold(
    client: httpx.AsyncClient, system: Settings
) -> None:
    topic = events_topic(system)
    await keep(system, [letter(offset, topic=topic) for offset in range(3)])
    await keep(system, [letter(9, reason="key_conflict", key=b"other", topic=topic)])
    headers = bearer(system, OPERATOR)

    first = await client.get(LETTERS, params={"limit": 3}, headers=headers)
    second = await client.get(first.links["next"]["url"], headers=headers)
    of_person = await client.get(LETTERS, params={"person": "other"}, headers=headers)
    counts = (await client.get(f"{LETTERS}/counts", headers=headers)).json()
    one = (await client.get(f"{LETTERS}/1", headers=headers)).json()

    assert [item["id"] for item in first.json()["items"] + second.json()["items"]] == [4, 3, 2, 1]
    assert (first.json()["next"], second.json()["next"]) == ("2", None)
    assert [item["id"] for item in of_person.json()["items"]] == [4]
    assert [(some["reason"], some["kept"], some["platform"]) for some in counts] == [
        ("not_json", 3, "messenger"),
        ("key_conflict", 1, "messenger"),
    ]
    assert (one["value"]["bytes"], one["value"]["text"], one["remedy"] != "") == (23, None, True)
    assert "secret" not in first.text + second.text + json.dumps(one)


async def test_content_is_for_who_may_read_all_messages_and_noted_before_it_is_shown(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await keep(system, [letter(1, topic=events_topic(system))])

    shown = await client.get(f"{LETTERS}/1", params={"content": True}, headers=bearer(system, OPERATOR))
    noted = json.loads(
        await fetch_value(system, "SELECT subject FROM access_log WHERE route LIKE '%letters%'")
    )
    missing = await client.get(f"{LETTERS}/2", params={"content": True}, headers=bearer(system, OPERATOR))

    assert shown.json()["value"]["text"] == '{"content": "my secret"'
    assert (noted["dead_letter"], noted["person"]) == (1, "4911")
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("role", "read", "settle"),
    [
        (CallerRole.OWNER, 403, 403),
        (CallerRole.OPERATOR, 200, 403),
        (CallerRole.MODERATOR, 403, 403),
        (CallerRole.COMPLIANCE, 403, 403),
        (CallerRole.ADMIN, 200, 200),
    ],
)
async def test_who_may_see_and_who_may_settle_is_said_by_their_roles(
    client: httpx.AsyncClient, system: Settings, role: CallerRole, read: int, settle: int
) -> None:
    await keep(system, [letter(1)])
    headers = bearer(system, Caller("someone@example.org", roles=frozenset({role})))

    seen = await client.get(f"{LETTERS}/1", params={"content": True}, headers=headers)
    dropped = await client.delete(LETTERS, params={"id": 1}, headers=headers)

    assert (seen.status_code, dropped.status_code) == (read, settle)


async def test_a_replay_puts_them_back_as_they_were_and_tells_which_cannot_be(
    client: httpx.AsyncClient, system: Settings
) -> None:
    topic = events_topic(system)
    trace = (("trace", b"\x00\xff"),)
    await keep(
        system,
        [
            letter(1, topic=topic, headers=trace),
            letter(2, topic=topic, partition=99),
            letter(3, topic="vlab-gone"),
            letter(4, topic=topic, reason="too_deep"),
        ],
    )
    headers = bearer(system, ADMIN)

    asked = await client.post(f"{LETTERS}/replays", params={"reason": "not_json"}, headers=headers)
    address = f"{LETTERS}/replays/{asked.json()['id']}"

    async def is_over() -> Any:
        found = (await client.get(address, headers=headers)).json()
        return None if found["pending"] else found

    over = await eventually(is_over)
    items = {each["id"]: each for each in (await client.get(LETTERS, headers=headers)).json()["items"]}
    back = await records_of(system, topic, 2)

    assert asked.status_code == 202
    assert (over["asked"], over["done"], over["impossible"]) == (3, 1, 2)
    assert [(record.key, record.value, record.headers) for record in back[0]] == [
        (b"4911", b'{"content": "my secret"', trace)
    ]
    assert items[2]["replay_problem"] == f"{topic} has no partition 99"
    assert items[3]["replay_problem"] == "vlab-gone is gone"
    assert [id_ for id_, each in items.items() if each["replayed_at"]] == [1]


async def test_what_is_asked_for_while_kafka_is_away_goes_on_by_itself_or_is_stopped(
    system: Settings,
) -> None:
    topic = events_topic(system)
    await keep(system, [letter(offset, topic=topic) for offset in range(2)])
    headers = bearer(system, ADMIN)
    away = changed(system, kafka_bootstrap_servers="127.0.0.1:9")
    async with running(away) as app, client_of(app) as client:
        both = await client.post(f"{LETTERS}/replays", params={"all": True}, headers=headers)
        stopped = await client.delete(f"{LETTERS}/replays/{both.json()['id']}", headers=headers)
        again = await client.post(f"{LETTERS}/replays", params={"id": 2}, headers=headers)
    async with running(system) as app, client_of(app) as client:

        async def is_back() -> bool:
            found = await client.get(f"{LETTERS}/replays/{again.json()['id']}", headers=headers)
            return bool(found.json()["done"] == 1)

        await eventually(is_back)
        waiting = await client.get(LETTERS, params={"state": "waiting"}, headers=headers)

    assert (both.json()["pending"], stopped.json()["stopped"]) == (2, 2)
    assert [item["id"] for item in waiting.json()["items"]] == [1]


async def test_only_what_is_meant_is_dropped_and_all_of_it_only_when_that_is_said(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await keep(system, [letter(offset) for offset in range(3)] + [letter(7, reason="bad_uuid")])
    await execute(system, "UPDATE dead_letters SET replayed_at = now() WHERE id = 2")
    headers = bearer(system, ADMIN)

    unsaid = await client.delete(LETTERS, headers=headers)
    replayed = await client.delete(
        LETTERS, params={"state": "replayed", "reason": "not_json"}, headers=headers
    )
    left = await fetch_value(system, "SELECT array_agg(id ORDER BY id) FROM dead_letters")
    everything = await client.delete(LETTERS, params={"all": True}, headers=headers)

    assert (unsaid.status_code, replayed.json(), left) == (422, {"dropped": 1, "left": 0}, [1, 3, 4])
    assert everything.json() == {"dropped": 3, "left": 0}


async def test_who_is_narrowed_to_a_platform_reaches_what_came_from_its_topics_alone(
    system: Settings,
) -> None:
    system = changed(system, platforms=("twitch",))
    twitch = topics_of(system.topology).platform_events["twitch"].name
    await keep(
        system, [letter(1, topic=events_topic(system)), letter(2, topic=twitch), letter(3, topic="no")]
    )
    narrowed = Caller(ADMIN.email, roles=ADMIN.roles, scope=frozenset({"platform:twitch"}))
    elsewhere = Caller(ADMIN.email, "acme", ADMIN.roles)
    seen: dict[str, Any] = {}
    async with running(system) as app, client_of(app) as client:
        for name, caller in (("narrowed", narrowed), ("elsewhere", elsewhere)):
            headers = bearer(system, caller)
            listed = (await client.get(LETTERS, headers=headers)).json()["items"]
            others = [
                (await client.get(f"{LETTERS}/{id_}", headers=headers)).status_code for id_ in (1, 2, 3)
            ]
            dropped = await client.delete(LETTERS, params={"all": True}, headers=headers)
            seen[name] = ([each["id"] for each in listed], others, dropped.json()["dropped"])

    assert seen == {"narrowed": ([2], [404, 200, 404], 1), "elsewhere": ([], [404, 404, 404], 0)}
