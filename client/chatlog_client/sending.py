"""Sends what was told, in the background: in batches, in order, and again until the server has it.

Nothing here raises into the chat. What is told goes into a queue of a bounded size; where that is full, the
newest is dropped and counted, for a chat must not run out of memory because its log is away. A thread takes
from it. It does not keep the program from ending: then what waits is sent, for a few seconds.
"""

from __future__ import annotations

import atexit

# The first request imports it: that must not be in the middle of a fork, or the child never can.
import encodings.idna  # noqa: F401
import logging
import os
import random
import threading
import time
import weakref
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

# httpx imports it with its first client: that must not be in the middle of a fork.
import httpcore  # noqa: F401
import httpx

from chatlog_client.records import BATCH_MAX, content_of, first_that_go_together, recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from chatlog_client.records import Record

log = logging.getLogger("chatlog_client")

#: How long the first of a batch waits for company.
BATCH_WAIT_S = 0.2
#: Between tries: at first, and at most.
RETRY_FIRST_S, RETRY_MAX_S = 0.5, 30.0
#: How often it is said that the server does not take anything.
SAY_EVERY_S = 60.0
TIMEOUT_S = 10.0
_TOO_MANY, _SERVER_ERRORS = 429, 500
_UNPROCESSABLE = 422
_JSON = {"Content-Type": "application/json"}


@dataclass(slots=True)
class Figures:
    """What became of what was told.

    Attributes:
        sent: what the server has.
        dropped: what did not fit into the queue.
        refused: what the server does not take, whatever is done: its log says why.
        waiting: what is still to be sent.
    """

    sent: int = 0
    dropped: int = 0
    refused: int = 0
    waiting: int = 0


