"""The platforms whose events can be captured. To add one: a module beside this, and a line in `PLATFORMS`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from models.entries import ChatLogEntry
from models.events import Category, Event, Moment
from models.platforms import messenger
from models.states import State


@dataclass(frozen=True, slots=True)
class Platform:
    """What a platform's module offers: four pure functions.

    Attributes:
        name: as settings and metrics call it.
        parse_event: a record's value to an event, clean enough to be stored; raises `BadRecord`.
        categorise: any event to its category; never raises.
        moment_of: any event to whose state it needs and when; never raises.
        extract_chat_log_entry: event and the person's state before it to an entry, or None when nothing
            visible was said; raises `BadRecord` when the row would lack what it needs.
    """

    name: str
    parse_event: Callable[[bytes | None], Event]
    categorise: Callable[[Event], Category]
    moment_of: Callable[[Event], Moment]
    extract_chat_log_entry: Callable[[Event, State], ChatLogEntry | None]


PLATFORMS: Mapping[str, Platform] = MappingProxyType(
    {
        platform.name: platform
        for platform in (
            Platform(
                "messenger",
                messenger.parse_event,
                messenger.categorise,
                messenger.moment_of,
                messenger.extract_chat_log_entry,
            ),
        )
    }
)
