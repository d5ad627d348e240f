"""The page of learners' data, without scripts: who sees what was asked for, and who may ask for what."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from app.access.tokens import mint
from app.web import addresses
from models.access import Caller, CallerRole
from tests.privacy.requests import PRIVACY_AT, as_the_api, asked_for, becomes, rows_of
from tests.services import changed
from tests.site.fixtures import serve
from tests.site.visitor import text_of
from tests.threads.test_pages import Pupil

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings
    from tests.threads.asking import Asking


async def sign_in(
    client: httpx.AsyncClient, settings: Settings, role: CallerRole, *learners: str, tenant: str = "acme"
) -> Pupil:
    scope = frozenset(f"learner:{learner}" for learner in learners)
    caller = Caller(f"{role.value}@{tenant}.example", tenant, frozenset({role}), scope, f"{role.value}-1")
    pupil = Pupil(client, settings)
    client.cookies.clear()
    await pupil.post("/sign-in", token=mint(settings.api, caller, timedelta(hours=1)))
    return pupil


@pytest.mark.parametrize(
    ("role", "learners", "export", "delete"),
    [
        (CallerRole.LEARNER, ("l1",), 303, 403),
        (CallerRole.PARENT, ("l1", "l2"), 303, 303),
        (CallerRole.COMPLIANCE, (), 303, 303),
        (CallerRole.TEACHER, ("l1",), 403, 403),
        (CallerRole.MODERATOR, (), 403, 403),
        # Another's learner.
        (CallerRole.PARENT, ("l2",), 404, 404),
    ],
)
async def test_each_is_offered_what_they_may_ask_for(
    client: httpx.AsyncClient,
    system: Settings,
    acme: Asking,
    role: CallerRole,
    learners: tuple[str, ...],
    export: int,
    delete: int,
) -> None:
    await acme.thread("l1")
    pupil = await sign_in(client, system, role, *learners)
    page = (await pupil.get(addresses.privacy("l1"))).text

    assert ("Ask for the file" in page) == (export == 303)
    assert ("Erase everything …" in page) == (delete == 303)
    assert (await pupil.submit("/privacy/export", learner="l1")).status_code == export
    assert (await pupil.submit("/privacy/delete", learner="l1")).status_code == delete
    assert (await pupil.post("/privacy/delete", learner="l1")).status_code == 403, "no page of ours sent it"


async def test_what_was_asked_for_is_seen_by_those_whose_learner_it_is(
    client: httpx.AsyncClient, system: Settings, acme: Asking
) -> None:
    thread = await acme.thread("l1")
    await acme.say(thread, "hello")
    await acme.thread("l2")
    asked = await asked_for(acme, "delete", "l1", reason="<b>moved</b>")
    await becomes(acme, asked["id"], "done")
    await asked_for(acme, "export", "l2", reason="for the school")

    both = await sign_in(client, system, CallerRole.PARENT, "l1", "l2")
    all_of_them, of_one = await both.get(addresses.PRIVACY), await both.get(addresses.privacy("l1"))
    one = await sign_in(client, system, CallerRole.PARENT, "l2")
    seen, not_theirs = await one.get(addresses.PRIVACY), await one.get(addresses.privacy("l1"))
    other = await sign_in(client, system, CallerRole.COMPLIANCE, tenant="north")
    elsewhere = await other.get(addresses.PRIVACY)

    assert "1 thread, 1 message erased" in text_of(of_one)
    assert "&lt;b&gt;moved&lt;/b&gt;" in of_one.text
    assert acme.caller.id in of_one.text
    assert "for the school" not in of_one.text
    assert "for the school" in all_of_them.text
    assert "moved" in all_of_them.text
    assert "for the school" in seen.text
    assert "moved" not in seen.text
    assert "Nothing was asked for" in text_of(not_theirs)
    assert "Nothing was asked for" in text_of(elsewhere)


async def test_a_form_that_is_sent_twice_asks_once_and_is_noted(
    client: httpx.AsyncClient, system: Settings, acme: Asking
) -> None:
    await acme.thread("l1")
    pupil = await sign_in(client, system, CallerRole.PARENT, "l1")

    for _ in range(2):
        answer = await pupil.submit("/privacy/delete", learner="l1", reason="moved", once="once-1")
        assert answer.headers["location"] == "/privacy?learner=l1"
    asked = (await acme.ask("GET", PRIVACY_AT)).json()["items"]
    noted = await rows_of(system, "SELECT action FROM access_log WHERE who LIKE 'parent@%'")

    assert [one["reason"] for one in asked] == ["moved"]
    assert {row["action"] for row in noted} == {"erase_learner"}


async def test_where_it_is_switched_off_nothing_leads_there(unlimited_off: Settings, acme: Asking) -> None:
    thread = await acme.thread("l1")
    async with serve(as_the_api(unlimited_off)) as client:
        pupil = await sign_in(client, unlimited_off, CallerRole.PARENT, "l1")
        page = await pupil.get(f"/conversations/{thread}")

        assert page.status_code == 200
        assert addresses.PRIVACY not in page.text
        assert (await pupil.get(addresses.PRIVACY)).status_code == 404


@pytest.fixture
def unlimited_off(system: Settings) -> Settings:
    """The system with PRIVACY_ENABLED=false."""
    return changed(system, privacy_enabled=False)


async def test_who_asks_too_fast_is_told_and_what_they_wrote_is_still_there(
    system: Settings, acme: Asking
) -> None:
    await acme.thread("l1")
    async with serve(
        changed(system, enable_rate_limiting=True, rate_limit_threads_caller="1/hour")
    ) as client:
        pupil = await sign_in(client, system, CallerRole.PARENT, "l1")
        assert (await pupil.submit("/privacy/export", learner="l1")).status_code == 303
        refused = await pupil.submit("/privacy/delete", learner="l1", reason='moved to "Ulm"')

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert "Too many requests of this caller: ask again in" in text_of(refused)
    assert 'value="moved to &#34;Ulm&#34;"' in refused.text
    assert (await acme.ask("GET", PRIVACY_AT)).json()["items"][0]["kind"] == "export"
