"""The groups and the exports topic as they were named while names did not carry the environment.

An upgrade must neither read everything again nor leave jobs behind, without a word, only because a default is
another one now. So whoever would begin anew, while the group of the former name stands in our topics, is told
which settings go on from there. A name that is set is a decision, and nothing is asked then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.kafka.groups import topics_committed_by
from app.kafka.topic_admin import admin_of
from app.kafka.topics import groups_of, topics_of
from app.settings import ConfigurationError, Role

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Set

    from app.settings.kafka import KafkaSettings
    from app.settings.topology import TopologySettings

#: By the variables that set them.
_FORMER = {
    "capture_group": "chatlog-capture",
    "persist_group": "scribble-chat-log",
    "export_group": "chatlog-exporter",
    "vlab_exports_topic": "vlab-exports",
}
_VARIABLES = {
    Role.CAPTURE: ("capture_group",),
    Role.PERSIST: ("persist_group",),
    Role.EXPORT: ("export_group", "vlab_exports_topic"),
}


@dataclass(frozen=True, slots=True)
class BeginsAnew:
    """A role that would begin anew although it was at work under its former names.

    Attributes:
        what: what is.
        mend: the settings that go on from there, and those that begin anew all the same.
    """

    what: str
    mend: str


def begins_anew(
    topology: TopologySettings, role: Role, committed: Mapping[str, Set[str]]
) -> BeginsAnew | None:
    """Tell whether a role would begin anew where its former group stands.

    Args:
        topology: which names are set.
        role: the role.
        committed: the topics in which each of `groups_in_question` has committed.
    """
    if not (undecided := _undecided(topology, role)):
        return None
    former = _as_before(topology, undecided)
    group, former_group = groups_of(topology).of(role), groups_of(former).of(role)
    left = sorted(committed[former_group] & set(topics_of(former).read_by(role)))
    if not left or committed[group] & set(topics_of(topology).read_by(role)):
        return None
    keep = " ".join(f"{name.upper()}={_FORMER[name]}" for name in undecided)
    leave = " ".join(f"{name.upper()}={topology.name_of(name)}" for name in undecided)
    return BeginsAnew(
        f"the {role} group {group} has read nothing yet, and {former_group}, its name by default "
        f"before, has read {', '.join(left)}",
        f"{keep} to go on from there, {leave} to begin anew",
    )


def groups_in_question(topology: TopologySettings, role: Role) -> set[str]:
    """Return the groups whose commits tell whether a role would begin anew; none if its names are set."""
    if not (undecided := _undecided(topology, role)):
        return set()
    return {groups_of(topology).of(role), groups_of(_as_before(topology, undecided)).of(role)}


async def refuse_to_begin_anew(kafka: KafkaSettings, topology: TopologySettings, role: Role) -> None:
    """Make sure that a role begins anew only where it was not at work under its former names.

    Raises:
        ConfigurationError: it would; says which settings to choose between.
        KafkaUnavailable: Kafka does not answer.
    """
    if not (in_question := groups_in_question(topology, role)):
        return
    async with admin_of(kafka) as admin:
        committed = {group: await topics_committed_by(admin, group) for group in in_question}
    if found := begins_anew(topology, role, committed):
        raise ConfigurationError(f"{found.what}; set {found.mend}")


def _undecided(topology: TopologySettings, role: Role) -> list[str]:
    return [name for name in _VARIABLES.get(role, ()) if getattr(topology, name) is None]


def _as_before(topology: TopologySettings, undecided: Collection[str]) -> TopologySettings:
    return topology.model_copy(update={name: _FORMER[name] for name in undecided})
