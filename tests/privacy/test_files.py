"""A learner's data as a file, by the road of all exports: who has it, what is in it, and when it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from app.settings import Role
from models.access import CallerRole
from tests.exporting import download
from tests.privacy.requests import PRIVACY_AT, asked_for, becomes, erased, rows_of
from tests.services import s3_client
from tests.site.owners import execute
from tests.threads.asking import THREADS_AT, Asking

if TYPE_CHECKING:
    from app.settings import Settings
    from sinks.storage.bucket import BucketSettings
    from tests.workers import Workers


async def records_of(asking: Asking, request: str) -> list[dict[str, Any]]:
    """Return what is in the file of a request, by the way that its `download` names."""
    done = await becomes(asking, request, "done")
    answer = await asking.ask("GET", done["download"])
    assert answer.status_code == 307, answer.text
    return [orjson.loads(line) for line in (await download(answer.headers["location"])).splitlines()]


async def test_a_file_has_all_that_is_kept_of_a_learner_and_nothing_of_others(
    school: Asking, storing: Settings, workers: Workers, storage: BucketSettings
) -> None:
    workers.start(Role.EXPORT)
    empty = await school.thread("l1", title="Nothing yet")
    thread = await school.thread("l1", title="Fractions", metadata={"subject": "math"})
    said = await school.say(thread, "What is a half?", metadata={"k": 1}, sender_id="l1")
    parts = {"parts": [{"type": "text", "text": "One"}, "Two"]}
    answer = (await school.post(thread, content=parts, sender_role="assistant", reply_to=said["id"])).json()
    await school.ask("PUT", f"{THREADS_AT}/{thread}/messages/{said['id']}", json={"content": "And a third?"})
    gone = await school.say(thread, "never mind")
    await school.ask("DELETE", f"{THREADS_AT}/{thread}/messages/{gone['id']}")
    await school.say(await school.thread("l2"), "of another")
    elsewhere = school.as_(CallerRole.SERVICE, tenant="umbrella")
    await elsewhere.say(await elsewhere.thread("l1"), "of another tenant")

    parent = school.as_(CallerRole.PARENT, "l1", "l7")
    request = (await asked_for(parent, "export"))["id"]
    records = await records_of(parent, request)

    assert {(record["tenant_id"], record["learner_id"]) for record in records} == {("school", "l1")}
    threads = {record["id"]: record for record in records if record["record"] == "thread"}
    assert {(one, record["title"]) for one, record in threads.items()} == {
        (empty, "Nothing yet"),
        (thread, "Fractions"),
    }
    assert threads[thread]["metadata"] == {"subject": "math"}
    messages = {record["id"]: record for record in records if record["record"] == "message"}
    assert {one: record["content"] for one, record in messages.items()} == {
        said["id"]: {"text": "And a third?"},
        answer["id"]: parts,
        gone["id"]: None,
    }
    first = messages[said["id"]]
    assert (first["thread_id"], first["sender_id"], first["sender_role"]) == (thread, "l1", "user")
    assert (first["metadata"], first["edited"] is not None) == ({"k": 1}, True)
    assert messages[answer["id"]]["reply_to"] == said["id"]
    assert messages[gone["id"]]["deleted"] is not None
    versions = [(record["id"], record["content"]) for record in records if record["record"] == "version"]
    assert versions == [
        (said["id"], {"text": "What is a half?"}),
        (said["id"], {"text": "And a third?"}),
    ]
    assert [record["id"] for record in records if record["record"] == "deletion"] == [gone["id"]]
    done = await becomes(school, request, "done")
    assert done["counts"] == {"records": len(records)} == {"records": 8}

    # Whoever may have it, has it; each time that is noted.
    learner = school.as_(CallerRole.LEARNER, "l1")
    assert (await learner.ask("GET", done["download"])).status_code == 307
    for other in (
        school.as_(CallerRole.PARENT, "l7"),
        school.as_(CallerRole.LEARNER, "l2"),
        elsewhere,
        school.as_(CallerRole.ADMIN, tenant="umbrella"),
    ):
        assert (await other.ask("GET", done["download"])).status_code == 404
    noted = await rows_of(
        storing, "SELECT who, route FROM access_log WHERE route LIKE '%download' ORDER BY id"
    )
    assert [row["who"] for row in noted] == [parent.caller.email, learner.caller.email]

    # Exports of messages know nothing of it to those who may not have it there.
    [export] = await rows_of(storing, "SELECT * FROM export_status")
    for asking in (learner, school, elsewhere, parent):
        answers = [await asking.ask("GET", f"/exports/{export['id']}{path}") for path in ("", "/download")]
        assert {answer.status_code for answer in answers} <= {403, 404}
    async with s3_client(storage) as s3:
        await s3.delete_object(Bucket=storage.bucket, Key=export["object_key"])
    assert (await parent.ask("GET", done["download"])).status_code == 410


async def test_the_request_says_what_becomes_of_its_export(school: Asking, storing: Settings) -> None:
    request = (await asked_for(school, "export"))["id"]
    for status, told in (("Querying", "running"), ("Writing", "running"), ("Failed", "failed")):
        await execute(storing, "UPDATE export_status SET status = $1, reason = 'no room'", status)
        found = await becomes(school, request, told)
        assert found["trouble"] == ("no room" if told == "failed" else None)
        assert (found["finished_at"] is not None) == (told == "failed")
        assert (await school.ask("GET", f"{PRIVACY_AT}/{request}/download")).status_code == 409
    again = await asked_for(school, "export")
    assert again["id"] != request


async def test_a_file_of_a_learner_that_is_erased_has_nothing_in_it(school: Asking, workers: Workers) -> None:
    await school.say(await school.thread("l1"), "a")
    await erased(school, "l1")
    request = (await asked_for(school, "export"))["id"]
    workers.start(Role.EXPORT)
    assert await records_of(school, request) == []
