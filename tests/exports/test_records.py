"""Everybody's exports as records, for those whose role it is: what was asked for, never the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.access import ROLES, Action, Caller, CallerRole
from tests.site.owners import ANA, BEN, OF_BEN, SHARED_NAME, add_export, bearer, row_of

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

AUDITOR = "audit@example.org"
LINK = "https://storage.example/a-signed-link"


async def listed(client: httpx.AsyncClient, headers: dict[str, str], user: str) -> set[str]:
    found = (await client.get("/exports/status", params={"user_id": user}, headers=headers)).json()
    return {row["id"] for row in found}


@pytest.mark.parametrize("role", [CallerRole.COMPLIANCE, CallerRole.ADMIN])
async def test_they_see_who_asked_for_what_and_have_no_file(
    client: httpx.AsyncClient, system: Settings, role: CallerRole
) -> None:
    finished = {"status": "Finished", "export_link": LINK}
    of_ana, of_ben = await add_export(system, ANA, **finished), await add_export(system, BEN, **finished)
    auditor = bearer(system, Caller(AUDITOR, roles=frozenset({role})))

    every = await listed(client, auditor, "*")
    of_one = await listed(client, auditor, ANA.upper())
    record = await client.get(f"/exports/{of_ben}", headers=auditor)
    download = await client.get(f"/exports/{of_ben}/download", headers=auditor)
    removed = await client.delete(f"/exports/{of_ben}", headers=auditor)
    retried = await client.post(f"/exports/{of_ben}/retry", headers=auditor)

    assert every == {str(of_ana), str(of_ben)}
    assert of_one == {str(of_ana)}
    assert (record.json()["user_id"], record.json()["export_link"]) == (BEN, "Not Found")
    refused = 404 if role is CallerRole.ADMIN else 403
    assert [answer.status_code for answer in (download, removed, retried)] == [refused] * 3
    assert (await row_of(system, of_ben))["export_link"] == LINK


@pytest.mark.parametrize("role", sorted(set(CallerRole) - {CallerRole.COMPLIANCE, CallerRole.ADMIN}))
async def test_nobody_else_sees_what_others_asked_for(
    client: httpx.AsyncClient, system: Settings, role: CallerRole
) -> None:
    of_ben = await add_export(system, BEN)
    ana = bearer(system, Caller(ANA, roles=frozenset({role})))

    lists = [
        await client.get("/exports/status", params={"user_id": user}, headers=ana) for user in ("*", BEN)
    ]
    record = await client.get(f"/exports/{of_ben}", headers=ana)

    assert [answer.status_code for answer in lists] == [403, 403]
    assert record.status_code == (404 if Action.SEE_EXPORT in ROLES[role] else 403)
    assert BEN not in "".join(answer.text for answer in (*lists, record))


async def test_somebody_narrowed_sees_records_of_what_is_left_to_them(
    client: httpx.AsyncClient, system: Settings
) -> None:
    left = await add_export(system, BEN, survey_id=OF_BEN)
    other = await add_export(system, BEN, survey_id=SHARED_NAME)
    scope = frozenset({f"survey:{OF_BEN}"})
    auditor = bearer(system, Caller(AUDITOR, roles=frozenset({CallerRole.COMPLIANCE}), scope=scope))

    assert await listed(client, auditor, "*") == await listed(client, auditor, BEN) == {str(left)}
    assert (await client.get(f"/exports/{other}", headers=auditor)).status_code == 404


async def test_records_of_all_come_in_parts_too(client: httpx.AsyncClient, system: Settings) -> None:
    every = {str(await add_export(system, owner)) for owner in (ANA, BEN, ANA)}
    auditor = bearer(system, Caller(AUDITOR, roles=frozenset({CallerRole.COMPLIANCE})))

    address, seen = "/exports/status?user_id=*&limit=1", []
    while address:
        part = await client.get(address, headers=auditor)
        seen += [row["id"] for row in part.json()]
        address = part.links.get("next", {}).get("url", "")

    assert (len(seen), set(seen)) == (3, every)
