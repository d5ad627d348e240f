"""An upgrade to names that carry the environment: nothing is read again, and no job left behind, unsaid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.kafka.former_names import begins_anew, groups_in_question
from app.kafka.topics import groups_of, topics_of
from app.settings import Role, Settings
from tests.services import changed, eventually, settings_from
from tests.workers import commit

if TYPE_CHECKING:
    from tests.workers import Workers

OURS, THEIRS = "vlab-prod", "vlab-local"
EVENTS, ENTRIES = f"{OURS}-chat-events", f"{OURS}-chat-log"


def as_set(variables: dict[str, Any]) -> Settings:
    return settings_from(**variables)


@pytest.mark.parametrize(
    ("role", "variables", "former_read", "read", "keep"),
    [
        pytest.param("capture", {}, {EVENTS}, set(), "CAPTURE_GROUP=chatlog-capture", id="capture"),
        pytest.param("persist", {}, {ENTRIES}, set(), "PERSIST_GROUP=scribble-chat-log", id="persist"),
        pytest.param(
            "export",
            {},
            {"vlab-exports"},
            set(),
            "EXPORT_GROUP=chatlog-exporter VLAB_EXPORTS_TOPIC=vlab-exports",
            id="export",
        ),
        pytest.param(
            "export",
            {"vlab_exports_topic": "jobs"},
            {"jobs"},
            set(),
            "EXPORT_GROUP=chatlog-exporter",
            id="the topic was named by hand",
        ),
        pytest.param(
            "persist",
            {"vlab_chat_log_topic": "entries"},
            {"entries"},
            set(),
            "PERSIST_GROUP=scribble-chat-log",
            id="a topic of another name",
        ),
        pytest.param("persist", {}, {ENTRIES}, {ENTRIES}, None, id="begun under the new name"),
        pytest.param("persist", {}, set(), set(), None, id="nothing was here before"),
        pytest.param("persist", {}, {f"{THEIRS}-chat-log"}, set(), None, id="another environment's"),
        pytest.param(
            "export", {"export_group": "g", "vlab_exports_topic": "t"}, {"t"}, set(), None, id="all set"
        ),
        pytest.param("capture", {"capture_group": "mine"}, {EVENTS}, set(), None, id="the group is set"),
    ],
)
def test_who_begins_anew_where_the_former_group_stands(
    role: str, variables: dict[str, Any], former_read: set[str], read: set[str], keep: str | None
) -> None:
    settings = as_set({"vlab_env": "prod"} | variables)
    new = groups_of(settings.topology).of(Role(role))
    committed = dict.fromkeys(groups_in_question(settings.topology, Role(role)), former_read) | {new: read}
    found = begins_anew(settings.topology, Role(role), committed)
    assert (found.mend.partition(" to go on")[0] if found else None) == keep


def test_a_group_that_is_set_to_its_former_name_stands_in_the_former_topic() -> None:
    settings = as_set({"vlab_env": "prod", "export_group": "chatlog-exporter"})
    assert groups_in_question(settings.topology, Role.EXPORT) == {"chatlog-exporter"}
    found = begins_anew(settings.topology, Role.EXPORT, {"chatlog-exporter": {"vlab-exports"}})
    assert found is not None
    assert found.mend.startswith("VLAB_EXPORTS_TOPIC=vlab-exports to go on from there, ")


async def test_a_worker_does_not_begin_anew_and_says_what_to_set(system: Settings, workers: Workers) -> None:
    topic = topics_of(system.topology).chat_log.name
    await commit(system, "scribble-chat-log", topic)
    worker = workers.start(Role.PERSIST)
    assert worker.wait() == 2
    said = worker.said
    assert "PERSIST_GROUP=scribble-chat-log to go on from there" in said
    assert f"PERSIST_GROUP={groups_of(system.topology).persist} to begin anew" in said
    assert "Traceback" not in said

    # What it says is what helps.
    group = groups_of(system.topology).persist
    for decided in ("scribble-chat-log", group):
        going_on = workers.start(Role.PERSIST, changed(system, persist_group=decided))
        await eventually(going_on.is_ready, what=f"ready as {decided}")
        assert going_on.stop() == 0
