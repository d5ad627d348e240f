"""What a check says of groups and topics that others share with us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaConsumer

from app.doctor.checks import run_checks
from app.doctor.findings import Finding, Level
from app.doctor.group_checks import check_groups
from app.kafka.clients import client_settings
from app.kafka.groups import FoundGroup, Member
from app.kafka.topics import topics_of
from app.settings import Role, Settings
from tests.services import eventually, settings_from

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.workers import Workers

PERSIST, EXPORT = "vlab-prod-chatlog-persist", "vlab-prod-chatlog-export"
ENTRIES, JOBS = "vlab-prod-chat-log", "vlab-prod-exports"
OURS = ("chatlog-prod-persist", ENTRIES)


def group(name: str, *members: tuple[str, str], committed: Iterable[str] = ()) -> FoundGroup:
    return FoundGroup(
        name,
        frozenset(committed),
        tuple(Member(client_id, "10.0.0.7", frozenset({topic})) for client_id, topic in members),
    )


@pytest.mark.parametrize(
    ("found", "variables", "level", "said"),
    [
        pytest.param([], {}, Level.OK, "of this installation alone", id="nobody is there yet"),
        pytest.param(
            [group(PERSIST, OURS, OURS, committed=[ENTRIES])], {}, Level.OK, "alone", id="only our workers"
        ),
        pytest.param(
            [group("bot", ("bot", "vlab-prod-chat-events"), committed=["vlab-prod-state"])],
            {},
            Level.OK,
            "alone",
            id="events and states are for whoever wants them",
        ),
        pytest.param(
            [group("vlab-local-chatlog-persist", ("chatlog-local-persist", "vlab-local-chat-log"))],
            {},
            Level.OK,
            "alone",
            id="another environment beside us",
        ),
        pytest.param(
            [group("shared", OURS, committed=[ENTRIES, "vlab-local-chat-log"])],
            {"persist_group": "shared"},
            Level.WRONG,
            "shared, our group of persist, also reads vlab-local-chat-log",
            id="a group has read topics of another environment",
        ),
        pytest.param(
            [group("shared", ("faust-1.0", "vlab-local-chat-log"))],
            {"persist_group": "shared"},
            Level.WRONG,
            "also reads vlab-local-chat-log",
            id="a member reads topics of another environment, and has committed nothing yet",
        ),
        pytest.param(
            [group(PERSIST, OURS, ("chatlog-prod-persist", "vlab-prod-messages-twitch"))],
            {},
            Level.WRONG,
            "reads twitch, which PLATFORMS does not name here",
            id="the workers capture a platform that is not named here",
        ),
        pytest.param(
            [group(PERSIST, OURS, committed=["vlab-prod-messages-twitch"])],
            {"platforms": "discord"},
            Level.NOTE,
            "has read twitch, which PLATFORMS does not name",
            id="a platform is not captured any more",
        ),
        pytest.param(
            [group(EXPORT, ("chatlog-local-export", JOBS))],
            {},
            Level.WRONG,
            "members that are no workers of this version and environment: chatlog-local-export at 10.0.0.7",
            id="workers of another environment read the same topic in our group",
        ),
        pytest.param(
            [group(PERSIST, OURS, ("sarama", ENTRIES))],
            {},
            Level.NOTE,
            "environment: sarama at 10.0.0.7",
            id="another program, or an older worker, in our group",
        ),
        pytest.param(
            [group("others", ("chatlog-local-export", JOBS))],
            {},
            Level.WRONG,
            "vlab-prod-exports is read by others too (chatlog-local-export at 10.0.0.7)",
            id="jobs are taken by another group",
        ),
        pytest.param(
            [group("others", ("kcat", "vlab-prod-chatlog-capture-events-repartition"))],
            {},
            Level.WRONG,
            "vlab-prod-chatlog-capture-events-repartition is read by others too",
            id="what capture workers tell one another is read",
        ),
        pytest.param(
            [group("others", committed=[JOBS])],
            {},
            Level.NOTE,
            "vlab-prod-exports was read by others, in which nobody is",
            id="jobs were taken by another group",
        ),
        pytest.param(
            [group("scribble-chat-log", ("scribble", ENTRIES), committed=[ENTRIES])],
            {"persist_group": "mine"},
            Level.NOTE,
            "vlab-prod-chat-log is read by scribble-chat-log too",
            id="another sink beside us",
        ),
        pytest.param(
            [group("scribble-chat-log", committed=[ENTRIES])],
            {},
            Level.WRONG,
            "has read nothing yet, and scribble-chat-log",
            id="we would begin anew",
        ),
        pytest.param(
            [],
            {"vlab_exports_topic": "vlab-local-exports"},
            Level.NOTE,
            "VLAB_EXPORTS_TOPIC=vlab-local-exports carries the environment local, and VLAB_ENV is prod",
            id="a topic named after another environment",
        ),
        pytest.param(
            [],
            {"persist_group": "vlab-prod-eu-chatlog-persist"},
            Level.NOTE,
            "carries the environment prod-eu, and VLAB_ENV is prod",
            id="a group named after another environment",
        ),
    ],
)
def test_what_others_share_with_us(
    found: list[FoundGroup], variables: dict[str, Any], level: Level, said: str
) -> None:
    settings = settings_from(**({"vlab_env": "prod"} | variables))
    (finding,) = check_groups(settings.topology, found)
    assert finding.level is level
    assert said in finding.message


async def test_workers_of_ours_are_known_and_whoever_else_reads_is_told(
    system: Settings, workers: Workers
) -> None:
    topics = topics_of(system.topology)
    assert (await about_groups(system))[0].level is Level.OK
    for role in Role.PERSIST, Role.CAPTURE:
        await eventually(workers.start(role).is_ready)
    assert [finding.level for finding in await about_groups(system)] == [Level.OK]

    other = f"{system.topology.vlab_env}-other"
    consumer = AIOKafkaConsumer(
        topics.exports.name, **client_settings(system.kafka), group_id=other, client_id="visitor"
    )
    async with consumer:
        (found,) = await about_groups(system)
        assert found.level is Level.WRONG
        assert f"{topics.exports.name} is read by {other} too (visitor at 127.0.0.1)" in found.message


async def about_groups(system: Settings) -> list[Finding]:
    """Return what a check says of who shares what."""
    findings = await run_checks(system)
    return [one for one in findings if one.area == "group" or " read by " in one.message]
