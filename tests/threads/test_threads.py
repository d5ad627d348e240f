"""Threads and their messages, by REST: what is written is read back, changed, deleted, and counted."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.postgres.connections import connect
from app.threads.representations import ThreadMessageList
from models.access import CallerRole
from tests.site.fixtures import serve
from tests.threads.asking import THREADS_AT, Asking

if TYPE_CHECKING:
    import asyncpg

    from app.settings import Settings


async def rows_of(settings: Settings, query: str, *arguments: object) -> list[asyncpg.Record]:
    database = await connect(settings.database)
    try:
        return await database.fetch(query, *arguments)
    finally:
        await database.close()


async def test_a_thread_is_made_and_read_back(acme: Asking) -> None:
    made = await acme.ask(
        "POST", THREADS_AT, json={"learner_id": "l1", "title": "Fractions", "metadata": {"a": [1]}}
    )
    assert made.status_code == 201
    thread = made.json()
    assert made.headers["location"] == f"{THREADS_AT}/{thread['id']}"
    assert (thread["tenant_id"], thread["learner_id"], thread["title"]) == ("acme", "l1", "Fractions")
    assert (thread["metadata"], thread["message_count"], thread["archived"]) == ({"a": [1]}, 0, False)
    assert thread["last_message_at"] is None

    read = await acme.ask("GET", f"{THREADS_AT}/{thread['id']}")
    assert read.json() == thread
    assert read.headers["etag"] == made.headers["etag"]


@pytest.mark.parametrize(
    ("content", "read", "text"),
    [
        ("Hello", {"text": "Hello"}, "Hello"),
        ({"text": "Hello"}, {"text": "Hello"}, "Hello"),
        ({"text": "Hi", "lang": "en"}, {"text": "Hi", "lang": "en"}, "Hi"),
        (
            {"parts": [{"type": "text", "text": "One"}, {"type": "image", "url": "x"}, "Two"]},
            {"parts": [{"type": "text", "text": "One"}, {"type": "image", "url": "x"}, "Two"]},
            "One\nTwo",
        ),
        ({"text": "half \ud83d of an emoji"}, {"text": "half � of an emoji"}, "half � of an emoji"),
    ],
)
async def test_a_message_is_read_back_as_it_was_written(
    acme: Asking, system: Settings, content: Any, read: dict[str, Any], text: str
) -> None:
    thread = await acme.thread()

    answer = await acme.ask(
        "POST",
        f"{THREADS_AT}/{thread}/messages",
        content=json.dumps({"content": content, "metadata": {"k": {"v": None}}, "message_type": "note"}),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 201, answer.text
    message = answer.json()
    assert (message["content"], message["metadata"]) == (read, {"k": {"v": None}})
    again = await acme.ask("GET", answer.headers["location"])
    assert again.json() == message
    assert again.headers["etag"] == answer.headers["etag"] == '"0"'
    listed = await acme.ask("GET", f"{THREADS_AT}/{thread}/messages")
    assert listed.json() == {"items": [message], "next": None}
    [row] = await rows_of(system, "SELECT * FROM all_messages WHERE platform = 'threads'")
    assert (str(row["id"]), row["channel"], row["content"]) == (message["id"], "acme", text)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"content": ""},
        {"content": {}},
        {"content": {"text": 1}},
        {"content": {"parts": []}},
        {"content": "a" * 100_001},
        {"content": "a", "metadata": {"chatlog.content": 1}},
        {"content": "a", "metadata": []},
        {"content": "a", "sender_role": "king"},
        {"content": "a", "sender_id": "a\u0000b"},
        {"content": "a", "reply_to": "no id"},
        {"content": "a", "reply_to": str(uuid.uuid4())},
        {"content": "a", "unknown": 1},
    ],
)
async def test_what_cannot_be_used_is_refused_with_what_is_wrong(acme: Asking, told: dict[str, Any]) -> None:
    thread = await acme.thread()
    answer = await acme.post(thread, **told)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert await acme.said(thread) == []


async def test_messages_are_listed_in_parts_either_way_and_by_what_they_are(acme: Asking) -> None:
    thread = await acme.thread()
    for number in range(7):
        await acme.say(
            thread, str(number), sender_id=f"s{number % 2}", message_type="odd" if number % 2 else "even"
        )
    texts: list[str] = []
    address: str | None = f"{THREADS_AT}/{thread}/messages?limit=3"
    while address:
        answer = await acme.ask("GET", address)
        texts += [message["content"]["text"] for message in answer.json()["items"]]
        address = answer.links["next"]["url"] if answer.links else None
        assert (answer.json()["next"] is None) == (address is None)
    assert texts == list("0123456")
    assert await acme.said(thread, order="newest", limit=2) == ["6", "5"]
    assert await acme.said(thread, sender_id="s1") == ["1", "3", "5"]
    assert await acme.said(thread, message_type="even", order="newest") == ["6", "4", "2", "0"]
    middle = (await acme.ask("GET", f"{THREADS_AT}/{thread}/messages")).json()["items"][3]["created_at"]
    assert await acme.said(thread, since=middle) == list("3456")
    assert await acme.said(thread, until=middle) == list("012")


async def test_threads_are_listed_by_who_wrote_last_and_filtered(acme: Asking) -> None:
    threads = [await acme.thread(f"l{number % 2}", title=str(number)) for number in range(5)]
    await acme.say(threads[1], "now it is the newest")
    await acme.ask("PUT", f"{THREADS_AT}/{threads[3]}", json={"archived": True})

    async def titles(**asked: Any) -> list[str]:
        found: list[str] = []
        cursor = None
        while True:
            params = asked | {"limit": 2} | ({"cursor": cursor} if cursor else {})
            answer = (await acme.ask("GET", THREADS_AT, params=params)).json()
            found += [thread["title"] for thread in answer["items"]]
            if (cursor := answer["next"]) is None:
                return found

    assert await titles() == ["3", "1", "4", "2", "0"]
    assert await titles(learner_id="l1") == ["3", "1"]
    assert await titles(archived=True) == ["3"]
    assert await titles(archived=False) == ["1", "4", "2", "0"]
    since = (await acme.ask("GET", f"{THREADS_AT}/{threads[4]}")).json()["updated_at"]
    assert await titles(updated_since=since) == ["3", "1", "4"]
    assert await titles(learner_id="nobody") == []


async def test_who_was_slower_is_told_so(acme: Asking) -> None:
    thread = await acme.thread(title="First")
    at = f"{THREADS_AT}/{thread}"
    seen = (await acme.ask("GET", at)).headers["etag"]
    changed = await acme.ask("PUT", at, json={"title": "Second"}, headers={"If-Match": seen})
    assert (changed.status_code, changed.json()["title"]) == (200, "Second")
    assert changed.headers["etag"] != seen
    for method in ("PUT", "DELETE"):
        told = {"json": {"title": "Third"}} if method == "PUT" else {}
        slower = await acme.ask(method, at, headers={"If-Match": seen}, **told)
        assert slower.status_code == 412
    assert (await acme.ask("GET", at)).json()["title"] == "Second"

    message = await acme.say(thread, "first")
    where = f"{at}/messages/{message['id']}"
    edits = await asyncio.gather(
        *(
            acme.ask("PUT", where, json={"content": str(number)}, headers={"If-Match": '"0"'})
            for number in range(8)
        )
    )
    assert sorted(edit.status_code for edit in edits) == [200] + [412] * 7
    assert (await acme.ask("DELETE", where, headers={"If-Match": '"0"'})).status_code == 412
    assert (await acme.ask("DELETE", where, headers={"If-Match": "*"})).status_code == 204


async def test_what_is_not_given_stays_as_it_is(acme: Asking) -> None:
    thread = await acme.thread(title="Title", metadata={"k": 1})
    at = f"{THREADS_AT}/{thread}"
    assert (await acme.ask("PUT", at, json={"archived": True})).json() | {"updated_at": ""} == (
        await acme.ask("GET", at)
    ).json() | {"updated_at": ""}
    kept = (await acme.ask("GET", at)).json()
    assert (kept["title"], kept["metadata"], kept["archived"]) == ("Title", {"k": 1}, True)
    message = await acme.say(thread, "a", metadata={"m": 2}, message_type="note")
    edited = (await acme.ask("PUT", f"{at}/messages/{message['id']}", json={"content": "b"})).json()
    assert (edited["content"], edited["metadata"], edited["message_type"]) == (
        {"text": "b"},
        {"m": 2},
        "note",
    )
    assert edited["edited_at"] > edited["created_at"]


async def test_an_edit_keeps_what_was_said_before_and_a_deletion_leaves_nothing_of_it(
    acme: Asking, system: Settings
) -> None:
    thread = await acme.thread()
    message = await acme.say(thread, "one")
    where = f"{THREADS_AT}/{thread}/messages/{message['id']}"
    await acme.ask("PUT", where, json={"content": "two"})
    await acme.ask("PUT", where, json={"content": "three"})
    versions = "SELECT kind, content FROM message_versions ORDER BY changed, kind"
    assert [tuple(row) for row in await rows_of(system, versions)] == [
        ("first", "one"),
        ("edit", "two"),
        ("edit", "three"),
    ]
    assert await acme.said(thread) == ["three"]

    assert (await acme.ask("DELETE", where)).status_code == 204
    assert (await acme.ask("DELETE", where)).status_code == 404
    assert (await acme.ask("GET", where)).status_code == 404
    assert await acme.said(thread) == []
    assert (await acme.ask("GET", f"{THREADS_AT}/{thread}")).json()["message_count"] == 0
    assert {row["content"] for row in await rows_of(system, versions)} == {"", None}
    [row] = await rows_of(system, "SELECT content, deletion, metadata FROM messages")
    assert tuple(row) == ("", "blank", None)


async def test_a_thread_goes_with_its_messages_and_leaves_the_log_of_it(
    acme: Asking, system: Settings
) -> None:
    thread, other = await acme.thread("l1"), await acme.thread("l1")
    message = await acme.say(thread, "a secret")
    await acme.ask("PUT", f"{THREADS_AT}/{thread}/messages/{message['id']}", json={"content": "b"})
    await acme.say(other, "stays")
    deleted = await acme.ask("DELETE", f"{THREADS_AT}/{thread}", params={"reason": "moved away"})
    assert deleted.status_code == 204
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/messages"), ("GET", "/events")):
        assert (await acme.ask(method, f"{THREADS_AT}/{thread}{path}")).status_code == 404
    assert (await acme.post(thread, content="late")).status_code == 404
    assert await acme.said(other) == ["stays"]
    assert [row["content"] for row in await rows_of(system, "SELECT content FROM messages")] == ["stays"]
    assert await rows_of(system, "SELECT FROM message_versions") == []
    [log] = await rows_of(
        system,
        "SELECT tenant_id, learner_id, thread_id, requested_by, reason, messages FROM chat_deletion_logs",
    )
    assert tuple(log)[:2] == ("acme", "l1")
    assert (str(log["thread_id"]), log["requested_by"]) == (thread, acme.caller.id)
    assert (log["reason"], log["messages"]) == ("moved away", 1)


async def test_a_thread_of_who_has_a_clock_that_is_ahead_has_all_its_messages(
    acme: Asking, system: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = datetime.now(UTC).replace(microsecond=123_000) + timedelta(minutes=5)
    monkeypatch.setattr("app.threads.service._now", lambda: ahead)
    thread = await acme.thread()
    written = await acme.post(thread, key="k", content="one")
    assert written.status_code == 201
    message = f"{THREADS_AT}/{thread}/messages/{written.json()['id']}"
    assert (await acme.ask("PUT", message, json={"content": "two"})).status_code == 200
    assert await acme.said(thread) == await acme.said(thread, order="newest") == ["two"]
    await acme.ask("DELETE", f"{THREADS_AT}/{thread}")
    for table in ("messages", "message_versions", "idempotency_keys"):
        assert await rows_of(system, f"SELECT FROM {table}") == []


async def test_under_one_key_a_request_is_carried_out_once(acme: Asking, system: Settings) -> None:
    made = [
        await acme.ask("POST", THREADS_AT, json={"learner_id": "l"}, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert made[0].json() == made[1].json()
    thread = made[0].json()["id"]
    at_once = await asyncio.gather(*(acme.post(thread, key="m", content="once") for _ in range(10)))
    assert {answer.status_code for answer in at_once} == {201}
    assert len({answer.json()["id"] for answer in at_once}) == 1
    later = await acme.post(thread, key="m", content="once")
    assert later.json() == at_once[0].json()
    assert (await acme.post(thread, key="m", content="another")).status_code == 422
    another = acme.as_(CallerRole.ADMIN)
    assert (await another.post(thread, key="m", content="of another")).status_code == 201
    assert await acme.said(thread) == ["once", "of another"]
    [days] = await rows_of(system, "SELECT sum(messages)::int FROM message_day_deltas")
    assert days[0] == 2


async def test_a_thread_takes_as_many_as_it_holds_however_many_come_at_once(
    system: Settings, acme: Asking
) -> None:
    """By two replicas, of which neither knows of the other's."""
    small = system.replace(threads={"max_messages_per_thread": 10})
    async with serve(small) as one, serve(small) as two:
        asking = [Asking(client, small, "acme") for client in (one, two)]
        thread = await asking[0].thread()
        answers = await asyncio.gather(
            *(asking[number % 2].post(thread, content=str(number)) for number in range(60))
        )
        assert sorted(answer.status_code for answer in answers) == [201] * 10 + [409] * 50
        kept = (await asking[0].ask("GET", f"{THREADS_AT}/{thread}")).json()["message_count"]
        assert kept == len(await asking[1].said(thread)) == 10
        message = (await asking[0].ask("GET", f"{THREADS_AT}/{thread}/messages")).json()["items"][0]["id"]
        await asking[0].ask("DELETE", f"{THREADS_AT}/{thread}/messages/{message}")
        assert (await asking[1].post(thread, content="there is room again")).status_code == 201


