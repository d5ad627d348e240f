"""The pages of threads, as browsers without scripts use them: what is offered to whom, and refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from app.access.tokens import mint
from app.postgres.connections import connect
from app.web import addresses
from models.access import Caller, CallerRole
from tests.site.visitor import Visitor, text_of

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings
    from tests.threads.asking import Asking

LEARNER = "learner-1"
_CSRF = re.compile(r'name="csrf_token" value="([0-9a-f]+)"')


@dataclass
class Pupil(Visitor):
    """Somebody of a tenant at a browser without scripts."""

    async def csrf_token(self) -> str:
        # What all pages have, and all may see.
        found = _CSRF.search((await self.get(addresses.APPEARANCE)).text)
        assert found
        return found[1]


class School:
    """Signs people of the tenant `acme` in."""

    def __init__(self, client: httpx.AsyncClient, settings: Settings) -> None:
        self._client, self._settings = client, settings

    async def sign_in(self, role: CallerRole, *learners: str, tenant: str = "acme") -> Pupil:
        user = LEARNER if role is CallerRole.LEARNER else f"{role.value}-1"
        scope = frozenset(f"learner:{learner}" for learner in learners)
        caller = Caller(f"{user}@{tenant}.example", tenant, frozenset({role}), scope, user)
        pupil = Pupil(self._client, self._settings)
        self._client.cookies.clear()
        token = mint(self._settings.api, caller, timedelta(hours=1))
        assert (await pupil.post("/sign-in", token=token)).status_code == 303
        return pupil


@pytest.fixture
def school(client: httpx.AsyncClient, system: Settings) -> School:
    return School(client, system)


@pytest.mark.parametrize(
    ("role", "learners", "offered"),
    [
        (CallerRole.LEARNER, (LEARNER,), {"write", "name", "edit own"}),
        (CallerRole.PARENT, (LEARNER,), {"write", "name"}),
        (CallerRole.TEACHER, (LEARNER,), {"write", "name", "edit own", "edit", "moderate"}),
        (CallerRole.MODERATOR, (), {"edit own", "edit", "moderate"}),
        (CallerRole.OPERATOR, (), set()),
        (CallerRole.ADMIN, (), {"write", "name", "edit own", "edit", "moderate"}),
    ],
)
async def test_a_thread_offers_to_each_what_they_may(
    acme: Asking, school: School, role: CallerRole, learners: tuple[str, ...], offered: set[str]
) -> None:
    thread = await acme.thread()
    own = (await acme.say(thread, "mine", sender_id=LEARNER))["id"]
    others = (await acme.say(thread, "theirs", sender_id="someone"))["id"]
    pupil = await school.sign_in(role, *learners)

    page = (await pupil.get(f"/conversations/{thread}")).text
    found = {
        "write": 'placeholder="Write a message"' in page and 'class="composer"' in page,
        "edit own": f"/threads/{thread}/messages/{own}" in page,
        "edit": f"/threads/{thread}/messages/{others}" in page,
        "name": ">Title" in page,
        "moderate": "rchive, delete …" in page,
    }
    assert {name for name, is_there in found.items() if is_there} == offered

    statuses = {
        "write": await _status(pupil, f"/threads/{thread}/messages", text="hello"),
        "name": await _status(pupil, f"/threads/{thread}/title", title="Halves"),
        "edit own": await _status(pupil, f"/threads/{thread}/messages/{own}", text="changed"),
        "edit": await _status(pupil, f"/threads/{thread}/messages/{others}", text="changed"),
        "moderate": await _status(pupil, f"/threads/{thread}/archive", archived="yes"),
    }
    assert {name for name, status in statuses.items() if status == 303} == offered
    assert set(statuses.values()) <= {303, 403}


@pytest.mark.parametrize(
    ("learners", "tenant"), [(("learner-2",), "acme"), ((LEARNER,), "north"), ((), "acme")]
)
async def test_what_is_not_in_scope_looks_as_if_it_were_not_there(
    acme: Asking, school: School, learners: tuple[str, ...], tenant: str
) -> None:
    thread = await acme.thread()
    message = (await acme.say(thread, "secret", sender_id=LEARNER))["id"]
    pupil = await school.sign_in(CallerRole.TEACHER, *learners, tenant=tenant)
    base = f"/threads/{thread}"

    seen = [
        await pupil.get(address)
        for address in (
            f"/conversations/{thread}",
            base,
            f"{base}/messages/{message}",
            f"/messages/{message}",
        )
    ]
    done = [
        await pupil.submit(address, **fields)
        for address, fields in (
            (f"{base}/title", {"title": "mine"}),
            (f"{base}/archive", {"archived": "yes"}),
            (f"{base}/delete", {}),
            (f"{base}/messages", {"text": "hello"}),
            (f"{base}/messages/{message}", {"text": "changed"}),
            (f"{base}/messages/{message}/delete", {}),
        )
    ]

    assert {answer.status_code for answer in seen + done} == {404}
    assert not any("secret" in answer.text for answer in seen + done)
    assert await acme.said(thread) == ["secret"]


async def test_what_no_page_of_ours_sent_is_refused(acme: Asking, school: School) -> None:
    thread = await acme.thread()
    pupil = await school.sign_in(CallerRole.TEACHER, LEARNER)

    answers = [
        await pupil.post(f"/threads/{thread}/{what}", text="hello", title="x", archived="yes")
        for what in ("messages", "title", "archive", "delete")
    ]
    answers.append(await pupil.post(addresses.NEW_THREAD, learner=LEARNER))

    assert {answer.status_code for answer in answers} == {403}
    assert await acme.said(thread) == []


async def test_a_form_that_is_sent_twice_writes_once(acme: Asking, school: School) -> None:
    thread = await acme.thread()
    pupil = await school.sign_in(CallerRole.LEARNER)
    fields = {"text": "line one\r\nline two", "once": "0123456789abcdef"}

    for _ in range(2):
        answer = await pupil.submit(f"/threads/{thread}/messages", **fields)
        assert answer.headers["location"] == f"/conversations/{thread}"
    other = await pupil.submit(f"/threads/{thread}/messages", text="another", once=fields["once"])

    assert "something was sent already" in text_of(other)
    assert "another" in other.text
    assert fields["once"] not in other.text
    assert await acme.said(thread) == ["line one\nline two"]


async def test_what_is_not_written_is_shown_with_why(acme: Asking, school: School, system: Settings) -> None:
    thread = await acme.thread()
    pupil = await school.sign_in(CallerRole.LEARNER)
    database = await connect(system.database)
    try:
        await database.execute("UPDATE conversations SET captured = 1000 WHERE id = $1", thread)
    finally:
        await database.close()

    full = await pupil.submit(f"/threads/{thread}/messages", text="<b>one</b> too many")
    empty = await pupil.submit(f"/threads/{thread}/messages", text=" \r\n ")
    long = await pupil.submit(f"/threads/{thread}/messages", text="x" * 100_001)

    assert [answer.status_code for answer in (full, empty, long)] == [409, 422, 422]
    assert "This thread is full" in text_of(full)
    assert "&lt;b&gt;one&lt;/b&gt; too many" in full.text
    assert "Write something first" in text_of(empty)
    assert "x" * 100_001 in long.text


async def test_who_was_slower_is_shown_both(acme: Asking, school: School) -> None:
    thread = await acme.thread()
    message = (await acme.say(thread, "first", sender_id=LEARNER))["id"]
    pupil = await school.sign_in(CallerRole.LEARNER)
    address = f"/threads/{thread}/messages/{message}"
    await acme.ask("PUT", f"/api/v1{address}", json={"content": {"text": "theirs"}})

    refused = await pupil.submit(address, text="mine", tag='"0"')
    not_deleted = await pupil.submit(f"{address}/delete", tag='"0"')
    tag = re.search(r'name="tag" value="&#34;(\d+)&#34;"', refused.text)

    assert (refused.status_code, not_deleted.status_code) == (412, 412)
    assert "Somebody was faster" in text_of(refused)
    assert "theirs" in refused.text
    assert ">mine</textarea>" in refused.text
    assert tag
    assert (await pupil.submit(address, text="mine", tag=f'"{tag[1]}"')).status_code == 303
    assert await acme.said(thread) == ["mine"]


async def test_a_thread_is_named_put_aside_and_deleted(acme: Asking, school: School) -> None:
    pupil = await school.sign_in(CallerRole.TEACHER, LEARNER, "learner-2")
    form = await pupil.get(addresses.NEW_THREAD)
    made = await pupil.submit(addresses.NEW_THREAD, learner="learner-2", title="Fractions", once="once-1")
    again = await pupil.submit(addresses.NEW_THREAD, learner="learner-2", title="Fractions", once="once-1")
    stranger = await pupil.submit(addresses.NEW_THREAD, learner="learner-3", title="Mine")
    thread = made.headers["location"].removeprefix("/conversations/")

    assert re.findall(r"<option[^>]*>([^<]*)", form.text) == [LEARNER, "learner-2"]
    assert again.headers["location"] == made.headers["location"]
    assert stranger.status_code == 404
    assert 'value="Mine"' in stranger.text

    await pupil.submit(f"/threads/{thread}/title", title="Halves", tag="")
    slower = await pupil.submit(f"/threads/{thread}/title", title="Thirds", tag='"1"')
    await pupil.submit(f"/threads/{thread}/archive", archived="yes")
    archived = (await acme.ask("GET", f"/api/v1/threads/{thread}")).json()
    await pupil.submit(f"/threads/{thread}/archive", archived="no")
    back = (await acme.ask("GET", f"/api/v1/threads/{thread}")).json()
    gone = await pupil.submit(f"/threads/{thread}/delete", reason="over")

    assert slower.status_code == 412
    assert 'value="Thirds"' in slower.text
    assert (archived["title"], archived["archived"], back["archived"]) == ("Halves", True, False)
    assert gone.headers["location"] == addresses.CONVERSATIONS
    assert (await acme.ask("GET", f"/api/v1/threads/{thread}")).status_code == 404


@pytest.mark.parametrize(
    ("role", "places"),
    [
        (CallerRole.LEARNER, ["Conversations", "Search", "Learners’ data"]),
        (CallerRole.PARENT, ["Conversations", "Search", "Learners’ data"]),
        (CallerRole.TEACHER, ["Conversations", "Search"]),
    ],
)
async def test_who_is_here_for_learners_is_led_to_their_threads_and_nowhere_else(
    acme: Asking, school: School, role: CallerRole, places: list[str]
) -> None:
    await acme.thread(title="Fractions")
    pupil = await school.sign_in(role, LEARNER)

    home = await pupil.get(addresses.OVERVIEW)
    page = await pupil.get(home.headers["location"])
    menu = re.search(r'<nav aria-label="Main">(.*?)</nav>', page.text, re.DOTALL)
    links = re.findall(r'href="(/[^"#]*)"', page.text)
    followed = {link: (await pupil.get(link.replace("&amp;", "&"))).status_code for link in links}

    assert home.status_code == 303
    assert "Fractions" in page.text
    assert menu
    assert re.findall(r"</svg>([^<]*)", menu[1]) == places
    assert {link: status for link, status in followed.items() if status not in {200, 303}} == {}


async def test_it_is_noted_who_looks_at_a_message_to_edit_it(
    acme: Asking, school: School, system: Settings
) -> None:
    thread = await acme.thread()
    message = (await acme.say(thread, "first"))["id"]
    pupil = await school.sign_in(CallerRole.TEACHER, LEARNER)
    await pupil.get(f"/threads/{thread}/messages/{message}")

    database = await connect(system.database)
    try:
        noted = await database.fetchrow("SELECT * FROM access_log WHERE who LIKE 'teacher-1@%'")
    finally:
        await database.close()
    assert noted is not None
    assert noted["action"] == "read_threads"
    assert message in noted["subject"]


async def _status(pupil: Pupil, address: str, **fields: str) -> int:
    return (await pupil.submit(address, **fields)).status_code
