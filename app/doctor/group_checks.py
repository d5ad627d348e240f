"""The rules on groups, pure: whether names that should be ours alone are shared with somebody else.

Sharing a group, two installations take each other's partitions; sharing the topic of jobs, they take each
other's jobs. Events and states are for whoever wants to read them. Who is there is told by
`app.kafka.groups`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.doctor.findings import Finding, Level
from app.kafka.former_names import begins_anew, groups_in_question
from app.kafka.topics import client_id_of, groups_of, topics_of
from app.settings import Role
from models.platforms import WITHOUT_STATE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from app.kafka.groups import FoundGroup, Member
    from app.settings.topology import TopologySettings

_NOBODY = frozenset[str]()


def check_groups(topology: TopologySettings, found: Collection[FoundGroup]) -> Iterator[Finding]:
    """Tell what others share with this installation, and what it would leave behind.

    Args:
        topology: which names are ours.
        found: every group of the cluster, ours among them.
    """
    by_name = {group.name: group for group in found}
    findings = [
        *_begins_anew(topology, by_name),
        *(
            finding
            for role in Role
            if (group := by_name.get(groups_of(topology).of(role)))
            for finding in _of_our_group(topology, role, group)
        ),
        *_readers_of_our_topics(topology, found),
        *_names_of_elsewhere(topology),
    ]
    yield from findings or [Finding("group", Level.OK, "groups and topics are of this installation alone")]


def _begins_anew(topology: TopologySettings, by_name: dict[str, FoundGroup]) -> Iterator[Finding]:
    for role in Role:
        committed = {
            name: by_name[name].committed if name in by_name else _NOBODY
            for name in groups_in_question(topology, role)
        }
        if anew := begins_anew(topology, role, committed):
            yield Finding("group", Level.WRONG, anew.what, anew.mend)


def _of_our_group(topology: TopologySettings, role: Role, group: FoundGroup) -> Iterator[Finding]:
    ours = {spec.name for spec in topics_of(topology).all()}
    not_ours = (group.committed | group.read_now) - ours
    of_platforms = _topics_of_other_platforms(topology)
    yield from _platforms_not_named(topology, role, group, not_ours & of_platforms.keys())
    if others := sorted(not_ours - of_platforms.keys()):
        yield Finding(
            "group",
            Level.WRONG,
            f"{group.name}, our group of {role}, also reads {', '.join(others)}: of another installation, or "
            "another program, which takes partitions away from our workers",
            f"set another {role.group_variable} there or here; if it is only what is left of other names: "
            f"kafka-consumer-groups.sh --delete-offsets --group {group.name} --topic {others[0]}",
        )
    elif strangers := [m for m in group.members if m.client_id != client_id_of(topology, role)]:
        of_chatlog = any(member.client_id.startswith("chatlog-") for member in strangers)
        yield Finding(
            "group",
            Level.WRONG if of_chatlog else Level.NOTE,
            f"{group.name}, our group of {role}, has members that are no workers of this version and "
            f"environment: {_told(strangers)}",
            "stop them, unless they are workers of another version that are about to be replaced",
        )


def _topics_of_other_platforms(topology: TopologySettings) -> dict[str, str]:
    """Return the topics that would be ours if PLATFORMS named all there are, each with its platform."""
    topics = topics_of(topology.model_copy(update={"platforms": WITHOUT_STATE}))
    return {
        spec.name: platform
        for by_platform in (topics.platform_events, topics.messages)
        for platform, spec in by_platform.items()
        if platform not in topology.platforms
    }


def _platforms_not_named(
    topology: TopologySettings, role: Role, group: FoundGroup, topics: Collection[str]
) -> Iterator[Finding]:
    """Tell of platforms that our group reads, or once read, and PLATFORMS does not name here."""
    of_platforms = _topics_of_other_platforms(topology)
    if read := sorted({of_platforms[topic] for topic in topics if topic in group.read_now}):
        every = ",".join((*topology.platforms, *read))
        yield Finding(
            "group",
            Level.WRONG,
            f"{group.name}, our group of {role}, also reads {', '.join(read)}, which PLATFORMS does not name "
            "here",
            f"set it as the workers have it: PLATFORMS={every}",
        )
    elif left := sorted({of_platforms[topic] for topic in topics}):
        yield Finding(
            "group",
            Level.NOTE,
            f"{group.name}, our group of {role}, has read {', '.join(left)}, which PLATFORMS does not name",
            "name them again, unless nothing of them is to be captured any more",
        )


def _readers_of_our_topics(topology: TopologySettings, found: Collection[FoundGroup]) -> Iterator[Finding]:
    topics, our_groups = topics_of(topology), {groups_of(topology).of(role) for role in Role}
    for group in found:
        if group.name in our_groups:
            continue
        for name in (spec.name for spec in (topics.exports, *topics.by_home, topics.watermarks)):
            if name in group.read_now:
                yield Finding(
                    "topic",
                    Level.WRONG,
                    f"{name} is read by {group.name} too ({_told(group.members)}): what is meant for our "
                    "workers is done there as well",
                    "name it differently there or here: VLAB_EXPORTS_TOPIC, CAPTURE_GROUP",
                )
            elif name in group.committed:
                yield Finding(
                    "topic", Level.NOTE, f"{name} was read by {group.name}, in which nobody is at present"
                )
        for name in (topics.chat_log.name, topics.dead_letters.name):
            if name in group.read_now:
                yield Finding(
                    "topic", Level.NOTE, f"{name} is read by {group.name} too ({_told(group.members)})"
                )


def _names_of_elsewhere(topology: TopologySettings) -> Iterator[Finding]:
    for variable, name, env in topology.names_of_other_environments():
        yield Finding(
            "settings",
            Level.NOTE,
            f"{variable.upper()}={name} carries the environment {env}, and VLAB_ENV is {topology.vlab_env}",
            f"unset it, or set VLAB_ENV={env}, if it is not meant",
        )


def _told(members: Collection[Member]) -> str:
    return ", ".join(sorted({f"{member.client_id} at {member.host}" for member in members}))