async def test_what_is_sent_again_takes_no_others_room(system: Settings, acme: Asking) -> None:
    small = system.replace(threads={"max_messages_per_thread": 2})
    async with serve(small) as client:
        asking = Asking(client, small, "acme")
        thread = await asking.thread()
        answers = await asyncio.gather(
            *(asking.post(thread, key="k", content="once") for _ in range(10)),
            asking.post(thread, key="another", content="beside it"),
        )
        assert {answer.status_code for answer in answers} == {201}
        assert sorted(await asking.said(thread)) == ["beside it", "once"]
        assert (await asking.post(thread, content="one too many")).status_code == 409


async def test_who_writes_for_others_says_in_whose_name(acme: Asking) -> None:
    thread = await acme.thread("l1")
    learner = acme.as_(CallerRole.LEARNER, "l1", user="user-1")
    own = await learner.say(thread, "I do not understand")
    assert (own["sender_id"], own["sender_role"]) == ("user-1", "user")
    answer = await acme.say(
        thread, "Look here", sender_id="tutor", sender_role="assistant", reply_to=own["id"]
    )
    assert (answer["sender_id"], answer["sender_role"], answer["reply_to"]) == (
        "tutor",
        "assistant",
        own["id"],
    )
    for told in ({"sender_id": "another"}, {"sender_role": "assistant"}):
        assert (await learner.post(thread, content="a", **told)).status_code == 403
    where = f"{THREADS_AT}/{thread}/messages"
    assert (await learner.ask("PUT", f"{where}/{answer['id']}", json={"content": "b"})).status_code == 403
    assert (await learner.ask("DELETE", f"{where}/{answer['id']}")).status_code == 403
    assert (await learner.ask("PUT", f"{where}/{own['id']}", json={"content": "b"})).status_code == 200
    teacher = acme.as_(CallerRole.TEACHER, "l1")
    assert (await teacher.ask("DELETE", f"{where}/{own['id']}")).status_code == 204


