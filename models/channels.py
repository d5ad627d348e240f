"""What is recorded of a channel: the rules, as of an event's own time.

Rules are rows of `chat_logging_config`, of which every version is kept. At a time, the latest version that
was valid by then counts, and what it leaves open is told by the next in line: the channel, the channel that
it belongs to, the platform (channel `*`), all (platform and channel `*`), and at last what is built in. So an
event comes to the same live, late and re-read.

Looking up is what happens to every message: of a channel whose rule did not change since, it is a dict's hit.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, NamedTuple

from models.platforms import PLATFORMS

#: Stands for every channel, and every platform.
ANY = "*"
#: Since there is anything: in µs since 1970.
_EVER_US = -(1 << 63)


class Deletions(StrEnum):
    """What becomes of a message that was taken back: the values of `chat_logging_config.deletions`."""

    KEEP = "keep"
    HIDE = "hide"
    BLANK = "blank"


class Unrecorded(StrEnum):
    """Why nothing is recorded of something."""

    DISABLED = "disabled"
    IGNORED_USER = "ignored_user"
    BOT = "bot"
    OPTED_OUT = "opted_out"


class Fate(NamedTuple):
    """What becomes of a message that is recorded.

    Attributes:
        kept: whether it is stored; if not, it is only counted.
        weight: how many messages it stands for.
    """

    kept: bool
    weight: float


_STORED = Fate(kept=True, weight=1.0)
_LEFT_OUT = Fate(kept=False, weight=0.0)


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """What holds for a channel at a time.

    Attributes:
        is_enabled: whether anything is recorded.
        retention_days: for how many days messages are to be kept; nothing is deleted by it.
        sampling_rate: which part of the messages is stored, 0 to 1.
        pre_drop_pipeline_id: what is to run before messages are dropped; nothing runs.
        deletions: what becomes of a message that was taken back.
        ignored_users: of whom nothing is recorded.
        bots: whether what bots say is recorded.
        exempt: what is stored whatever the rate (`models.messages.Message.exemptions`).
        keep_raw: whether the event is stored as it came.
    """

    is_enabled: bool = True
    retention_days: int = 30
    sampling_rate: float = 1.0
    pre_drop_pipeline_id: str | None = None
    deletions: str = Deletions.KEEP
    ignored_users: frozenset[str] = frozenset()
    bots: bool = True
    exempt: frozenset[str] = frozenset()
    keep_raw: bool = True

    def fate_of(self, lot: float, exemptions: frozenset[str]) -> Fate:
        """Return what a sample makes of a message.

        Args:
            lot: its place among all messages (`models.ids.lot_of`): the same whenever it is asked for.
            exemptions: for what it may be exempt.
        """
        if self.sampling_rate >= 1 or (exemptions and not self.exempt.isdisjoint(exemptions)):
            return _STORED
        return Fate(kept=True, weight=1 / self.sampling_rate) if lot < self.sampling_rate else _LEFT_OUT


#: What holds where nobody said anything.
BUILT_IN = ChannelRule()


@dataclass(frozen=True, slots=True)
class DatedRule:
    """A row of `chat_logging_config` as it was from a time on; None is left to the next in line.

    Attributes:
        platform: whose channel, or `ANY`.
        channel: which, or `ANY`.
        valid_from_us: since when, in µs since 1970.
        is_deleted: whether the row is gone since then.
    """

    platform: str
    channel: str
    valid_from_us: int
    is_deleted: bool = False
    is_enabled: bool | None = None
    retention_days: int | None = None
    sampling_rate: float | None = None
    pre_drop_pipeline_id: str | None = None
    deletions: str | None = None
    ignored_users: frozenset[str] | None = None
    bots: bool | None = None
    exempt: frozenset[str] | None = None
    keep_raw: bool | None = None


class OptOutSpan(NamedTuple):
    """Somebody wants nothing recorded of what they say and do.

    Attributes:
        platform: where.
        person: who.
        since_ms: from when on; None for ever.
        until_ms: up to when; None while it lasts.
    """

    platform: str
    person: str
    since_ms: int | None = None
    until_ms: int | None = None

    def holds_at(self, time_ms: int) -> bool:
        """Tell whether it holds at a time."""
        return (self.since_ms is None or self.since_ms <= time_ms) and (
            self.until_ms is None or time_ms < self.until_ms
        )


_SAID = tuple(field.name for field in fields(ChannelRule))


class _Timeline(NamedTuple):
    """The rules of one channel, one after the other; `rules[n]` holds from `since_ms[n]` on."""

    since_ms: list[int]
    rules: list[ChannelRule]

    def at(self, time_ms: int) -> ChannelRule:
        return self.rules[bisect_right(self.since_ms, time_ms) - 1]


class PlatformRules:
    """The rules of one platform's channels, and who wants nothing recorded there.

    Args:
        versions: of the platform's rows by channel, each row's in order.
        for_all: of the row for all platforms, in order.
        built_in: what holds for the platform where nobody said anything, beside `BUILT_IN`.
        opt_outs: of its people, by person.
        parents: the channel that a channel belongs to.
    """

    def __init__(
        self,
        versions: Mapping[str, list[DatedRule]],
        for_all: list[DatedRule],
        built_in: list[DatedRule],
        opt_outs: Mapping[str, list[OptOutSpan]],
        parents: Mapping[str, str],
    ) -> None:
        self._versions = versions
        self._rest = [versions.get(ANY, []), for_all, built_in]
        self._by_default = _timeline(self._rest)
        self._opt_outs = opt_outs
        self._parents = parents
        #: By a channel that has rules, and one that belongs to such: as many as there are rules, or threads.
        self._timelines: dict[tuple[str | None, str | None], _Timeline] = {}

    def at(self, channel: str | None, time_ms: int, parent: str | None = None) -> ChannelRule:
        """Return what holds for a channel at a time.

        Args:
            channel: which; None where that is not known: what holds for the platform.
            time_ms: when.
            parent: the channel that it belongs to, if that is told; else, what is known counts.
        """
        versions = self._versions
        if parent is None and channel is not None:
            parent = self._parents.get(channel)
        if channel in versions or parent in versions:
            key = (channel if channel in versions else None, parent)
            timeline = self._timelines.get(key)
            if timeline is None:
                own = [versions[name] for name in key if name is not None and name in versions]
                timeline = self._timelines[key] = _timeline([*own, *self._rest])
        else:
            timeline = self._by_default
        since_ms, rules = timeline
        return rules[-1] if time_ms >= since_ms[-1] else timeline.at(time_ms)

    def has_opted_out(self, person: str | None, time_ms: int) -> bool:
        """Tell whether somebody wanted nothing recorded at a time."""
        spans = self._opt_outs.get(person) if person is not None else None
        return spans is not None and any(span.holds_at(time_ms) for span in spans)

    def unrecorded(
        self, rule: ChannelRule, person: str | None, time_ms: int, *, is_bot: bool = False
    ) -> Unrecorded | None:
        """Return why nothing is recorded of what somebody said or did; None where it is.

        Args:
            rule: what holds for the channel.
            person: who; None where nobody is told.
            time_ms: when.
            is_bot: whether a program spoke.
        """
        if not rule.is_enabled:
            return Unrecorded.DISABLED
        if is_bot and not rule.bots:
            return Unrecorded.BOT
        if rule.ignored_users and person in rule.ignored_users:
            return Unrecorded.IGNORED_USER
        if self._opt_outs and self.has_opted_out(person, time_ms):
            return Unrecorded.OPTED_OUT
        return None


class Rules:
    """Every rule, as of any time.

    Args:
        versions: of all rows of `chat_logging_config`, in any order.
        opt_outs: who wants nothing recorded, and when.
        parents: the channel that a channel (platform, channel) belongs to.
    """

    def __init__(
        self,
        versions: Iterable[DatedRule] = (),
        opt_outs: Iterable[OptOutSpan] = (),
        parents: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        self._versions: defaultdict[str, defaultdict[str, list[DatedRule]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for version in sorted(versions, key=lambda version: version.valid_from_us):
            self._versions[version.platform][version.channel].append(version)
        self._opt_outs: defaultdict[str, defaultdict[str, list[OptOutSpan]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for opt_out in opt_outs:
            self._opt_outs[opt_out.platform][opt_out.person].append(opt_out)
        self._parents: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for (platform, channel), parent in (parents or {}).items():
            self._parents[platform][channel] = parent
        self._of_platforms: dict[str, PlatformRules] = {}

    def of(self, platform: str) -> PlatformRules:
        """Return the rules of a platform's channels."""
        rules = self._of_platforms.get(platform)
        if rules is None:
            rules = self._of_platforms[platform] = PlatformRules(
                dict(self._versions[platform]),
                self._versions[ANY][ANY],
                _built_in(platform),
                dict(self._opt_outs[platform]),
                self._parents[platform],
            )
        return rules


