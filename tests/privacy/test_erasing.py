"""Learners are erased: all that is kept of them is gone everywhere, and of others nothing."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING
from uuid import UUID

import orjson
import pytest

from app.kafka.topics import topics_of
from app.privacy import erasing, places
from app.threads import heads
from app.threads.rows import NoSuchThread
from models.access import Action, CallerRole
from tests.privacy.requests import (
    PRIVACY_AT,
    as_the_api,
    ask_for,
    asked_for,
    becomes,
    erased,
    look_at,
    rows_of,
    where_is,
)
from tests.services import changed, eventually
from tests.sinks.kafka.topics import all_records_in
from tests.site.fixtures import client_of, running, serve
from tests.site.owners import execute
from tests.threads.asking import THREADS_AT, Asking
from tests.threads.holding import holding

if TYPE_CHECKING:
    from app.privacy.places import Delete, Deleted
    from app.privacy.rows import OpenDeletion
    from app.settings import Settings


async def talk(acme: Asking, learner: str = "l1", *, key: str | None = None) -> str:
    """Make a thread with two messages, of which one was edited, and one deleted again."""
    headers = {} if key is None else {"Idempotency-Key": f"{key}-t"}
    made = await acme.ask("POST", THREADS_AT, json={"learner_id": learner}, headers=headers)
    thread: str = made.json()["id"]
    said = (await acme.post(thread, key=key, content=f"a secret of {learner}")).json()
    await acme.say(thread, f"another secret of {learner}")
    await acme.ask("PUT", f"{THREADS_AT}/{thread}/messages/{said['id']}", json={"content": "better"})
    gone = await acme.say(thread, "never mind")
    await acme.ask("DELETE", f"{THREADS_AT}/{thread}/messages/{gone['id']}")
    return thread


async def test_all_of_a_learner_is_gone_everywhere_and_nothing_of_others(
    acme: Asking, system: Settings
) -> None:
    threads = [await talk(acme, key="k"), await talk(acme), await acme.thread("l1")]
    deleted_before = await talk(acme, key="before")
    assert (await acme.ask("DELETE", f"{THREADS_AT}/{deleted_before}")).status_code == 204
    other = await talk(acme, "l2", key="o")
    elsewhere = acme.as_(CallerRole.SERVICE, tenant="umbrella")
    theirs = await talk(elsewhere, "l1")
    topics = topics_of(system.topology)
    for key in (threads[0], deleted_before, "acme/l1", "acme/l2", "umbrella/l1"):
        await execute(
            system,
            'INSERT INTO dead_letters (topic, partition, "offset", reason, key) '
            "SELECT $1, 0, count(*), 'BAD_JSON', convert_to($2::varchar, 'UTF8') FROM dead_letters",
            topics.thread_events.name,
            key,
        )

    await execute(
        system,
        "INSERT INTO person_weeks (platform, person_id, week, channel) VALUES "
        "('threads', 'l1', '2026-11-23', 'acme'), ('threads', 'l1', '2026-11-30', 'acme'), "
        "('threads', 'l2', '2026-11-23', 'acme'), ('threads', 'l1', '2026-11-23', 'umbrella'), "
        "('twitch', 'l1', '2026-11-23', 'acme')",
    )

    done = await erased(acme, reason="asked for by the family")

    assert await where_is(system, *threads, deleted_before, "acme/l1") == set()
    [found] = await rows_of(
        system, "SELECT count(*) AS many FROM conversations WHERE channel = 'acme' AND subject_id = 'l1'"
    )
    assert found["many"] == 0
    assert done["counts"]["conversations"] == 3
    assert done["counts"]["messages"] == 6
    assert done["counts"]["message_versions"] == 2 * 3
    assert (done["counts"]["dead_letters"], done["counts"]["person_weeks"]) == (3, 2)
    weeks = await rows_of(system, "SELECT platform, channel, person_id FROM person_weeks")
    assert {tuple(row) for row in weeks} == {
        ("threads", "acme", "l2"),
        ("threads", "umbrella", "l1"),
        ("twitch", "acme", "l1"),
    }
    # Of a message and its thread, and of the thread that was deleted before; whose message took its own.
    assert done["counts"]["idempotency_keys"] == 3
    assert done["counts"]["thread_events"] > 0
    assert (done["finished_at"] is not None, done["trouble"], done["download"]) == (True, None, None)
    assert (done["requested_by"], done["reason"]) == (acme.caller.id, "asked for by the family")
    for asking, thread in ((acme, other), (elsewhere, theirs)):
        assert len(await asking.said(thread)) == 2
    assert await where_is(system, other) >= {"conversations", "messages", "idempotency_keys", "thread_events"}
    kept = await rows_of(system, "SELECT convert_from(key, 'UTF8') AS key FROM dead_letters")
    assert {row["key"] for row in kept} == {"acme/l2", "umbrella/l1"}


async def test_that_it_was_asked_and_each_end_of_a_thread_is_logged_and_told(
    acme: Asking, system: Settings
) -> None:
    threads = {await talk(acme), await talk(acme)}
    done = await erased(acme, reason="why")

    logged = await rows_of(
        system, "SELECT thread_id, status, requested_by, reason, threads, messages FROM chat_deletion_logs"
    )
    assert {str(row["thread_id"]) for row in logged} == threads | {"None"}
    assert {tuple(row)[1:4] for row in logged} == {("done", acme.caller.id, "why")}
    [asked] = [row for row in logged if row["thread_id"] is None]
    assert (asked["threads"], asked["messages"]) == (2, 6 - 2 + 2)
    events = await rows_of(
        system, "SELECT event_type, conversation_id, learner_id, data FROM thread_events ORDER BY number"
    )
    assert [event["event_type"] for event in events] == [
        "CHAT_PRIVACY_DELETION_REQUESTED",
        "CHAT_THREAD_DELETED",
        "CHAT_THREAD_DELETED",
    ]
    assert {str(event["conversation_id"]) for event in events} == threads | {"None"}
    assert orjson.loads(events[0]["data"]) == {"request_id": done["id"], "requested_by": acme.caller.id}


async def test_of_whom_there_is_nothing_is_done_with_nothing_and_again_as_a_new_request(
    acme: Asking,
) -> None:
    await talk(acme)
    first = await erased(acme)
    again = await erased(acme)
    nobody = await erased(acme, "nobody")
    assert first["id"] != again["id"]
    assert (again["counts"], nobody["counts"]) == ({}, {})


async def test_who_writes_on_meanwhile_has_what_they_wrote_before_its_end_deleted(
    acme: Asking, system: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two looks at the same places, so that the first does not find it."""
    for _ in range(3):
        await talk(acme)
    written = asyncio.Event()
    end = erasing.Erasures._end

    async def writing_before(self: erasing.Erasures, request: OpenDeletion) -> bool:
        if not written.is_set():
            written.set()
            await talk(acme)
        return await end(self, request)

    monkeypatch.setattr(erasing.Erasures, "_end", writing_before)
    done = await erased(acme)
    assert done["counts"]["conversations"] == 4
    assert (await acme.ask("GET", THREADS_AT, params={"learner_id": "l1"})).json()["items"] == []


