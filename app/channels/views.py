"""What the pages of channels show. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.channels.holding import HeldValue, differences, holding
from app.channels.rows import ALL
from models.platforms import WITHOUT_STATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from app.channels.known import ChannelRow
    from app.channels.rows import ChannelConfig, ConfigVersion

#: Whose rules hold where a channel has none: for all, then for each platform.
DEFAULTS = ((ALL, ALL), *((platform, ALL) for platform in WITHOUT_STATE))


class ChannelView(NamedTuple):
    """A row of the list.

    Attributes:
        row: the channel.
        held: what holds there, by name.
    """

    row: ChannelRow
    held: Mapping[str, HeldValue]


class VersionView(NamedTuple):
    """A version of a rule.

    Attributes:
        version: the version.
        said: in what it differs from the one before it.
        state: whether it is still to come, holds, or is over.
    """

    version: ConfigVersion
    said: list[str]
    state: str


def channel_views(rows: Sequence[ChannelRow], lines: Sequence[Sequence[ChannelConfig]]) -> list[ChannelView]:
    """Return the rows of the list, with what holds by the rules that bear on each."""
    return [ChannelView(row, holding(row.platform, line)) for row, line in zip(rows, lines, strict=True)]


def history_of(versions: Sequence[ConfigVersion], now: datetime) -> list[VersionView]:
    """Return the history of a rule, the newest version first, as they are given."""
    views = []
    holds = next((version for version in versions if version.valid_from <= now), None)
    for place, version in enumerate(versions):
        earlier = versions[place + 1] if place + 1 < len(versions) else None
        before = None if earlier is None or earlier.is_deleted else earlier.config
        said = ["Taken away"] if version.is_deleted else differences(before, version.config)
        state = "to come" if version.valid_from > now else "holds" if version is holds else "over"
        views.append(VersionView(version, said or ["Nothing said of its own"], state))
    return views
