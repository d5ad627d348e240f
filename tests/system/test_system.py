"""The page System and its REST, on real services: who may look, and what they see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.access import Caller, CallerRole
from tests.services import eventually
from tests.site.owners import ANA, bearer, execute
from tests.site.visitor import Visitor, text_of

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

OPERATOR = Caller("op@example.org", roles=frozenset({CallerRole.OPERATOR}))


async def test_an_operator_sees_what_runs_and_what_is_wrong(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await execute(
        system,
        "INSERT INTO processes (id, kind, role, host, version, address, verdict, reasons, started) VALUES "
        "(gen_random_uuid(), 'worker', 'persist', 'host-<1>', '1', 'http://10.0.0.1:6066', 'stalled', "
        "ARRAY['chat-log[3] has not moved'], now())",
    )
    visitor = Visitor(client, system)
    await visitor.sign_in(caller=OPERATOR)

    async def is_asked() -> bool:
        found = (await client.get("/v1/system", headers=bearer(system, OPERATOR))).json()
        return bool(found["queues"]) and any(one["kind"] == "api" for one in found["processes"])

    await eventually(is_asked)
    page = await visitor.get("/system")
    told = (await client.get("/v1/system", headers=bearer(system, OPERATOR))).json()

    said = text_of(page)
    assert "The persist worker on host-<1> stands still: chat-log[3] has not moved." in said
    assert "No capture worker is in the group" in said
    assert 'href="http://10.0.0.1:6066"' in page.text
    assert (told["well"], told["database"]) == (False, "up")
    assert {queue["role"] for queue in told["queues"]} >= {"capture", "persist", "export"}
    assert {one["kind"] for one in told["processes"]} == {"worker", "api"}


async def test_an_owner_sees_none_of_it(client: httpx.AsyncClient, system: Settings) -> None:
    visitor = Visitor(client, system)
    await visitor.sign_in()

    assert (await visitor.get("/system")).status_code == 403
    assert (await client.get("/v1/system", headers=bearer(system, ANA))).status_code == 403
    assert "What is wrong" not in text_of(await visitor.get("/"))


async def test_who_is_narrowed_does_not_see_the_whole(client: httpx.AsyncClient, system: Settings) -> None:
    narrowed = Caller("op@example.org", roles=OPERATOR.roles, scope=frozenset({"platform:twitch"}))
    visitor = Visitor(client, system)
    await visitor.sign_in(caller=narrowed)

    assert (await visitor.get("/system")).status_code == 403
    assert (await visitor.get("/")).status_code == 200
