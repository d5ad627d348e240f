"""What holds in a channel, value by value, and whose rule says so; in words for people. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from app.channels.rows import ALL
from app.web.words import counted
from models.channels import ANY, Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.channels.rows import ChannelConfig

#: How each value is called.
LABELS: Mapping[str, str] = MappingProxyType(
    {
        "is_enabled": "Recorded",
        "sampling_rate": "Sample",
        "exempt": "Kept whatever the sample",
        "retention_days": "Keep for",
        "deletions": "Deleted messages",
        "bots": "What bots say",
        "keep_raw": "Raw events",
        "ignored_users": "Ignored people",
        "pre_drop_pipeline_id": "Before messages are dropped",
    }
)
EXEMPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "moderator": "a moderator's",
        "mention": "with a mention",
        "reply": "replies",
        "first": "somebody's first",
    }
)
DELETIONS: Mapping[str, str] = MappingProxyType(
    {"keep": "kept and marked", "hide": "kept and hidden", "blank": "emptied"}
)
_ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth", 10: "tenth", 20: "twentieth", 100: "hundredth"}
#: A time at which nothing but what is built in holds.
_AT = 0


@dataclass(frozen=True, slots=True)
class HeldValue:
    """A value that holds in a channel.

    Attributes:
        name: of the value.
        value: what holds.
        said_by: whose rule says so, as (platform, channel); None for what is built in.
    """

    name: str
    value: Any
    said_by: tuple[str, str] | None

    @property
    def label(self) -> str:
        """How it is called."""
        return LABELS[self.name]

    @property
    def words(self) -> str:
        """The value, in words."""
        return in_words(self.name, self.value)

    def is_own(self, platform: str, channel: str) -> bool:
        """Tell whether the channel's own rule says so."""
        return self.said_by == (platform, channel)


def holding(platform: str, line: Sequence[ChannelConfig]) -> dict[str, HeldValue]:
    """Return what holds where these rules do.

    Args:
        platform: whose channel; what is built in differs.
        line: the rules that bear on the channel, the first in line first.
    """
    built_in = Rules().of(platform if platform != ALL else ANY).at(None, _AT)
    held = {}
    for name in LABELS:
        said = next((rule for rule in line if getattr(rule, name) is not None), None)
        value = getattr(built_in, name) if said is None else getattr(said, name)
        held[name] = HeldValue(name, _plain(value), None if said is None else (said.platform, said.channel))
    return held


def in_words(name: str, value: Any) -> str:
    """Say a value of a rule, by its name."""
    return _WORDS[name](value)


def sample(rate: float) -> str:
    """Say which part of the messages is kept: `every message`, `every tenth message`, `12 % of messages`."""
    if rate >= 1:
        return "every message"
    if rate <= 0:
        return "no message"
    every = 1 / rate
    if abs(every - round(every)) < 1e-9 and round(every) in _ORDINALS:
        return f"every {_ORDINALS[round(every)]} message"
    return f"{rate * 100:.4g} % of messages"


def effects(before: Mapping[str, HeldValue], after: Mapping[str, HeldValue]) -> list[str]:
    """Say what becomes otherwise where other rules hold: a sentence for each value that does."""
    changed = [name for name in LABELS if before[name].value != after[name].value]
    return [_EFFECTS[name](after[name].value) for name in changed]


def differences(before: ChannelConfig | None, after: ChannelConfig) -> list[str]:
    """Say in what a version of a rule differs from the one before it."""
    said = []
    for name in LABELS:
        value = getattr(after, name)
        if value == (None if before is None else getattr(before, name)):
            continue
        said.append(f"{LABELS[name]}: {'inherited' if value is None else in_words(name, value)}")
    return said


def _effect_of_sample(rate: float) -> str:
    if rate >= 1:
        return "Every message is kept; figures are exact."
    kept = sample(rate)
    return f"{kept[0].upper()}{kept[1:]} is kept; figures are estimates."


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _exemptions(value: Sequence[str]) -> str:
    return ", ".join(EXEMPTIONS.get(one, one) for one in value) or "nothing"


def _deletions(value: str) -> str:
    return DELETIONS.get(value, value)


def _pipeline(value: str | None) -> str:
    return value or "nothing runs"


#: Each value, in words.
_WORDS: Mapping[str, Callable[[Any], str]] = {
    "is_enabled": _yes_or_no,
    "sampling_rate": sample,
    "exempt": _exemptions,
    "retention_days": lambda days: counted(days, "day"),
    "deletions": _deletions,
    "bots": _yes_or_no,
    "keep_raw": _yes_or_no,
    "ignored_users": lambda ids: counted(len(ids), "id") if ids else "nobody",
    "pre_drop_pipeline_id": _pipeline,
}
#: What it means that a value holds, in a sentence.
_EFFECTS: Mapping[str, Callable[[Any], str]] = {
    "is_enabled": lambda on: (
        "What is said is recorded." if on else "Nothing is recorded any more: no message, no name, no stay."
    ),
    "sampling_rate": _effect_of_sample,
    "exempt": lambda kept: (
        f"Whatever the sample, these are kept: {_exemptions(kept)}."
        if kept
        else "Nothing is exempt from samples."
    ),
    "retention_days": lambda days: (
        f"Messages are to be kept for {counted(days, 'day')}; that is noted, and nothing is deleted by it."
    ),
    "deletions": lambda what: f"The text of messages that their platform deletes is {_deletions(what)}.",
    "bots": lambda on: f"What bots say is {'' if on else 'not '}recorded.",
    "keep_raw": lambda on: f"Raw events are {'' if on else 'not '}stored with messages.",
    "ignored_users": lambda ids: (
        f"Nothing is recorded of {counted(len(ids), 'id')}." if ids else "Nobody is ignored here."
    ),
    "pre_drop_pipeline_id": lambda name: (
        f"Noted for when messages are dropped: {name}. Nothing drops them, so that it does not run."
        if name
        else f"Before messages are dropped: {_pipeline(name)}."
    ),
}


def _plain(value: Any) -> Any:
    """Return lists in one order, so that they can be compared."""
    return tuple(sorted(value)) if isinstance(value, tuple | list | frozenset | set) else value
