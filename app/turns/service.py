"""Logs turns of assistants, sessions and opinions. Each asks `models.access.may`.

Whatever is logged goes the way of all events: it is taken once Kafka has it, and counted when it is a row,
once, however often it was told. Nothing here waits for the database.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from fastapi.exceptions import RequestValidationError

from app.access import NotAllowed, network_of
from app.ingest.bodies import EVENT_MAX_BYTES
from app.ingest.errors import NoSuchEntrance
from app.ingest.metrics import SWITCHED_OFF, Entrance
from app.settings.turns import AddressKept
from app.turns.events import ids_of, messages_in, opinion_event, session_event, turn_event
from app.turns.names import SessionName, new_session, new_turn
from models.access import ASSISTANT, Action, may
from models.errors import BadRecord
from models.platforms.assistant.exchange import index_id_in, moment_in
from sinks.kafka.delivery import OutRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.ingest.intake import EventIntake
    from app.ingest.metrics import IngestMetrics
    from app.settings.turns import TurnSettings
    from app.turns.events import Turn, TurnIds, TurnOpinion
    from app.turns.first_told import FirstTold
    from models import JSON
    from models.access import Caller
    from models.messages import Message

#: How far ahead of ours the clock of whoever logs may be.
AHEAD_MS = 5 * 60 * 1000
#: How much of an address is its network, of IPv4 and of IPv6.
_IPV4_BITS, _IPV6_BITS = 24, 48


class LoggedTurn(NamedTuple):
    """What became of a turn.

    Attributes:
        ids: who its messages are; None where logging is switched off.
        turn: its name in the session.
    """

    ids: TurnIds | None
    turn: str


class TurnLog:
    """Logs what programs tell; any replica does, and any may be told the same again.

    Whatever is logged raises ServiceDown while Kafka is away: then it is to be told again, and is the same if
    it was taken after all.

    Args:
        settings: whether and what is kept.
        intake: where events go.
        metrics: where they are counted.
        first_told: when turns were told of first.
    """

    def __init__(
        self, settings: TurnSettings, intake: EventIntake, metrics: IngestMetrics, first_told: FirstTold
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._metrics = metrics
        self._first_told = first_told

    @property
    def is_on(self) -> bool:
        """Whether anything is logged (ENABLE_CHAT_LOGGING)."""
        return self._settings.enable_chat_logging

    async def touch(
        self,
        caller: Caller,
        session: SessionName,
        *,
        timestamp: str | float | None = None,
        user_id: str | None = None,
        metadata: Mapping[str, JSON] | None = None,
    ) -> None:
        """Have a session made, or touched.

        Args:
            caller: who logs.
            session: which.
            timestamp: when: ISO 8601, or s or ms since 1970; None for now.
            user_id: whose it is.
            metadata: what is known of it from then on; nothing leaves it as it is.

        Raises:
            NotAllowed: it is not the caller's.
            RequestValidationError: something of it cannot be used.
        """
        _require(caller, session)
        event = session_event(session, _time_in(timestamp, _now_ms()), user_id, metadata or {})
        await self._put([(session, event)])

    async def log(self, caller: Caller, turns: Sequence[Turn]) -> list[LoggedTurn]:
        """Log turns: all of them, or none if one of them cannot be read.

        Args:
            caller: who logs.
            turns: at least one.

        Returns:
            What became of each, in order.

        Raises:
            NotAllowed: the session of one is not the caller's.
            RequestValidationError: one cannot be used.
        """
        now_ms = _now_ms()
        logged: list[LoggedTurn] = []
        events: list[tuple[SessionName, bytes]] = []
        for turn in turns:
            _require(caller, turn.session)
            name = turn.id or new_turn(uuid.uuid4(), now_ms)
            timestamp = await self._time_of(turn, now_ms)
            event = turn_event(replace(turn, user_ip=self._address_kept(turn.user_ip)), name, timestamp)
            messages = _read(event)
            logged.append(LoggedTurn(ids_of(name, messages, timestamp) if self.is_on else None, name))
            events.append((turn.session, event))
        await self._put(events)
        return logged

    async def rate(self, caller: Caller, opinion: TurnOpinion) -> None:
        """Log what somebody thinks of an answer, whether or not that is a row yet.

        Raises:
            NotAllowed: the session is not the caller's.
            RequestValidationError: something of it cannot be used.
        """
        _require(caller, opinion.session)
        event = opinion_event(opinion, _time_in(opinion.timestamp, _now_ms()))
        await self._put([(opinion.session, event)])

    async def _time_of(self, turn: Turn, now_ms: int) -> int:
        if turn.timestamp is None and turn.id is not None:
            return await self._first_told.of(turn.session.turn(turn.id), now_ms)
        return _time_in(turn.timestamp, now_ms)

    def _address_kept(self, address: str | None) -> str | None:
        kept = self._settings.chat_log_addresses
        if address is None or kept is AddressKept.NONE:
            return None
        if kept is AddressKept.FULL:
            return network_of(address, ipv4_bits=32, ipv6_bits=128)
        return network_of(address, ipv4_bits=_IPV4_BITS, ipv6_bits=_IPV6_BITS)

    async def _put(self, events: Sequence[tuple[SessionName, bytes]]) -> None:
        if not self.is_on:
            self._metrics.ignored.labels(Entrance.TURNS, SWITCHED_OFF).inc(len(events))
            return
        if ASSISTANT not in self._intake.topics:
            raise NoSuchEntrance(f"No assistant is captured here: PLATFORMS does not name {ASSISTANT}.")
        records = [OutRecord(session.kept.encode(), event) for session, event in events]
        refused = await self._intake.put(Entrance.TURNS, ASSISTANT, records)
        if refused:
            raise unusable(None, refused[0][1].detail)


def named(app: str | None, session: str | None) -> SessionName:
    """Return the session of an app with a name, or a new one.

    Raises:
        RequestValidationError: the name is too long for an index.
    """
    name = SessionName(app, session or new_session(uuid.uuid4(), _now_ms()))
    try:
        index_id_in(name.kept, "session_id")
    except BadRecord as error:
        raise unusable(None, error.detail) from None
    return name


def unusable(field: str | None, said: str) -> RequestValidationError:
    """Return what is answered as a mistake in a body, at a field."""
    place = ("body",) if field is None else ("body", field)
    return RequestValidationError([{"type": "value_error", "loc": place, "msg": said}])


def _require(caller: Caller, session: SessionName) -> None:
    if not may(caller, Action.LOG_TURNS, session.thing):
        raise NotAllowed("Your tenant or your scope does not let you log turns of this session.")


def _read(event: bytes) -> list[Message]:
    if len(event) > EVENT_MAX_BYTES:
        raise unusable(None, f"larger than {EVENT_MAX_BYTES} bytes")
    try:
        messages = messages_in(event)
    except BadRecord as error:
        raise unusable(None, error.detail) from None
    if not messages:
        raise unusable(None, "nothing was said: neither user_message nor ai_response has a text")
    return messages


def _time_in(timestamp: str | float | None, now_ms: int) -> int:
    if timestamp is None:
        return now_ms
    try:
        found = moment_in(timestamp, "timestamp")
    except BadRecord as error:
        raise unusable("timestamp", error.detail.removeprefix("timestamp: ")) from None
    if found > now_ms + AHEAD_MS:
        raise unusable("timestamp", f"more than {AHEAD_MS // 60_000} minutes in the future")
    return found


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
