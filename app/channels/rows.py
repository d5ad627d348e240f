"""What a row of chat_logging_config says, and which changes of one can be made. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from models.access import DEFAULT_TENANT, THREADS, Thing
from models.errors import ChatlogError, MustAct
from models.fields import fits_index
from models.platforms import WITHOUT_STATE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import asyncpg

#: Stands for all channels of a platform, and with itself for all platforms.
ALL = "*"
#: How many people can be ignored in one channel.
IGNORED_MAX = 10_000
RETENTION_MAX_DAYS = 36_500


class CannotSet(ChatlogError):
    """The rule cannot be set as asked; the message says why, and what can be."""

    must_act = MustAct.CALLER


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """The rule of a channel, as it is set; None is inherited from the platform's, then from that for all.

    Attributes:
        platform: whose channel; `ALL` for the rule for all.
        channel: which; `ALL` for the platform's.
        is_enabled: whether anything is recorded.
        retention_days: for how many days messages are to be kept; nothing is deleted by it.
        sampling_rate: which part of the messages is stored, 0 to 1.
        pre_drop_pipeline_id: what is to run before messages are dropped; nothing runs.
        deletions: what becomes of a text that is deleted: keep, hide or blank.
        ignored_users: of whom nothing is recorded.
        bots: whether what bots say is recorded.
        exempt: what is stored whatever the rate: moderator, mention, reply, first.
        keep_raw: whether the raw event is stored with a message.
    """

    platform: str
    channel: str
    is_enabled: bool | None = None
    retention_days: int | None = None
    sampling_rate: float | None = None
    pre_drop_pipeline_id: str | None = None
    deletions: str | None = None
    ignored_users: tuple[str, ...] | None = None
    bots: bool | None = None
    exempt: tuple[str, ...] | None = None
    keep_raw: bool | None = None

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """Read what a statement says of a rule."""
        said: dict[str, Any] = {field.name: row[field.name] for field in fields(cls)}
        lists = {name: tuple(value) for name, value in said.items() if isinstance(value, list)}
        return cls(**said | lists)

    @property
    def said(self) -> dict[str, Any]:
        """What it says, None for what it inherits: all but whose it is."""
        return {name: getattr(self, name) for name in SAID}

    @property
    def thing(self) -> Thing:
        """What the right to see and change it depends on."""
        return channel_thing(self.platform, self.channel)


#: What a rule can say.
SAID = tuple(field.name for field in fields(ChannelConfig) if field.name not in {"platform", "channel"})


@dataclass(frozen=True, slots=True)
class ConfigVersion:
    """What a channel's rule was from a time on.

    Attributes:
        valid_from: since when.
        is_deleted: whether there was none from then on.
        changed_by: the address of who changed it, or the database's user; None where that was not kept.
        config: the rule.
    """

    valid_from: datetime
    is_deleted: bool
    changed_by: str | None
    config: ChannelConfig


def channel_thing(platform: str, channel: str) -> Thing:
    """Return a channel, which lies in its platform: a scope may name either (`channel:twitch/1`)."""
    within = frozenset({f"channel:{platform}/{channel}", f"platform:{platform}"})
    return Thing(tenant=DEFAULT_TENANT, within=within)


def check_changes(platform: str, changes: Mapping[str, object]) -> None:
    """Make sure that a rule of this platform can say this.

    Raises:
        CannotSet: it cannot.
    """
    said = {name for name, value in changes.items() if value is not None}
    if platform == THREADS and not said <= {"retention_days"}:
        raise CannotSet(
            "Threads are kept as their clients write them: of their rule, set retention_days alone."
        )


def check_place(platform: str, channel: str) -> None:
    """Make sure that there can be a rule for this.

    Raises:
        CannotSet: there cannot.
    """
    if platform not in (*WITHOUT_STATE, THREADS, ALL):
        known = ", ".join((*WITHOUT_STATE, THREADS))
        raise CannotSet(f"There is no platform of this name: {known}, or {ALL} for all of them.")
    if platform == ALL and channel != ALL:
        raise CannotSet(f"A channel is one of a platform: say which. For all, both are {ALL}.")
    if not channel or "\0" in channel or not fits_index(channel):
        raise CannotSet("A channel is known by the platform's id of it, of at most 512 bytes.")
