"""How far a shard has come: which of the events that it heard are in Kafka, and what was missed before.

Pure: told of each event, it says what is to be remembered so that nothing is missed when all else is lost.
Times are ms since 1970 of this machine's clock.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable


class GatewaySession(msgspec.Struct, frozen=True):
    """A session of the gateway's, which can be taken up after one of its events.

    Attributes:
        id: as the gateway named it.
        url: where it can be taken up.
        sequence: the number of the last event that is in Kafka, with all before it.
    """

    id: str
    url: str
    sequence: int


class Position(msgspec.Struct, frozen=True):
    """What is remembered of a shard.

    Attributes:
        heard_ms: what was said until then is in Kafka, but for what is missing.
        session: what to take up; None if there is nothing.
        missing_ms: from when on something was missed that was not fetched yet; None if nothing was.
        servers: the ids of those that it hears.
    """

    heard_ms: int
    session: GatewaySession | None = None
    missing_ms: int | None = None
    servers: tuple[str, ...] = ()

    @property
    def unheard_ms(self) -> int:
        """From when on something is missing if the session cannot be taken up."""
        return self.heard_ms if self.missing_ms is None else self.missing_ms


class _Heard(NamedTuple):
    """What holds once Kafka has what was handed in up to a number."""

    number: int
    session_id: str
    sequence: int
    heard_ms: int


class ShardProgress:
    """The way of a shard's events into Kafka.

    Args:
        position: as it was remembered; None if nothing was.

    Attributes:
        position: what is to be remembered now.
    """

    def __init__(self, position: Position | None) -> None:
        self.position = position
        #: The last event of the session that was heard, in Kafka or on its way there.
        self._last_sequence = 0 if self.session is None else self.session.sequence
        self._under_way: deque[_Heard] = deque()

    @property
    def session(self) -> GatewaySession | None:
        """What to take up. It tells again what is under way to Kafka, which is not `is_new`."""
        return None if self.position is None else self.position.session

    def begin(
        self, session: GatewaySession, servers: Iterable[str], missing_ms: int | None, now_ms: int
    ) -> None:
        """Note that a session begins.

        Args:
            session: as it begins.
            servers: that it hears.
            missing_ms: from when on something was missed before it; None if nothing was.
            now_ms: when it begins.
        """
        self.position = Position(
            now_ms if missing_ms is None else missing_ms, session, missing_ms, tuple(servers)
        )
        self._last_sequence = session.sequence

    def lose_session(self) -> None:
        """Note that the session cannot be taken up any more."""
        if self.position is not None:
            self.position = replace(self.position, session=None)

    def hear_of(self, server: str) -> None:
        """Note that a server is heard from now on."""
        if self.position is not None and server not in self.position.servers:
            self.position = replace(self.position, servers=(*self.position.servers, server))

    def forget(self, server: str) -> None:
        """Note that a server is not heard any more."""
        if self.position is not None:
            left = tuple(each for each in self.position.servers if each != server)
            self.position = replace(self.position, servers=left)

    def miss(self, since_ms: int) -> None:
        """Note that something is missing from a time on."""
        if self.position is not None:
            earlier = self.position.missing_ms
            missing_ms = since_ms if earlier is None else min(earlier, since_ms)
            self.position = replace(self.position, missing_ms=missing_ms)

    def fetched(self) -> None:
        """Note that all that was missing is in Kafka."""
        if self.position is not None:
            self.position = replace(self.position, missing_ms=None)

    def is_new(self, sequence: int) -> bool:
        """Tell whether an event of the session was not heard yet."""
        return sequence > self._last_sequence

    def hear(self, sequence: int, number: int) -> None:
        """Note that an event was heard.

        Args:
            sequence: its number in the session.
            number: of the last that was handed in, with it.
        """
        self._last_sequence = sequence
        self._then(number, 0)

    def reach(self, heard_ms: int, number: int) -> None:
        """Note that all that was said until a time was handed in, and has numbers up to this one."""
        self._then(number, heard_ms)

    def confirm(self, number: int) -> None:
        """Note that what was handed in is in Kafka, up to this number."""
        while self._under_way and self._under_way[0].number <= number:
            heard = self._under_way.popleft()
            if self.position is None:
                continue
            session = self.position.session
            if session is not None and session.id == heard.session_id:
                session = replace(session, sequence=heard.sequence)
            self.position = replace(
                self.position, session=session, heard_ms=max(self.position.heard_ms, heard.heard_ms)
            )

    def _then(self, number: int, heard_ms: int) -> None:
        if self.session is not None:
            self._under_way.append(_Heard(number, self.session.id, self._last_sequence, heard_ms))
