"""People who talk without end: events and states of the present time, each unique and in the ledger.

What an answer says is which question its person was asked last, so that each row tells by itself whether it
has the state that was before it.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import orjson

from app.kafka.topics import topics_of
from tests.faults.ledger import Message, producing

if TYPE_CHECKING:
    from app.settings import Settings
    from tests.faults.ledger import Ledger

#: How many people talk; few enough that each has a history.
PEOPLE = 2_000
TICK_S = 0.25
#: Of so many people who answer, one was asked something new before.
ASKED_ONE_IN = 2

#: Rows whose state is not the one before the message.
WRONGLY_JOINED = "SELECT count(*) FROM chat_log WHERE content <> 'to ' || coalesce(question_ref, 'nothing')"


class Traffic:
    """Produces at a steady rate until it is told to stop; while the brokers are away, it waits.

    Args:
        system: where to.
        ledger: notes what was sent.
        messages_per_s: events a second; there are half as many states.
        seed: makes the choice of people the same again.
    """

    def __init__(self, system: Settings, ledger: Ledger, messages_per_s: int, seed: int) -> None:
        self._system = system
        self._ledger = ledger
        self._per_tick = max(1, round(messages_per_s * TICK_S))
        self._chance = random.Random(seed)
        self._questions: list[str | None] = [None] * PEOPLE
        self._last_ms = [0] * PEOPLE
        self._asked = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Produce until `stop` is set; what was begun is finished."""
        topics = topics_of(self._system.topology)
        async with producing(self._system) as producer:
            while not stop.is_set():
                next_tick = time.monotonic() + TICK_S
                people = self._chance.sample(range(PEOPLE), self._per_tick)
                states = [self._ask(person) for person in people[::ASKED_ONE_IN]]
                # The states are in Kafka before the events that need them: who captures finds them.
                await self._ledger.produce_with(producer, topics.state.name, states)
                events = [self._answer(person) for person in people]
                await self._ledger.produce_with(producer, topics.events.name, events)
                await asyncio.sleep(max(0.0, next_tick - time.monotonic()))

    def _ask(self, person: int) -> Message:
        self._asked += 1
        self._questions[person] = question = f"q{self._asked}"
        key, now_ms = _key_of(person), self._now_ms(person)
        state = {"state": "QOUT", "forms": ["soak"], "question": question, "md": {"form": "soak"}}
        record = {
            "userid": key,
            "pageid": "page",
            "updated": now_ms,
            "current_state": "QOUT",
            "state_json": state,
        }
        return Message(key.encode(), orjson.dumps(record), None)

    def _answer(self, person: int) -> Message:
        key, now_ms = _key_of(person), self._now_ms(person)
        event = {
            "source": "messenger",
            "sender": {"id": key},
            "recipient": {"id": "page"},
            "timestamp": now_ms,
            "message": {"mid": f"m_{key}_{now_ms}", "text": f"to {self._questions[person] or 'nothing'}"},
        }
        return Message(key.encode(), orjson.dumps(event), (key, now_ms, "user"))

    def _now_ms(self, person: int) -> int:
        """Return the time, later than anything this person did."""
        self._last_ms[person] = max(round(time.time() * 1000), self._last_ms[person] + 1)
        return self._last_ms[person]


def _key_of(person: int) -> str:
    return f"{person:016d}"