async def test_two_replicas_erase_each_thread_once(system: Settings, acme: Asking) -> None:
    learners = [f"l{number}" for number in range(4)]
    for learner in learners:
        for _ in range(5):
            await acme.say(await acme.thread(learner), "a")
    async with serve(as_the_api(system)) as one, serve(as_the_api(system)) as two:
        askings = [Asking(one, system, "acme"), Asking(two, system, "acme")]
        requests = await asyncio.gather(
            *(
                asked_for(askings[number % 2], "delete", learner)
                for number, learner in enumerate(learners)
                for _ in range(2)
            )
        )
        assert len({request["id"] for request in requests}) == 4
        for number, request in enumerate(requests):
            done = await becomes(askings[number % 2], request["id"], "done")
            assert (done["counts"]["conversations"], done["counts"]["messages"]) == (5, 5)
    events = await rows_of(
        system,
        "SELECT count(*) AS many, count(DISTINCT conversation_id) AS threads FROM thread_events "
        "WHERE event_type = 'CHAT_THREAD_DELETED'",
    )
    assert tuple(events[0]) == (20, 20)


async def test_what_waits_for_kafka_goes_unsent_but_that_the_thread_is_gone(system: Settings) -> None:
    away = changed(system, kafka_bootstrap_servers=("127.0.0.1:9",))
    async with serve(as_the_api(away)) as client:
        asking = Asking(client, away, "acme")
        thread = await talk(asking)
        await execute(system, "UPDATE thread_events SET occurred = occurred - interval '1 hour'")
        await erased(asking)
    async with serve(as_the_api(system)):

        async def is_all_sent() -> bool:
            rows = await rows_of(system, "SELECT FROM thread_events WHERE published IS NULL")
            return not rows

        await eventually(is_all_sent)
    (server,) = system.kafka.require_servers()
    records = await all_records_in(server, topics_of(system.topology).thread_events.name)
    sent = [orjson.loads(record.value or b"") for record in records]
    # They are keyed otherwise, so in any order.
    assert sorted((event["event_type"], event["data"].get("thread_id")) for event in sent) == [
        ("CHAT_PRIVACY_DELETION_REQUESTED", None),
        ("CHAT_THREAD_DELETED", thread),
    ]