async def test_who_moderates_changes_any_message_also_their_own_and_names_no_thread(acme: Asking) -> None:
    thread = await acme.thread("l1", title="Theirs")
    at = f"{THREADS_AT}/{thread}"
    moderator = acme.as_(CallerRole.MODERATOR)
    own = await acme.say(thread, "written when they were a tutor, too", sender_id=moderator.caller.id)
    others = await acme.say(thread, "of another")
    for message in (own, others):
        where = f"{at}/messages/{message['id']}"
        assert (await moderator.ask("PUT", where, json={"content": "b"})).status_code == 200
        assert (await moderator.ask("DELETE", where)).status_code == 204
    learner = acme.as_(CallerRole.LEARNER, "l1")
    both = {"archived": True, "title": "Another's"}
    for asking in (moderator, learner):
        assert (await asking.ask("PUT", at, json=both)).status_code == 403
    for asking in (moderator, learner, acme.as_(CallerRole.OPERATOR)):
        may_archive = asking is moderator
        archived = await asking.ask("PUT", at, json={"archived": True})
        assert archived.status_code == (200 if may_archive else 403)
        assert (await asking.ask("PUT", at, json={})).status_code == (200 if asking is learner else 403)
    assert (await acme.ask("GET", at)).json()["title"] == "Theirs"
    assert (await acme.ask("PUT", at, json=both)).status_code == 200


