"""The topology as data: which topics there are, what they hold, and the groups that read them.

Names come from settings; docs, `chatlog topics`, `chatlog check` and the workers all read this one list.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.settings import Role
from app.settings.topology import TopologySettings
from models.limits import OUR_RECORD_MAX_BYTES

DAY_MS = 24 * 60 * 60 * 1000

#: Watermarks count only while the group has the members that it had.
WATERMARKS_KEPT_MS = DAY_MS


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as this version needs it."""

    name: str
    holds: str
    partitions: int
    replication: int
    config: dict[str, str]


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one environment; `platform_events` and `messages` by platform, of those captured."""

    events: TopicSpec
    state: TopicSpec
    state_changelog: TopicSpec
    events_by_user: TopicSpec
    states_by_user: TopicSpec
    watermarks: TopicSpec
    chat_log: TopicSpec
    dead_letters: TopicSpec
    exports: TopicSpec
    thread_events: TopicSpec
    platform_events: Mapping[str, TopicSpec]
    messages: Mapping[str, TopicSpec]

    @property
    def by_home(self) -> tuple[TopicSpec, ...]:
        """Return those of ours in which a user has a home, the same partition number in each of them."""
        return (self.state_changelog, self.events_by_user, self.states_by_user)

    def all(self) -> tuple[TopicSpec, ...]:
        """Return every topic, in the order a record travels."""
        return (
            self.events,
            self.state,
            self.state_changelog,
            self.events_by_user,
            self.states_by_user,
            self.watermarks,
            self.chat_log,
            *self.platform_events.values(),
            *self.messages.values(),
            self.dead_letters,
            self.exports,
            self.thread_events,
        )

    def read_by(self, role: Role) -> tuple[str, ...]:
        """Return the names of the topics that the group of a role commits in."""
        read = {
            Role.CAPTURE: (self.events, self.state, self.events_by_user, self.states_by_user),
            Role.CAPTURE_PLATFORMS: tuple(self.platform_events.values()),
            Role.PERSIST: (self.chat_log, self.state, *self.messages.values(), self.dead_letters),
            Role.EXPORT: (self.exports,),
        }
        return tuple(spec.name for spec in read[role])


@dataclass(frozen=True, slots=True)
class Groups:
    """The consumer groups of one environment: one a role."""

    capture: str
    capture_platforms: str
    persist: str
    export: str

    def of(self, role: Role) -> str:
        """Return the group of a role."""
        return {
            Role.CAPTURE: self.capture,
            Role.CAPTURE_PLATFORMS: self.capture_platforms,
            Role.PERSIST: self.persist,
            Role.EXPORT: self.export,
        }[role]


def topics_of(topology: TopologySettings) -> Topics:
    """Name the topics after the environment, or as settings override them."""

    def topic(name: str, holds: str, **config: str) -> TopicSpec:
        retention = {"retention.ms": str(topology.topic_retention_days * DAY_MS)}
        return TopicSpec(
            name,
            holds,
            topology.topic_partitions,
            topology.topic_replication,
            retention | config,
        )

    return Topics(
        events=topic(
            topology.name_of("vlab_chat_events_topic"),
            "raw platform events",
        ),
        state=topic(
            topology.name_of("vlab_state_topic"),
            "each user's states",
        ),
        state_changelog=TopicSpec(
            f"{groups_of(topology).capture}-states-changelog",
            "the state table of the capture workers, compacted",
            topology.topic_partitions,
            topology.topic_replication,
            {"cleanup.policy": "compact", "max.message.bytes": str(OUR_RECORD_MAX_BYTES)},
        ),
        events_by_user=topic(
            f"{groups_of(topology).capture}-events-repartition",
            "events that came in on another partition than their user's home",
            **{"max.message.bytes": str(OUR_RECORD_MAX_BYTES)},
        ),
        states_by_user=topic(
            f"{groups_of(topology).capture}-states-repartition",
            "states that came in on another partition than their user's home",
            **{"max.message.bytes": str(OUR_RECORD_MAX_BYTES)},
        ),
        watermarks=TopicSpec(
            f"{groups_of(topology).capture}-watermarks",
            "how far the capture workers have read, for one another",
            1,
            topology.topic_replication,
            {"retention.ms": str(WATERMARKS_KEPT_MS)},
        ),
        chat_log=topic(
            topology.name_of("vlab_chat_log_topic"),
            "entries, keyed by userid",
            **{"max.message.bytes": str(OUR_RECORD_MAX_BYTES)},
        ),
        dead_letters=topic(
            topology.name_of("vlab_dead_letters_topic"),
            "records that can never be stored, with the reason in their headers",
            **{"max.message.bytes": str(OUR_RECORD_MAX_BYTES)},
        ),
        exports=topic(topology.name_of("vlab_exports_topic"), "export jobs"),
        thread_events=topic(
            f"vlab-{topology.vlab_env}-thread-events",
            "what happens in threads, keyed by thread: for others to read",
            **{"max.message.bytes": str(OUR_RECORD_MAX_BYTES)},
        ),
        platform_events={
            platform: topic(
                f"vlab-{topology.vlab_env}-{platform}-events",
                f"raw events of {platform}, keyed by channel",
                **{"max.message.bytes": str(OUR_RECORD_MAX_BYTES)},
            )
            for platform in topology.platforms
        },
        # One a platform: where one stands still, the others go on.
        messages={
            platform: topic(
                f"vlab-{topology.vlab_env}-messages-{platform}",
                f"messages of {platform} and what becomes of them, keyed by channel",
                # Dated by capture, which finds the last hour by it (agents.capture_platform).
                **{
                    "max.message.bytes": str(OUR_RECORD_MAX_BYTES),
                    "message.timestamp.type": "CreateTime",
                },
            )
            for platform in topology.platforms
        },
    )


def events_topics(topology: TopologySettings) -> dict[str, str]:
    """Return the name of the topic of each platform's events, of those captured: Messenger's always is."""
    topics = topics_of(topology)
    others = {platform: spec.name for platform, spec in topics.platform_events.items()}
    return {"messenger": topics.events.name} | others


def platforms_of_topics(topology: TopologySettings) -> dict[str, str]:
    """Return whose records each topic holds that dead letters come from."""
    topics = topics_of(topology)
    of_messenger = (
        topics.events,
        topics.state,
        topics.events_by_user,
        topics.states_by_user,
        topics.chat_log,
    )
    others = {
        spec.name: platform
        for specs in (topics.platform_events, topics.messages)
        for platform, spec in specs.items()
    }
    return {spec.name: "messenger" for spec in of_messenger} | others


def groups_of(topology: TopologySettings) -> Groups:
    """Name the consumer groups after the environment, or as settings override them."""
    return Groups(
        capture=topology.name_of("capture_group"),
        capture_platforms=topology.name_of("capture_platforms_group"),
        persist=topology.name_of("persist_group"),
        export=topology.name_of("export_group"),
    )


def client_id_of(topology: TopologySettings, role: Role) -> str:
    """Return as what a worker introduces itself to the brokers: others see by it who is in a group."""
    return f"chatlog-{topology.vlab_env}-{role}"
