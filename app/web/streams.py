"""Event streams, of which a process takes so many: who gets no place is answered before the stream begins."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from sse_starlette import EventSourceResponse

from app.errors import RETRY_AFTER_S, AppError, ErrorAnswer
from models.errors import MustAct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractContextManager

    from sse_starlette import ServerSentEvent
    from starlette.types import Receive, Scope, Send

    from models.access import Caller

#: How many watch by one process, and how many of them as one caller: a person's tabs, a program's users.
WATCHERS_MAX, WATCHERS_OF_ONE_MAX = 500, 50


class TooManyWatch(AppError):
    """As many watch by this process as it takes: ask again, or another replica."""

    must_act = MustAct.SERVICE
    answer = ErrorAnswer(
        HTTPStatus.SERVICE_UNAVAILABLE,
        says="Too many watch just now: try again in a moment.",
        retry_after_s=RETRY_AFTER_S,
    )


class WatchesTooMuch(AppError):
    """A caller has as many event streams as one may: they close some."""

    must_act = MustAct.CALLER
    answer = ErrorAnswer(HTTPStatus.TOO_MANY_REQUESTS, retry_after_s=RETRY_AFTER_S)


class WatchPlaces:
    """The places of a process for those who watch."""

    def __init__(self) -> None:
        self._taken: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def taken_by(self, caller: Caller) -> Iterator[None]:
        """Take a place until the end of the block.

        Raises:
            TooManyWatch: there is none.
            WatchesTooMuch: the caller has as many as one may.
        """
        who = caller.tenant, caller.id
        if self._taken[who] >= WATCHERS_OF_ONE_MAX:
            raise WatchesTooMuch(f"You watch {WATCHERS_OF_ONE_MAX} things at once: close some first.")
        if self._taken.total() >= WATCHERS_MAX:
            raise TooManyWatch("As many watch as one process takes")
        self._taken[who] += 1
        try:
            yield
        finally:
            self._taken[who] -= 1
            if not self._taken[who]:
                del self._taken[who]


class PlacedStream(EventSourceResponse):
    """A stream that has a place from before its status is sent until its end.

    Args:
        place: its place.
        events: what it sends.
        how: as of EventSourceResponse.
    """

    def __init__(
        self, place: AbstractContextManager[None], events: AsyncIterator[ServerSentEvent], **how: Any
    ) -> None:
        super().__init__(events, **how)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, if there is a place.

        Raises:
            TooManyWatch, WatchesTooMuch: there is none; nothing is sent yet.
        """
        with self._place:
            await super().__call__(scope, receive, send)