def _built_in(platform: str) -> list[DatedRule]:
    known = PLATFORMS.get(platform)
    return [] if known is None or known.keeps_raw else [DatedRule(platform, ANY, _EVER_US, keep_raw=False)]


def _timeline(line: list[list[DatedRule]]) -> _Timeline:
    """Return what holds from when on, where the first of some rows counts, and then the next in line."""
    rules = [_resolved([])]
    since_ms = [-(1 << 63)]
    for moment_us in sorted({version.valid_from_us for versions in line for version in versions}):
        rule = _resolved([_latest(versions, moment_us) for versions in line])
        # A version counts from the first whole ms on that is not before it.
        moment_ms = -(-moment_us // 1000)
        if moment_ms == since_ms[-1]:
            rules[-1] = rule
        elif rule != rules[-1]:
            since_ms.append(moment_ms)
            rules.append(rule)
    return _Timeline(since_ms, rules)


def _latest(versions: list[DatedRule], moment_us: int) -> DatedRule | None:
    valid = bisect_right(versions, moment_us, key=lambda version: version.valid_from_us)
    latest = versions[valid - 1] if valid else None
    return None if latest is None or latest.is_deleted else latest


def _resolved(line: list[DatedRule | None]) -> ChannelRule:
    said: dict[str, Any] = {}
    for version in reversed(line):
        if version is not None:
            said |= {name: value for name in _SAID if (value := getattr(version, name)) is not None}
    return ChannelRule(**said)
