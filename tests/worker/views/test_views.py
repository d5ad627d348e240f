"""What running workers show of themselves."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from pydantic import SecretStr

from app.kafka.topics import groups_of, topics_of
from app.postgres.connections import connect
from app.settings import Role, Settings
from models.entries import ChatLogEntry, Direction, encode_entry
from tests.conversations import conversations
from tests.looking import Answer, get, metrics, ready
from tests.services import as_environment, changed, eventually
from tests.workers import CHATLOG, Workers, prepare, produce

if TYPE_CHECKING:
    from pathlib import Path

    from models import JSON
    from tests.workers import WorkerProcess

SECRET = "the-token-of-this-test"
BEARER = {"Authorization": f"Bearer {SECRET}"}
FAUST = CHATLOG.with_name("faust")
#: Faust's own views, none of which may be there.
OF_FAUST = (
    "/table/",
    "/table/states/",
    "/table/states/1/",
    "/router/",
    "/stats/",
    "/graph/",
    "/assignment/",
    "/performance/",
)


async def test_a_persist_worker_tells_what_it_did(system: Settings, workers: Workers) -> None:
    topic = topics_of(system.topology).chat_log.name
    entries = [(b"u", encode_entry(entry(number))) for number in range(30)]
    at_once = [
        (b"v", encode_entry(entry(30, raw_payload={"message": {"mid": mid}})))
        for mid in ("m_first", "m_lost")
    ]
    await produce(system, topic, [*entries, (b"u", b"not JSON, but \x00 a secret"), *entries[:5], *at_once])
    worker = workers.start(Role.PERSIST)

    counters = {
        "records_read": 38,
        "rows": 31,
        "duplicates": 5,
        "refused": 0,
        "key_conflicts": 1,
        "dead_letters": 2,
        "dead_letters_kept": 2,
        "foreign_dead_letters": 0,
        "bot_state_rows": 0,
        "bot_states_unusable": 0,
    }
    overview = await eventually(lambda: counted(worker, **counters))

    assert overview["role"] == "persist"
    assert overview["group"] == groups_of(system.topology).persist
    assert overview["counters"] == counters
    assert overview["assignment"][topic] == [0, 1, 2, 3]
    assert overview["live"] == overview["ready"] == {"status": "ok", "reasons": []}

    lag = await eventually(lambda: caught_up(worker))
    by_topic = {found["topic"]: found for found in lag["topics"]}
    assert sum(partition["end"] for partition in by_topic[topic]["partitions"]) == 38
    assert all(partition["mine"] for partition in by_topic[topic]["partitions"])
    assert not lag["stale"]

    sink = await eventually(lambda: tells_a_rate(worker))
    written = sink["distributions"]["write_duration_seconds"]
    assert written["count"] >= 1
    assert 0 < written["p50"] <= written["p99"]
    assert sink["distributions"]["batch_entries"]["count"] == written["count"]
    assert sink["retries"] == 0
    assert sink["waiting_since"] is None

    dead = (await get(worker, "/api/dead-letters")).json
    assert dead == {
        "sent": {"not_json": 1, "key_conflict": 1},
        "table": {reason: {"kept": 1, "pending": 1} for reason in ("not_json", "key_conflict")},
    }

    found = await metrics(worker)
    assert found["chatlog_rows_total"][()] == 31
    assert found["chatlog_duplicates_total"][()] == 5
    assert found["chatlog_key_conflicts_total"][()] == 1
    assert found["chatlog_dead_letters_total"][("reason", "not_json"),] == 1
    assert found["chatlog_batch_entries_sum"][()] == 37
    assert found["chatlog_write_duration_seconds_sum"][()] > 0
    assert found["chatlog_write_duration_seconds_bucket"][("le", "+Inf"),] >= 1
    assert sum(found["chatlog_lag_messages"].values()) == 0
    assert set(found["chatlog_commit_age_seconds"].values()) == {0.0}
    assert found["chatlog_ready"][()] == 1
    assert found["process_resident_memory_bytes"][()] > 0

    as_open_metrics = await get(worker, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert as_open_metrics.headers["Content-Type"].startswith("application/openmetrics-text")
    assert as_open_metrics.text.endswith("# EOF\n")

    page = await get(worker, "/")
    assert page.status == 200
    assert "Persist" in page.text
    assert "Ready" in page.text
    assert "<code>not_json</code>" in page.text
    everything = page.text + orjson.dumps([overview, lag, sink, dead]).decode()
    assert "secret" not in everything
    assert "content of" not in everything


async def test_a_capture_worker_tells_what_it_did_and_what_it_knows(
    system: Settings, workers: Workers
) -> None:
    said = conversations(users=6, turns=4)
    topics = topics_of(system.topology)
    await produce(system, topics.state.name, said.states)
    await produce(system, topics.events.name, [*said.events, (b"u", b"{"), (b"u", b'{"read": {}}')])
    worker = workers.start(Role.CAPTURE)

    counters = {
        "events_read": len(said.events) + 2,
        "entries": len(said.events),
        "events": len(said.events) + 1,
        "visible_events": len(said.events),
        "states": len(said.states),
        "led_home": 0,
        "dead_letters": 1,
    }
    overview = await eventually(lambda: counted(worker, **counters))

    assert overview["counters"] == counters
    assert overview["categories"] == {"echo": 24, "text": 24, "watermark": 1}
    found = await metrics(worker)
    assert found["chatlog_events_total"][("category", "watermark"),] == 1
    assert found["chatlog_entries_total"][()] == len(said.events)
    assert found["chatlog_table_recovery_remaining_records"][()] == 0

    userid = said.events[0][0].decode()
    state = (await get(worker, f"/api/state/{userid}")).json
    assert state["userid"] == userid
    assert state["states"][0]["updated"] > state["states"][-1]["updated"]
    assert state["states"][0]["question"].startswith("ref-")
    assert state["states"][0]["md_keys"] == ["form", "made", "pageid", "startTime"]
    assert "md" not in state["states"][0]

    unknown = await get(worker, "/api/state/nobody")
    assert (unknown.status, unknown.json["error"]) == (404, "no state is known of this user")


async def test_a_worker_that_captures_platforms_shows_what_connectors_missed(
    system: Settings, workers: Workers
) -> None:
    system = changed(system, platforms=("twitch",))
    await prepare(system)
    connection = await connect(system.database)
    await connection.execute(
        """
        INSERT INTO connector_gaps (platform, channel, began, ended, reason, filled) VALUES
            ('twitch', '1337', now() - interval '2 h', now() - interval '1 h', 'connection lost', NULL),
            ('discord', '42', now() - interval '3 h', now() - interval '2 h', 'not running', now()),
            ('twitch', '<i>', now() - interval '1 day', NULL, 'shut out', NULL),
            ('twitch', 'heard', now(), NULL, 'not running', NULL)
        """
    )
    await connection.close()
    worker = workers.start(Role.CAPTURE_PLATFORMS, system)
    await ready(worker)

    found = await eventually(lambda: tells(worker, "chatlog_channels_not_heard"))

    assert found["chatlog_channels_not_heard"] == {(("platform", "twitch"),): 1}
    gaps = (await get(worker, "/api/gaps")).json["gaps"]
    assert [(gap["channel"], gap["ended"] is None, gap["filled"] is None) for gap in gaps] == [
        ("<i>", True, True),
        ("1337", False, True),
        ("42", False, False),
    ]
    assert gaps[1]["seconds"] == 3600
    page = (await get(worker, "/")).text
    assert re.findall(r"not heard|fetched|missing", page) == ["not heard", "missing", "fetched"]
    assert "&lt;i&gt;" in page
    assert "1 h" in page


async def test_any_capture_worker_knows_the_state_of_every_user(system: Settings, workers: Workers) -> None:
    said = conversations(users=24, turns=1)
    await produce(system, topics_of(system.topology).state.name, said.states)
    users = sorted({key.decode() for key, _ in said.states})
    one, other = workers.start(Role.CAPTURE), workers.start(Role.CAPTURE)
    await eventually(lambda: share_partitions(one, other))

    answers = await eventually(lambda: both_know(one, other, users))

    assert {answer.json["userid"] for answer in answers} == set(users)
    mine = (await get(one, "/api/overview")).json["assignment"][topics_of(system.topology).state.name]
    of_other = [
        user for user, answer in zip(users, answers, strict=True) if answer.json["partition"] not in mine
    ]
    assert 0 < len(of_other) < len(users)

    # A question is never passed around.
    passed_on = await get(one, f"/api/state/{of_other[0]}", **{"X-Chatlog-Passed-On": "1"})
    assert passed_on.status == 503
    assert "moving to another worker" in passed_on.json["error"]

    # Nor is an owner that does not answer a reason to wait for as long as one asks, or to make something up.
    other.freeze()
    refused = await get(one, f"/api/state/{of_other[0]}")
    other.thaw()
    assert refused.status == 503
    assert f"does not answer at http://127.0.0.1:{other.web_port}" in refused.json["error"]


async def test_with_a_token_nobody_else_gets_in(system: Settings, workers: Workers) -> None:
    said = conversations(users=1, turns=1)
    await produce(system, topics_of(system.topology).state.name, said.states)
    closed = changed(system, web_token=SecretStr(SECRET), web_host="0.0.0.0")
    worker = workers.start(Role.CAPTURE, closed)
    await ready(worker)
    userid = said.states[0][0].decode()
    # A worker is ready before it has read all that waits for it.
    await eventually(lambda: is_known(worker, userid, **BEARER))

    paths = (
        "/",
        "/api/overview",
        "/api/lag",
        "/api/sink",
        "/api/dead-letters",
        "/metrics",
        f"/api/state/{userid}",
    )
    for path in (*paths, *OF_FAUST, "/nothing"):
        assert (await get(worker, path)).status == 401, path
        assert (await get(worker, path, Authorization="Bearer wrong")).status == 401, path
    for path in paths:
        assert (await get(worker, path, **BEARER)).status == 200, path
    for path in (*OF_FAUST, "/nothing"):
        assert (await get(worker, path, **BEARER)).status == 404, path

    known = (await get(worker, f"/api/state/{userid}", **BEARER)).json["states"][0]
    assert known["md"]["pageid"] == "page-0"
    assert SECRET not in worker.log.read_text()
    assert SECRET not in (await get(worker, "/", **BEARER)).text


async def test_without_a_token_faust_shows_nothing_and_strange_names_are_refused(
    system: Settings, workers: Workers
) -> None:
    worker = workers.start(Role.PERSIST)
    await ready(worker)

    for path in OF_FAUST:
        assert (await get(worker, path)).status == 404, path
    for path in ("/", "/api/lag", "/metrics", "/health/ready"):
        expected = 200 if path.startswith("/health") else 421
        assert (await get(worker, path, Host="evil.example")).status == expected, path
    not_mine = await get(worker, "/api/state/1")
    assert (not_mine.status, not_mine.json["error"]) == (
        404,
        "a persist worker holds no states; ask a capture worker",
    )


async def test_the_page_runs_only_what_came_with_it(system: Settings, workers: Workers) -> None:
    worker = workers.start(Role.PERSIST)
    await ready(worker)

    page = await get(worker, "/")

    policy = page.headers["Content-Security-Policy"]
    for directive in ("default-src 'none'", "script-src 'self'", "style-src 'self'"):
        assert f"{directive};" in policy
    assert "unsafe" not in policy
    assert re.findall("<style|<script[^>]*>[^<]", page.text) == []
    assert "http://" not in page.text
    assert "https://" not in page.text


async def test_a_port_that_is_taken_ends_the_start_and_says_what_to_do(
    system: Settings, workers: Workers
) -> None:
    first = workers.start(Role.PERSIST)
    await ready(first)

    second = await run(system, CHATLOG, "worker", "persist", WEB_PORT=str(first.web_port))

    assert second.returncode != 0
    assert f"WEB_PORT={first.web_port}: cannot listen on 127.0.0.1 (Address already in use)" in second.stderr


async def test_the_options_of_faust_cannot_open_the_views_to_all(system: Settings) -> None:
    opened = await run(system, FAUST, "-A", "app", "worker", "--web-bind", "0.0.0.0", CHATLOG_ROLE="persist")

    assert opened.returncode != 0
    assert "the web views on 0.0.0.0 need WEB_TOKEN" in opened.stderr


@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("", "CHATLOG_ROLE is not set; accepted: capture, capture-platforms, persist, export"),
        ("sink", "CHATLOG_ROLE: Input should be 'capture', 'capture-platforms', 'persist' or 'export'"),
    ],
)
async def test_faust_without_a_role_says_what_to_set(system: Settings, role: str, said: str) -> None:
    refused = await run(system, FAUST, "-A", "app", "worker", CHATLOG_ROLE=role)

    assert refused.returncode == 2
    assert refused.stderr == f"Error: {said}\n"


async def run(settings: Settings, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    return await asyncio.to_thread(
        subprocess.run,
        command,
        env={**os.environ, **as_environment(settings), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def entry(number: int, raw_payload: JSON = None) -> ChatLogEntry:
    return ChatLogEntry(
        "u",
        None,
        1_760_000_000_000 + number,
        Direction.USER,
        f"content of {number}",
        None,
        None,
        None,
        "text",
        raw_payload,
        {},
    )


async def counted(worker: WorkerProcess, **counters: int) -> dict[str, Any]:
    """Return the overview once it has these counts."""
    await ready(worker)
    overview: dict[str, Any] = (await get(worker, "/api/overview")).json
    assert {name: overview["counters"][name] for name in counters} == counters, overview["counters"]
    return overview


async def tells(worker: WorkerProcess, name: str) -> dict[str, Any]:
    found = await metrics(worker)
    assert name in found
    return found


async def caught_up(worker: WorkerProcess) -> dict[str, Any]:
    lag: dict[str, Any] = (await get(worker, "/api/lag")).json
    assert lag["topics"]
    assert all(topic["messages"] == 0 for topic in lag["topics"]), lag
    return lag


async def tells_a_rate(worker: WorkerProcess) -> dict[str, Any]:
    """Return what is told of the sink once a sample was taken after the rows."""
    sink: dict[str, Any] = (await get(worker, "/api/sink")).json
    assert sink["per_second"].get("rows", 0) > 0, sink["per_second"]
    return sink


async def is_known(worker: WorkerProcess, userid: str, **headers: str) -> bool:
    return (await get(worker, f"/api/state/{userid}", **headers)).status == 200


async def share_partitions(*workers: WorkerProcess) -> bool:
    for worker in workers:
        await ready(worker)
        assignment = (await get(worker, "/api/overview")).json["assignment"]
        assert sorted(map(len, assignment.values())) == [2, 2, 2, 2], assignment
    return True


async def both_know(one: WorkerProcess, other: WorkerProcess, users: list[str]) -> list[Answer]:
    answers = [await get(one, f"/api/state/{user}") for user in users]
    assert {answer.status for answer in answers} == {200}
    assert answers[0].json == (await get(other, f"/api/state/{users[0]}")).json
    return answers
