"""Retry while a service is down: with backoff and without end, as the partition waits meanwhile.

What it waits for is told in the log (`sinks.trouble`), and kept for the web views and metrics.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from sinks.errors import ServiceDown
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

Result = TypeVar("Result")

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0


class RetryPolicy:
    """How one part retries while its service is down, and how that goes.

    Several tasks may share a policy: its outage lasts from the first failure until nobody waits any more.

    Attributes:
        part: what waits, for logs and views: "persist", "capture".
        retries: how often something was tried again since the start.
        last_error: what the service last said; None before the first failure.
    """

    def __init__(self, part: str) -> None:
        self.part = part
        self.retries = 0
        self.last_error: str | None = None
        #: Who waits: enters at a failure, leaves with an answer, another error or a cancellation.
        self._waiters: set[object] = set()
        self._outage = Trouble(log, over="The service is back")

    @property
    def waiting_since(self) -> float | None:
        """When the present outage began, by `time.monotonic()`; None while all is well."""
        return self._outage.since

    @property
    def reason(self) -> str | None:
        """Which service failed last and how, without details or addresses: what anyone may be told.

        By convention, the message of a ServiceDown says so before its first colon.
        """
        return None if self.last_error is None else self.last_error.partition(": ")[0]

    async def run(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Run `work`, again with backoff for as long as it raises ServiceDown; return what it returned.

        Any other error is the caller's at once.
        """
        # To retry costs more than a send does, so it is only begun when there is something to retry.
        try:
            return await work()
        except ServiceDown as error:
            return await self._run_again(work, error)

    async def _run_again(self, work: Callable[[], Awaitable[Result]], first: ServiceDown) -> Result:
        waiter = object()
        earlier = [first]
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(ServiceDown),
            wait=wait_exponential_jitter(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S, jitter=FIRST_WAIT_S),
            before_sleep=lambda state: self._note_failure(waiter, state),
        )

        async def attempt() -> Result:
            if earlier:  # the first attempt was made already
                raise earlier.pop()
            return await work()

        done = False
        try:
            result: Result = await retrying(attempt)
            done = True
        finally:
            self._note_end(waiter, done=done)
        return result

    def _note_failure(self, waiter: object, state: RetryCallState) -> None:
        now = time.monotonic()
        self._waiters.add(waiter)
        self.retries += 1
        self.last_error = str(state.outcome.exception()) if state.outcome else None
        waiting_s = 0.0 if self.waiting_since is None else round(now - self.waiting_since, 1)
        fields = {"part": self.part, "error": self.last_error, "waiting_s": waiting_s}
        self._outage.note("Waiting for a service; nothing is lost, the partitions are held", fields, now=now)

    def _note_end(self, waiter: object, *, done: bool) -> None:
        """Note that someone waits no longer: because of an answer, or cancelled, or by another error."""
        self._waiters.discard(waiter)
        if self.waiting_since is None or self._waiters:
            return
        waited_s = round(time.monotonic() - self.waiting_since, 1)
        if done:
            self._outage.end({"part": self.part, "waited_s": waited_s})
        else:
            self._outage.forget()