async def test_what_is_asked_too_often_is_refused_with_when_to_ask_again(
    system: Settings, acme: Asking
) -> None:
    limited = system.replace(limits={"rate_limit_threads_caller": "3/minute"})
    async with serve(limited) as client:
        asking = Asking(client, limited, "acme")
        answers = [await asking.ask("GET", THREADS_AT) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert int(answers[3].headers["retry-after"]) > 0
        assert answers[3].headers["content-type"] == "application/problem+json"
    off = limited.replace(limits={"enable_rate_limiting": False})
    async with serve(off) as client:
        asking = Asking(client, off, "acme")
        assert {(await asking.ask("GET", THREADS_AT)).status_code for _ in range(5)} == {200}


async def test_whatever_is_answered_says_how_far_its_caller_is(system: Settings) -> None:
    limited = system.replace(limits={"rate_limit_threads_caller": "100/minute"})
    async with serve(limited) as client:
        acme = Asking(client, limited, "acme")
        thread = await acme.thread()
        at = f"{THREADS_AT}/{thread}"
        answers = [
            await acme.ask("GET", f"{THREADS_AT}/{uuid.uuid4()}"),
            await acme.ask("PUT", at, json={"title": "a"}, headers={"If-Match": '"never"'}),
            await acme.ask("GET", at, params={"limit": "many"}),
            await acme.ask("PUT", at, json={"title": 7}),
            await acme.post(thread, content="a", reply_to=str(uuid.uuid4())),
            await acme.hear(f"{at}/events", "following"),
            await acme.ask("DELETE", at),
        ]
        assert [answer.status_code for answer in answers] == [404, 412, 422, 422, 422, 200, 204]
        left = [int(answer.headers["x-ratelimit-remaining"]) for answer in answers]
        assert left == list(range(98, 91, -1))
        owner = await acme.as_(CallerRole.OWNER).ask("GET", THREADS_AT)
        assert (owner.status_code, owner.headers["x-ratelimit-remaining"]) == (403, "99")


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"method": "GET"}, 401),
        ({"method": "GET", "headers": {"Authorization": "Bearer of.no.one"}}, 401),
        ({"method": "POST", "content": "{", "headers": {"Content-Type": "application/json"}}, 422),
    ],
)
async def test_who_is_nobody_or_says_nothing_is_counted_by_address(
    system: Settings, asked: dict[str, Any], refused: int
) -> None:
    limited = system.replace(limits={"rate_limit_threads_address": "3/minute"})
    async with serve(limited) as client:
        answers = [(await client.request(url=THREADS_AT, **asked)).status_code for _ in range(4)]
        assert answers == [refused] * 3 + [429]
        acme = Asking(client, limited, "acme")
        assert (await acme.ask("GET", THREADS_AT)).status_code == 429


async def test_messages_are_shown_as_the_document_describes_them(acme: Asking) -> None:
    thread = await acme.thread()
    question = await acme.say(thread, "a?", metadata={"a": None})
    answer = await acme.say(thread, "b", reply_to=question["id"], sender_role="assistant")
    where = f"{THREADS_AT}/{thread}/messages"
    edited = (await acme.ask("PUT", f"{where}/{answer['id']}", json={"content": "c"})).json()
    listed = (await acme.ask("GET", where)).text
    assert ThreadMessageList.model_validate_json(listed).model_dump_json() == listed.replace(" ", "")
    assert json.loads(listed)["items"] == [question, edited]
