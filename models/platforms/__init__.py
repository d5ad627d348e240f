"""The platforms whose events can be captured. To add one: a module beside this, and a line in the table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from models.entries import ChatLogEntry
from models.events import Category, Event, Moment
from models.messages import Extraction
from models.platforms import assistant, discord, messenger, twitch, vrchat
from models.states import State


@dataclass(frozen=True, slots=True)
class StateJoin:
    """What a platform offers whose messages need the state that a bot knew before them: `extract`, in steps.

    Attributes:
        parse_event: a record's value to an event, clean enough to be stored; raises `BadRecord`.
        categorise: any event to its category; never raises.
        moment_of: event and its category to whose state it needs and as of when, or None when nothing visible
            was said; raises `BadRecord` when that cannot be told.
        entry_of: event, its category, its moment, and the person's state before it to an entry; raises
            `BadRecord` when the row would lack what it needs.
        extract_chat_log_entry: the three of them in one: event and state to an entry, None, or `BadRecord`.
    """

    parse_event: Callable[[bytes | None], Event]
    categorise: Callable[[Event], Category]
    moment_of: Callable[[Event, Category], Moment | None]
    entry_of: Callable[[Event, Category, Moment, State], ChatLogEntry]
    extract_chat_log_entry: Callable[[Event, State], ChatLogEntry | None]


@dataclass(frozen=True, slots=True)
class Platform:
    """What a platform's module offers: pure functions.

    Attributes:
        name: as settings, topics, tables and metrics call it.
        kinds: every kind of event that its module knows, for counters.
        extract: a record's value to what was said and done, or to nothing; raises `BadRecord`. With a state
            to join, as if nothing were known of the person.
        key_of: a record's value to what the record is keyed by, so that what must stay in order does: the
            channel (of Messenger, the person). None where it tells none. Never raises.
        has_steady_times: whether every delivery of a message tells the same time; if not, the first counts.
        keeps_raw: whether events are stored with their messages where no rule says otherwise; not where they
            are many times what is said, and say little else.
        tells_presence: whether it tells who comes and goes where messages are said. Of all others, who is
            there is taken from what they say.
        join: for a platform whose messages need a state; None for all others.
    """

    name: str
    kinds: frozenset[str]
    extract: Callable[[bytes | None], Extraction]
    key_of: Callable[[bytes], str | None]
    has_steady_times: bool = True
    keeps_raw: bool = True
    tells_presence: bool = False
    join: StateJoin | None = None


def _state_join(*, media: bool) -> StateJoin:
    return StateJoin(
        messenger.parse_event,
        messenger.categorise,
        partial(messenger.moment_of, media=True) if media else messenger.moment_of,
        messenger.entry_of,
        partial(messenger.extract_chat_log_entry, media=True) if media else messenger.extract_chat_log_entry,
    )


#: Messenger's messages with their states: text and what a bot takes for it.
MESSENGER = _state_join(media=False)
#: The same, whatever people see, and not text alone (`CAPTURE_MEDIA`).
MESSENGER_WITH_MEDIA = _state_join(media=True)

#: Every platform by its name. One line each.
PLATFORMS: Mapping[str, Platform] = MappingProxyType(
    {
        platform.name: platform
        for platform in (
            Platform("messenger", messenger.KINDS, messenger.extract, messenger.key_of, join=MESSENGER),
            # 316 bytes a line, on average, for 22 of text.
            Platform(
                "twitch",
                twitch.KINDS,
                twitch.extract,
                twitch.key_of,
                has_steady_times=False,
                keeps_raw=False,
            ),
            Platform("discord", discord.KINDS, discord.extract, discord.key_of),
            Platform("vrchat", vrchat.KINDS, vrchat.extract, vrchat.key_of, tells_presence=True),
            # Langfuse tells a trace as often as something is known of it, each time with another time.
            Platform(
                "assistant", assistant.KINDS, assistant.extract, assistant.key_of, has_steady_times=False
            ),
        )
    }
)
#: The names of those whose messages are known by what an event says, with no state: all but Messenger.
WITHOUT_STATE = tuple(name for name, platform in PLATFORMS.items() if platform.join is None)
#: Those whose messages come by no event, so that nothing captures them: leads' histories.
NOT_CAPTURED = ("crm",)
#: Those that have partitions of `messages`.
OF_MESSAGES = (*WITHOUT_STATE, *NOT_CAPTURED)
#: Those whose messages there are to read.
READ = (*PLATFORMS, *NOT_CAPTURED)
