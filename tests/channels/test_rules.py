"""What is recorded of a channel, as moderators see and set it by REST: whole, in part, and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from models.access import Caller, CallerRole
from tests.site.owners import bearer, execute, fetch_value

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

MODERATOR = Caller("moderator@example.org", roles=frozenset({CallerRole.MODERATOR}))
ROOM = {"platform": "twitch", "channel": "918273645"}
#: All but the one that each API sets at its start, some time after that.
RULES = "FROM chat_logging_config WHERE platform <> 'threads'"
NOTHING_SAID = {
    "is_enabled": None,
    "retention_days": None,
    "sampling_rate": None,
    "pre_drop_pipeline_id": None,
    "deletions": None,
    "ignored_users": None,
    "bots": None,
    "exempt": None,
    "keep_raw": None,
}


async def patch(
    client: httpx.AsyncClient, system: Settings, place: dict[str, str], changes: dict[str, Any]
) -> httpx.Response:
    headers = bearer(system, MODERATOR)
    return await client.patch("/v1/channels/rule", params=place, json=changes, headers=headers)


async def get(client: httpx.AsyncClient, system: Settings, path: str, **params: str) -> Any:
    return (await client.get(path, params=params, headers=bearer(system, MODERATOR))).json()


async def test_what_is_set_stays_until_it_is_set_otherwise_or_inherited(
    client: httpx.AsyncClient, system: Settings
) -> None:
    first = await patch(client, system, ROOM, {"sampling_rate": 0.1, "ignored_users": ["900100200"]})
    second = await patch(client, system, ROOM, {"retention_days": 7, "sampling_rate": None})

    assert first.json() == ROOM | NOTHING_SAID | {"sampling_rate": 0.1, "ignored_users": ["900100200"]}
    assert second.json() == ROOM | NOTHING_SAID | {"retention_days": 7, "ignored_users": ["900100200"]}


async def test_what_bears_on_a_channel_is_its_own_rule_then_its_platforms_then_that_for_all(
    client: httpx.AsyncClient, system: Settings
) -> None:
    for place in ({"platform": "*", "channel": "*"}, {"platform": "twitch", "channel": "*"}, ROOM):
        await patch(client, system, place, {"deletions": "hide"})
    await patch(client, system, {"platform": "discord", "channel": "1"}, {"is_enabled": False})

    bearing = await get(client, system, "/v1/channels/rule", **ROOM)
    listed = await get(client, system, "/v1/channels", platform="twitch")

    assert [(rule["platform"], rule["channel"]) for rule in bearing] == [
        ("twitch", "918273645"),
        ("twitch", "*"),
        ("*", "*"),
    ]
    assert [rule["channel"] for rule in listed] == ["*", "918273645"]


async def test_a_rule_that_is_unset_is_in_its_history(client: httpx.AsyncClient, system: Settings) -> None:
    await patch(client, system, ROOM, {"is_enabled": False})
    headers = bearer(system, MODERATOR)

    gone = [await client.delete("/v1/channels/rule", params=ROOM, headers=headers) for _ in range(2)]
    history = await get(client, system, "/v1/channels/versions", **ROOM)

    assert [answer.status_code for answer in gone] == [204, 404]
    assert await get(client, system, "/v1/channels/rule", **ROOM) == []
    assert [(version["is_deleted"], version["is_enabled"]) for version in history] == [
        (True, False),
        (False, False),
    ]


async def test_what_is_set_by_sql_is_seen_and_the_other_way_round(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await execute(
        system,
        "INSERT INTO chat_logging_config (platform, channel, is_enabled, retention_days, sampling_rate) "
        "VALUES ('twitch', '918273645', true, 7, 0.1)",
    )

    (seen,) = await get(client, system, "/v1/channels/rule", **ROOM)
    await patch(client, system, ROOM, {"sampling_rate": 0.5})

    assert (seen["retention_days"], seen["sampling_rate"]) == (7, 0.1)
    assert await fetch_value(system, f"SELECT sampling_rate {RULES}") == 0.5


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        pytest.param({"platform": "icq", "channel": "1"}, {"bots": True}, id="a platform that there is not"),
        pytest.param({"platform": "messenger", "channel": "1"}, {"bots": True}, id="Messenger has no rules"),
        pytest.param({"platform": "*", "channel": "1"}, {"bots": True}, id="a channel of all platforms"),
        pytest.param({"platform": "twitch", "channel": "\0"}, {"bots": True}, id="what no channel is called"),
        pytest.param(ROOM, {"sampling_rate": 1.01}, id="more than all"),
        pytest.param(ROOM, {"sampling_rate": -0.1}, id="less than nothing"),
        pytest.param(ROOM, {"retention_days": 0}, id="no day"),
        pytest.param(ROOM, {"deletions": "burn"}, id="a deletion that there is not"),
        pytest.param(ROOM, {"exempt": ["friends"]}, id="an exemption that there is not"),
        pytest.param(ROOM, {"ignored_users": ["a\0b"]}, id="what nobody is called"),
        pytest.param(ROOM, {"sample_rate": 0.1}, id="a misspelt name"),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, system: Settings, place: dict[str, str], changes: dict[str, Any]
) -> None:
    refused = await patch(client, system, place, changes)

    assert refused.status_code == 422
    assert await fetch_value(system, f"SELECT count(*) {RULES}") == 0


@pytest.mark.parametrize(
    ("role", "may_see", "may_change"),
    [
        (CallerRole.OWNER, 403, 403),
        (CallerRole.OPERATOR, 200, 403),
        (CallerRole.COMPLIANCE, 200, 403),
        (CallerRole.MODERATOR, 200, 200),
        (CallerRole.ADMIN, 200, 200),
        (CallerRole.SERVICE, 403, 403),
    ],
)
async def test_who_may_see_and_who_may_change_is_said_by_their_roles(
    client: httpx.AsyncClient, system: Settings, role: CallerRole, may_see: int, may_change: int
) -> None:
    headers = bearer(system, Caller("someone@example.org", roles=frozenset({role})))

    seen = await client.get("/v1/channels", headers=headers)
    changed = await client.patch("/v1/channels/rule", params=ROOM, json={"bots": False}, headers=headers)

    assert (seen.status_code, changed.status_code) == (may_see, may_change)


async def test_whoever_is_narrowed_to_a_channel_reaches_no_other(
    client: httpx.AsyncClient, system: Settings
) -> None:
    for channel in ("1", "2"):
        await patch(client, system, {"platform": "twitch", "channel": channel}, {"bots": False})
    narrowed = Caller(MODERATOR.email, roles=MODERATOR.roles, scope=frozenset({"channel:twitch/1"}))
    headers, path = bearer(system, narrowed), "/v1/channels/rule"
    mine, other, default = (
        {"platform": platform, "channel": channel}
        for platform, channel in (("twitch", "1"), ("twitch", "2"), ("twitch", "*"))
    )

    listed = (await client.get("/v1/channels", headers=headers)).json()
    answers = [
        await client.request(method, path, params=place, headers=headers, json=json)
        for place in (mine, other, default)
        for method, json in (("GET", None), ("PATCH", {"bots": True}))
    ]

    assert [rule["channel"] for rule in listed] == ["1"]
    assert [answer.status_code for answer in answers] == [200, 200, 403, 403, 403, 403]
    versions = await client.get("/v1/channels/versions", params=other, headers=headers)
    gone = await client.delete(path, params=other, headers=headers)
    assert (versions.status_code, gone.status_code) == (403, 403)