async def test_what_the_database_refuses_is_told_and_goes_on_when_that_is_mended(
    acme: Asking, system: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "EVERY_S", 0.2)
    await talk(acme)
    await execute(
        system,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE insufficient_privilege; END$$",
    )
    await execute(
        system, "CREATE TRIGGER refused BEFORE DELETE ON conversations FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    async with serve(as_the_api(system)) as client:
        asking = Asking(client, system, "acme")
        request = await asked_for(asking, "delete")

        async def is_told() -> bool:
            found = await look_at(asking, request["id"])
            return (found["status"], found["trouble"]) == ("running", erasing.REFUSED)

        await eventually(is_told)
        await execute(system, "DROP TRIGGER refused ON conversations")
        done = await becomes(asking, request["id"], "done")
        assert (done["trouble"], done["counts"]["conversations"]) == (None, 1)


async def test_whom_the_database_does_not_let_go_keeps_nobody_else_from_being_erased(
    acme: Asking, system: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds the first's thread; somebody's own table refers to the second's."""
    monkeypatch.setattr(erasing, "EVERY_S", 0.2)
    held, referred_to, _ = [await talk(acme, learner) for learner in ("l1", "l2", "l3")]
    await execute(system, "CREATE TABLE theirs (thread uuid REFERENCES conversations)")
    await execute(system, "INSERT INTO theirs VALUES ($1)", referred_to)
    async with serve(as_the_api(system)) as client:
        asking = Asking(client, system, "acme")
        async with holding(system, held):
            requests = [(await asked_for(asking, "delete", learner))["id"] for learner in ("l1", "l2", "l3")]
            await becomes(asking, requests[2], "done")

            async def are_told() -> bool:
                found = [await look_at(asking, request) for request in requests[:2]]
                return [one["trouble"] for one in found] == [erasing.HELD_UP, erasing.REFUSED]

            await eventually(are_told)
        await execute(system, "DROP TABLE theirs")
        for request in requests[:2]:
            done = await becomes(asking, request, "done")
            assert (done["trouble"], done["counts"]["conversations"]) == (None, 1)


async def test_a_transaction_deletes_no_more_than_it_has_time_for(
    acme: Asking, system: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    most: list[int] = []
    delete = erasing.Erasures._delete_some

    async def noted(self: erasing.Erasures, request: OpenDeletion, place: Delete) -> Deleted:
        deleted = await delete(self, request, place)
        if "conversations" not in deleted.counts:
            most.extend(deleted.counts.values())
        return deleted

    monkeypatch.setattr(erasing.Erasures, "_delete_some", noted)
    monkeypatch.setattr(places, "ROWS_A_STEP", 2)
    thread = await talk(acme, key="k")
    for number in range(5):
        await execute(
            system,
            'INSERT INTO dead_letters (topic, partition, "offset", reason, key) '
            "VALUES ($1, 0, $2, 'BAD_JSON', convert_to($3::varchar, 'UTF8'))",
            topics_of(system.topology).thread_events.name,
            number,
            thread,
        )
    done = await erased(acme)
    assert await where_is(system, thread) == set()
    assert (done["counts"]["dead_letters"], done["counts"]["message_versions"]) == (5, 3)
    assert max(most) == 2


async def test_what_another_replica_remembers_of_a_thread_lets_nobody_at_it(
    acme: Asking, system: Settings
) -> None:
    thread = await talk(acme)
    async with serve(as_the_api(system)) as client:
        other = Asking(client, system, "acme")
        assert await other.said(thread)
        await erased(acme)
        assert (await other.ask("GET", f"{THREADS_AT}/{thread}")).status_code == 404
        assert (await other.post(thread, content="late")).status_code == 404


@pytest.mark.parametrize("remembered_s", [3600.0, -1.0])
async def test_whose_a_thread_is_is_not_remembered_for_ever(
    system: Settings, monkeypatch: pytest.MonkeyPatch, remembered_s: float
) -> None:
    """Also where nobody tells that it is gone, as another replica does not."""
    monkeypatch.setattr(heads, "REMEMBERED_S", remembered_s)
    async with running(as_the_api(system)) as app, client_of(app) as client:
        acme = Asking(client, system, "acme")
        thread = await acme.thread()
        await execute(system, "DELETE FROM conversations WHERE id = $1", thread)
        known = app.state.threads.threads.head(acme.caller, Action.READ_THREADS, UUID(thread))
        with nullcontext() if remembered_s > 0 else pytest.raises(NoSuchThread):
            assert (await known).learner == "learner-1"


async def test_while_it_is_under_way_the_same_request_is_answered(acme: Asking, system: Settings) -> None:
    thread = await talk(acme)
    async with serve(as_the_api(system)) as client:
        asking = Asking(client, system, "acme")
        async with holding(system, thread):
            first, second = [await asked_for(asking, "delete") for _ in range(2)]
            by_another = await ask_for(acme.as_(CallerRole.PARENT, "l1"), "delete")
        assert first["id"] == second["id"] == by_another.json()["id"]
        assert first["status"] in {"requested", "running"}
        await becomes(asking, first["id"], "done")
        listed = (await acme.ask("GET", PRIVACY_AT, params={"learner_id": "l1"})).json()["items"]
        assert [one["id"] for one in listed] == [first["id"]]
