"""Turns between owners: whoever asks for many exports at once does not make others wait behind all of them.

Bookkeeping of the slots of one worker; what is done in a slot is `agents.exports.jobs`'s matter.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Owner:
    """Who waits for slots, or has some.

    Attributes:
        waiting: for the slots that are still to come, the one that was asked for first at the left.
        slots: how many it has.
        turn: when it was last given one, counted in turns.
    """

    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    slots: int = 0
    turn: int = 0


class Turns:
    """So many slots. The next is for the owner with the fewest; of several, for whose turn is longest ago.

    Args:
        slots: how many there are.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._turn = 0
        self._owners: dict[str, _Owner] = {}

    async def take(self, owner: str) -> None:
        """Return when it is the owner's turn; the slot is the caller's until it gives it back."""
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._owners.setdefault(owner, _Owner()).waiting.append(given)
        self._go_on()
        try:
            await given
        except asyncio.CancelledError:
            if not given.cancelled():  # the slot came in the very moment
                self.give_back(owner)
            raise

    def give_back(self, owner: str) -> None:
        """End the owner's use of a slot."""
        self._owners[owner].slots -= 1
        self._free += 1
        self._go_on()

    def _go_on(self) -> None:
        while self._free and (next_one := self._next()):
            given = next_one.waiting.popleft()
            if given.cancelled():
                continue
            self._turn += 1
            self._free -= 1
            next_one.slots += 1
            next_one.turn = self._turn
            given.set_result(None)

    def _next(self) -> _Owner | None:
        self._owners = {name: owner for name, owner in self._owners.items() if owner.waiting or owner.slots}
        waiting = [owner for owner in self._owners.values() if owner.waiting]
        return min(waiting, key=lambda owner: (owner.slots, owner.turn), default=None)
