"""When turns were first told of that have a name and tell no time: told again, they are of the same time.

Kept here for a day, or in Redis where several APIs share one. Where that is away or has forgotten, capture
still gives the rows of a turn its first time for an hour, whatever is answered here.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from app.redis import SharedMemory

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool, Redis

KEPT_S = 24 * 60 * 60
#: Some 200 bytes each.
KEPT_MAX = 100_000


class FirstTold:
    """The first times of turns.

    Args:
        redis: where they are kept; None for here.
    """

    def __init__(self, redis: ConnectionPool | None) -> None:
        self._shared_memory = SharedMemory(
            redis,
            without="Redis does not tell when turns were first told of: each API knows only its own",
            over="Redis tells again when turns were first told of",
        )
        self._known: dict[str, int] = {}

    async def of(self, turn: str, now_ms: int) -> int:
        """Return when a turn was first told of, in ms since 1970: now, if it was not before."""
        known = self._known.pop(turn, None)
        if known is None or now_ms - known > KEPT_S * 1000:
            known = await self._shared(turn, now_ms)
            # Another may have asked of the same meanwhile.
            known = min(known, self._known.pop(turn, known))
        self._known[turn] = known
        if len(self._known) > KEPT_MAX:
            del self._known[next(iter(self._known))]
        return known

    async def _shared(self, turn: str, now_ms: int) -> int:
        key = f"chatlog:turns:{sha256(turn.encode()).hexdigest()[:32]}"

        async def note(redis: Redis) -> Any:
            asked = redis.pipeline(transaction=True)
            asked.set(key, now_ms, nx=True, ex=KEPT_S)
            asked.get(key)
            return (await asked.execute())[1]

        first = await self._shared_memory.ask(note)
        return now_ms if first is None else int(first)