class Sender:
    """Sends records by a thread, which starts with the first of them.

    Args:
        client: makes a client of the server.
        app: whose records they are; None for whatever app the token is of.
        queue_max: how many may wait.
    """

    def __init__(self, client: Callable[[], httpx.Client], *, app: str | None, queue_max: int) -> None:
        self._make_client = client
        self._app = app
        self._queue_max = queue_max
        self.begin()
        _ALL.add(self)

    def begin(self) -> None:
        """Have nothing to send, and nobody who does: at first, and in a process that was forked off."""
        self._queue: deque[Record] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._is_hurried = False
        self._figures = Figures()
        self._said_at: dict[str, float] = {}

    @property
    def figures(self) -> Figures:
        """What became of what was told so far."""
        with self._changed:
            now = self._figures
            return Figures(now.sent, now.dropped, now.refused, len(self._queue))

    def put(self, *names: str, told: dict[str, Any], is_turn: bool = False) -> None:
        """Have something sent, as it is now; returns at once, whatever happens.

        Args:
            names: the parts of its address.
            told: its body, in which None is what is not known.
            is_turn: whether many of it can be brought at once.
        """
        try:
            record = recorded(names, self._app, told, is_turn=is_turn)
        except Exception as error:  # noqa: BLE001  whatever the chat's own objects raise is not for the chat
            record = None
            why = type(error).__name__
        with self._changed:
            if record is None:
                self._figures.refused += 1
                self._say(f"Turns are refused that are no JSON ({why})")
            elif self._is_closing or len(self._queue) >= self._queue_max:
                self._figures.dropped += 1
                self._say("Turns are dropped, as too many wait to be sent: is the server reachable?")
            else:
                self._queue.append(record)
                self._have_a_thread()
                self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was told is sent or refused; tell whether it is."""
        until = time.monotonic() + timeout_s
        with self._changed:
            self._is_hurried = True
            self._have_a_thread()
            self._changed.notify_all()
            while self._queue and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            self._is_hurried = False
            return not self._queue

    def close(self, timeout_s: float) -> bool:
        """Flush, and take nothing more. Idempotent."""
        is_sent = self.flush(timeout_s)
        with self._changed:
            self._is_closing = True
            if self._queue:
                log.warning("Turns were not sent before the end", extra={"turns": len(self._queue)})
            self._changed.notify_all()
        _ALL.discard(self)
        return is_sent

    def _have_a_thread(self) -> None:
        """Start the thread where something waits and nobody sends it: at first, and should it have died."""
        if not self._queue or (self._thread is not None and self._thread.is_alive()):
            return
        thread = threading.Thread(target=self._run, name="chatlog-client", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # There are too many threads, or the program ends: the next that is told tries again.
            self._say(f"Turns wait, as no thread can be had to send them ({error})")
        else:
            self._thread = thread

    def _run(self) -> None:
        tries = 0
        while not self._is_closing:
            try:
                with _WHOLE:
                    made = self._make_client()
                with made as client:
                    self._send_all(client)
            except Exception as error:  # noqa: BLE001  nobody waits for the thread, and the chat is to go on
                self._say(
                    f"Turns wait, as no client can be made to send them ({type(error).__name__}: {error})"
                )
                self._wait(_pause(tries))
                tries += 1

    def _send_all(self, client: httpx.Client) -> None:
        tries = 0
        while batch := self._next_batch():
            wait_s = self._send(client, batch, tries)
            if wait_s is None:
                tries = 0
            else:
                tries += 1
                self._wait(wait_s)

    def _next_batch(self) -> list[Record]:
        """Wait for something to send; return it, still in the queue, or nothing at the end."""
        with self._changed:
            while not self._queue:
                if self._is_closing:
                    return []
                self._changed.wait()
            until = time.monotonic() + BATCH_WAIT_S
            while len(self._queue) < BATCH_MAX and not (self._is_hurried or self._is_closing):
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            if self._is_closing:
                return []
            return first_that_go_together(self._queue)

    def _send(self, client: httpx.Client, batch: list[Record], tries: int) -> float | None:
        """Send a batch; return after how many seconds to try again, None when it is done with."""
        try:
            answer = self._request(client, batch)
        except httpx.HTTPError as error:
            self._say(f"The server cannot be reached ({type(error).__name__}): turns wait to be sent")
            return _pause(tries)
        except Exception as error:  # noqa: BLE001  those behind are to be sent, whatever is wrong with these
            self._say(f"Turns are refused that cannot be sent ({type(error).__name__})")
            self._done(len(batch), sent=False)
            return None
        if answer.is_success:
            self._done(len(batch), sent=True)
            return None
        if answer.status_code == _TOO_MANY or answer.status_code >= _SERVER_ERRORS:
            self._say(f"The server takes no turns now ({answer.status_code}): they wait to be sent")
            return max(_retry_after(answer), _pause(tries))
        if answer.status_code == _UNPROCESSABLE and len(batch) > 1:
            # One of them is to blame: each goes alone.
            return self._send_each(client, batch, tries)
        self._say(f"The server refuses turns ({answer.status_code}): see its answer to one by hand")
        self._done(len(batch), sent=False)
        return None

    def _send_each(self, client: httpx.Client, batch: list[Record], tries: int) -> float | None:
        for record in batch:
            wait_s = self._send(client, [record], tries)
            if wait_s is not None:
                return wait_s
        return None

    def _request(self, client: httpx.Client, batch: list[Record]) -> httpx.Response:
        return client.post(batch[0].path, content=content_of(batch), headers=_JSON)

    def _done(self, count: int, *, sent: bool) -> None:
        with self._changed:
            for _ in range(count):
                self._queue.popleft()
            if sent:
                self._figures.sent += count
            else:
                self._figures.refused += count
            self._changed.notify_all()

    def _wait(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closing, min(seconds, RETRY_FIRST_S) if self._is_hurried else seconds
            )

    def _say(self, message: str) -> None:
        """Say what is wrong, now and then; never what was told."""
        now = time.monotonic()
        if now - self._said_at.get(message, -SAY_EVERY_S) >= SAY_EVERY_S:
            self._said_at[message] = now
            log.warning(message)


def _pause(tries: int) -> float:
    """Return how long to wait before the next try: twice as long each time, and never all at once."""
    longest = min(RETRY_MAX_S, RETRY_FIRST_S * float(2 ** min(tries, 10)))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  it keeps no secret


def _retry_after(answer: httpx.Response) -> float:
    try:
        return min(float(answer.headers.get("Retry-After", "0")), RETRY_MAX_S)
    except ValueError:
        return 0.0


#: Held while no process may be forked off: OpenSSL keeps a lock while a client is made, and in the child
#: nobody would ever let go of it.
_WHOLE = threading.Lock()
#: Those that may have something to send when the program ends.
_ALL: weakref.WeakSet[Sender] = weakref.WeakSet()
#: How long the end of a program may wait for them.
AT_EXIT_S = 5.0


def _at_exit() -> None:
    until = time.monotonic() + AT_EXIT_S
    for sender in list(_ALL):
        sender.close(max(0.0, until - time.monotonic()))


def _in_child() -> None:
    """Leave to the parent what it is to send: only the thread that forked is in the child."""
    _WHOLE.release()
    for sender in list(_ALL):
        sender.begin()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_WHOLE.acquire, after_in_parent=_WHOLE.release, after_in_child=_in_child)
