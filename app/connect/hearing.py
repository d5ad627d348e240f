"""What a connector hears, channel by channel, and what it missed. Pure, but for asking how far Kafka has it.

A channel may be heard by several ears at once: when a platform asks for it, a new connection is made before
the old one ends. It is heard up to a time when some ear has heard all until then, and Kafka has it. What no
ear heard is a gap, and so is what this process heard and did not bring to Kafka before it died: `heard` never
goes past it. Times are ms since 1970 of this machine's clock; a gap may be told too long by what lies between
two signs of life, and never too short.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Missed(StrEnum):
    """Why a channel was not heard: `connector_gaps.reason`."""

    NOT_RUNNING = "not running"
    """The connector was not there: stopped, killed, or never told that it was to end."""
    CONNECTION = "connection lost"
    """The platform, or the network, ended the connection, or fell silent."""
    ASKED = "asked to reconnect"
    """The platform told the connector to connect anew, and ended the connection before that was done."""
    SHUT_OUT = "shut out"
    """The platform does not let the connector in there any more."""
    TOO_LARGE = "too large"
    """Kafka did not take an event, for its size."""
    NOT_SHOWN = "not shown"
    """The platform does not let the connector see what was said before in there, or it was deleted."""


class Gap(NamedTuple):
    """What was missed of a channel.

    Attributes:
        channel: as the platform's messages name it.
        began: what was before is in Kafka; None where only the log of gaps knows that.
        ended: since when it is heard again.
        reason: why it was not.
    """

    channel: str
    began: int | None
    ended: int
    reason: str


class Heard(NamedTuple):
    """Up to when a channel was heard.

    Attributes:
        channel: as the platform's messages name it.
        until: all that was there to be heard until then is in Kafka.
        reason: why it is not heard after that, if nothing more is ever told.
    """

    channel: str
    until: int
    reason: str


class Fetched(NamedTuple):
    """A time of which a channel's history was fetched, and is in Kafka: its gaps that ended in it are filled.

    Attributes:
        channel: as the platform's messages name it.
        since: everything before was there already.
        until: up to when it was fetched.
    """

    channel: str
    since: int
    until: int


class News(NamedTuple):
    """What has come to be known of channels.

    Attributes:
        gaps: that are over, in order.
        heard: how far each channel is heard that some ear has.
        fetched: what was filled in.
    """

    gaps: Sequence[Gap]
    heard: Sequence[Heard]
    fetched: Sequence[Fetched]


class Numbers(Protocol):
    """Of the events that were handed in (`HandingIn`): the last one taken, and the last one in Kafka."""

    taken: int
    confirmed: int


@dataclass(slots=True, eq=False)
class Ear:
    """One way of hearing channels: a connection, a shard.

    Attributes:
        numbers: of the events that are handed in.
        reason: why what it hears would be missed after it.
        since: the channels that it hears, and since when.
        until: it has heard everything until then, and Kafka has it.
        reaches: it has heard everything until then, whether Kafka has it or not.
        has_ended: whether it hears nothing after that.
    """

    numbers: Numbers
    reason: str = Missed.NOT_RUNNING
    since: dict[str, int] = field(default_factory=dict)
    until: int = 0
    reaches: int = 0
    has_ended: bool = False
    #: What holds as soon as the event with a number is in Kafka: heard until a time, or (None) ended.
    _to_come: deque[tuple[int, int | None]] = field(default_factory=deque)

    def hears(self, channel: str, since: int) -> None:
        """Note that it hears a channel, from a time on."""
        self.since.setdefault(channel, since)

    def reached(self, until: int) -> None:
        """Note that whatever the platform sent before a time was handed in."""
        self.reaches = max(self.reaches, until)
        self._to_come.append((self.numbers.taken, until))

    def ends(self, reason: str) -> None:
        """Note that it hears nothing more."""
        self.reason = reason
        self._to_come.append((self.numbers.taken, None))

    def settle(self) -> None:
        """Take as heard what Kafka has by now."""
        while self._to_come and self._to_come[0][0] <= self.numbers.confirmed:
            _, until = self._to_come.popleft()
            if until is None:
                self.has_ended = True
            else:
                self.until = max(self.until, until)


class Hearing:
    """What all ears of a connector hear together.

    Args:
        numbers: of the events that are handed in.
    """

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._ears: list[Ear] = []
        #: Up to when each channel was heard, and why it would be missed after that.
        self._heard: dict[str, Heard] = {}
        self._fetched: deque[tuple[int, Fetched]] = deque()

    @property
    def channels(self) -> dict[str, int]:
        """The channels that are heard now, and up to when that is sure."""
        heard = {channel for ear in self._ears if not ear.has_ended for channel in ear.since}
        return {channel: known.until for channel, known in self._heard.items() if channel in heard}

    def new_ear(self) -> Ear:
        """Return an ear that hears no channel yet."""
        ear = Ear(self._numbers)
        self._ears.append(ear)
        return ear

    def shut_out(self, ear: Ear, channel: str) -> None:
        """Note that an ear does not hear one of its channels any more."""
        if (since := ear.since.pop(channel, None)) is not None:
            without = self.new_ear()
            without.since[channel] = since
            without.reached(ear.until)
            without.ends(Missed.SHUT_OUT)

    def fetched(self, channel: str, since: int, until: int) -> None:
        """Note that what a channel's history has of a time was handed in."""
        self._fetched.append((self._numbers.taken, Fetched(channel, since, until)))

    def settle(self) -> News:
        """Return what has come to be known since this was last asked."""
        for ear in self._ears:
            ear.settle()
        channels = dict.fromkeys(channel for ear in self._ears for channel in ear.since)
        gaps = [gap for channel in channels for gap in self._follow(channel)]
        self._ears = [ear for ear in self._ears if not ear.has_ended]
        fetched = []
        while self._fetched and self._fetched[0][0] <= self._numbers.confirmed:
            fetched.append(self._fetched.popleft()[1])
        return News(gaps, [self._heard[channel] for channel in channels], fetched)

    def _follow(self, channel: str) -> Iterator[Gap]:
        """Go on from ear to ear; yield what none of them heard."""
        ears = [ear for ear in self._ears if channel in ear.since]
        before = self._heard.get(channel)
        if before is None:
            first = min(ears, key=lambda ear: ear.since[channel])
            yield Gap(channel, None, first.since[channel], Missed.NOT_RUNNING)
            before = Heard(channel, first.since[channel], Missed.NOT_RUNNING)
        heard = before
        while True:
            here = [ear for ear in ears if ear.since[channel] <= heard.until <= ear.until]
            if here and (until := max(ear.until for ear in here)) > heard.until:
                heard = heard._replace(until=until)
                continue
            here = [ear for ear in ears if ear.since[channel] <= heard.until]
            later = [ear for ear in ears if ear.since[channel] > heard.until]
            goes_on = any(not ear.has_ended for ear in here)
            if goes_on:
                heard = heard._replace(reason=Missed.NOT_RUNNING)
            elif here:
                heard = heard._replace(reason=max(here, key=lambda ear: ear.until).reason)
            if goes_on or not later:
                break
            first = min(later, key=lambda ear: ear.since[channel])
            yield Gap(channel, heard.until, first.since[channel], heard.reason)
            heard = heard._replace(until=first.since[channel])
        self._heard[channel] = heard
