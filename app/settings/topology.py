"""The names of topics and consumer groups, and what `chatlog topics` makes of topics.

What these names stand for is in `app.kafka.topics`.
"""

from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from app.settings.area import Area
from app.settings.values import EmptyIsUnset, OptionalKafkaName, matching, split_on_commas
from models.platforms import WITHOUT_STATE


class Role(StrEnum):
    """A kind of worker: its own Faust app, its own consumer group, scaled and restarted on its own."""

    CAPTURE = "capture"
    CAPTURE_PLATFORMS = "capture-platforms"
    PERSIST = "persist"
    EXPORT = "export"

    @property
    def group_variable(self) -> str:
        """The variable that names its consumer group."""
        return f"{self.replace('-', '_').upper()}_GROUP"


#: Shorter than what Kafka allows, as the state changelog is named after it.
GroupName = Annotated[
    str, matching(r"[A-Za-z0-9._-]{1,200}", "1 to 200 letters, digits, dots, hyphens, underscores")
]
OptionalGroupName = Annotated[GroupName | None, EmptyIsUnset]
EnvironmentName = Annotated[
    str,
    matching(
        r"[a-z0-9][a-z0-9-]{0,30}",
        "1 to 31 lower-case letters, digits and hyphens, no hyphen at the beginning",
    ),
]

#: What has another name in each environment, unless it is set: installations on one Kafka share nothing.
_TOPICS = {
    "vlab_chat_events_topic": "vlab-{env}-chat-events",
    "vlab_state_topic": "vlab-{env}-state",
    "vlab_chat_log_topic": "vlab-{env}-chat-log",
    "vlab_dead_letters_topic": "vlab-{env}-dead-letters",
    "vlab_exports_topic": "vlab-{env}-exports",
}
_GROUPS = {
    "capture_group": "vlab-{env}-chatlog-capture",
    "capture_platforms_group": "vlab-{env}-chatlog-capture-platforms",
    "persist_group": "vlab-{env}-chatlog-persist",
    "export_group": "vlab-{env}-chatlog-export",
}


_NAMES = ",".join(WITHOUT_STATE)


def _check_platforms(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in WITHOUT_STATE:
            raise ValueError(f"not platforms; accepted: some of {_NAMES}")
    return tuple(name for name in WITHOUT_STATE if name in names)


PlatformNames = Annotated[tuple[str, ...], BeforeValidator(split_on_commas), AfterValidator(_check_platforms)]


class TopologySettings(Area):
    """Which topics and groups are ours on a Kafka that others may use too. Fields are named as variables."""

    vlab_env: EnvironmentName = "local"
    vlab_chat_events_topic: OptionalKafkaName = None
    vlab_state_topic: OptionalKafkaName = None
    vlab_chat_log_topic: OptionalKafkaName = None
    vlab_dead_letters_topic: OptionalKafkaName = None
    vlab_exports_topic: OptionalKafkaName = None
    # Whose events are captured, Messenger's aside
    platforms: PlatformNames = ()
    capture_group: OptionalGroupName = None
    capture_platforms_group: OptionalGroupName = None
    persist_group: OptionalGroupName = None
    export_group: OptionalGroupName = None
    topic_partitions: int = Field(default=12, ge=1, le=10_000)
    topic_replication: int = Field(default=3, ge=1, le=10)
    topic_retention_days: int = Field(default=31, ge=1, le=3650)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self._has_one_name_for_two(_GROUPS):
            raise ValueError(
                f"{', '.join(name.upper() for name in _GROUPS)} must differ: one group is one kind of work"
            )
        if self._has_one_name_for_two(_TOPICS):
            raise ValueError(f"{', '.join(name.upper() for name in _TOPICS)} must name different topics")
        return self

    def _has_one_name_for_two(self, fields: Collection[str]) -> bool:
        return len({self.name_of(field) for field in fields}) < len(fields)

    def name_of(self, field: str) -> str:
        """Return the name of a topic or a group: as its variable sets it, else after the environment.

        Args:
            field: that the variable sets, such as `vlab_exports_topic` or `persist_group`.
        """
        return getattr(self, field) or (_TOPICS | _GROUPS)[field].format(env=self.vlab_env)

    def names_of_other_environments(self) -> Iterator[tuple[str, str, str]]:
        """Yield each field that has the default of another environment, its value and that environment."""
        for field, by_default in (_TOPICS | _GROUPS).items():
            before, _, after = by_default.partition("{env}")
            name = getattr(self, field) or ""
            env = name.removeprefix(before).removesuffix(after)
            if name == f"{before}{env}{after}" and env != self.vlab_env:
                yield field, name, env

    def idle_because(self, role: Role) -> str | None:
        """Say why a role has nothing to do, and how that is changed; None when it has."""
        if role is Role.CAPTURE and not self.capture_is_on:
            return "capture is off: VLAB_CHAT_LOG_TOPIC is unset or empty; set it to turn capture on"
        if role is Role.CAPTURE_PLATFORMS and not self.platforms:
            return f"no platform is captured: PLATFORMS is unset or empty; set it to some of {_NAMES}"
        return None

    @property
    def capture_is_on(self) -> bool:
        """Whether capture runs: it is off while VLAB_CHAT_LOG_TOPIC is unset or empty."""
        return self.vlab_chat_log_topic is not None
