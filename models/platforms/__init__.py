"""The platforms whose events can be captured. To add one: a module beside this, and a line in the tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from models.entries import ChatLogEntry
from models.events import Category, Event, Moment
from models.platforms import messenger
from models.states import State


@dataclass(frozen=True, slots=True)
class Platform:
    """What a platform's module offers: pure functions.

    Attributes:
        name: as settings and metrics call it.
        parse_event: a record's value to an event, clean enough to be stored; raises `BadRecord`.
        categorise: any event to its category; never raises.
        moment_of: event and its category to whose state it needs and as of when, or None when nothing visible
            was said; raises `BadRecord` when that cannot be told.
        entry_of: event, its category, its moment, and the person's state before it to an entry; raises
            `BadRecord` when the row would lack what it needs.
        extract_chat_log_entry: the three of them in one: event and state to an entry, None, or `BadRecord`.
    """

    name: str
    parse_event: Callable[[bytes | None], Event]
    categorise: Callable[[Event], Category]
    moment_of: Callable[[Event, Category], Moment | None]
    entry_of: Callable[[Event, Category, Moment, State], ChatLogEntry]
    extract_chat_log_entry: Callable[[Event, State], ChatLogEntry | None]


def _messenger(*, media: bool) -> Platform:
    return Platform(
        "messenger",
        messenger.parse_event,
        messenger.categorise,
        partial(messenger.moment_of, media=True) if media else messenger.moment_of,
        messenger.entry_of,
        partial(messenger.extract_chat_log_entry, media=True) if media else messenger.extract_chat_log_entry,
    )


#: By name, as they capture by default.
PLATFORMS: Mapping[str, Platform] = MappingProxyType({"messenger": _messenger(media=False)})
#: By name, as they capture whatever people see, and not text alone (`CAPTURE_MEDIA`).
PLATFORMS_WITH_MEDIA: Mapping[str, Platform] = MappingProxyType({"messenger": _messenger(media=True)})
