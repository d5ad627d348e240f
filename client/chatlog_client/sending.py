"""Sends what was told, in the background: in batches, in order, and again until the server has it.

Nothing here raises into the chat. What is told goes into a queue of a bounded size; where that is full, the
newest is dropped and counted, for a chat must not run out of memory because its log is away. A thread takes
from it. It does not keep the program from ending: then what waits is sent, for a few seconds.
"""

from __future__ import annotations

# The first request imports it: that must not be in the middle of a fork, or the child never can.
import encodings.idna  # noqa: F401
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

# httpx imports it with its first client: that must not be in the middle of a fork.
import httpcore  # noqa: F401
import httpx

from chatlog_client.answers import RETRY_FIRST_S, Meaning, complaint, meaning_of, pause
from chatlog_client.ends import ALL, WHOLE
from chatlog_client.records import content_of, recorded
from chatlog_client.waiting import Figures, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from chatlog_client.records import Record

log = logging.getLogger("chatlog_client")

#: How long the first of a batch waits for company.
BATCH_WAIT_S = 0.2
#: How often it is said that the server does not take anything.
SAY_EVERY_S = 60.0
TIMEOUT_S = 10.0
#: How often a batch is sent again of which nobody can tell why it cannot be sent: for about a minute.
TRIES_MAX = 6
#: How often it is looked in vain whether single records are to blame for what looks like the program's fault.
_LOOK_EVERY_S = 60.0
_JSON = {"Content-Type": "application/json"}


class Sender:
    """Sends records by a thread, which starts with the first of them.

    Args:
        client: makes a client of the server.
        app: whose records they are; None for whatever app the token is of.
        queue_max: how many may wait.
        queue_max_bytes: how much of their JSON may.
    """

    def __init__(
        self,
        client: Callable[[], httpx.Client],
        *,
        app: str | None,
        queue_max: int,
        queue_max_bytes: int,
    ) -> None:
        self._make_client = client
        self._app = app
        self._queue_max = queue_max
        self._queue_max_bytes = queue_max_bytes
        self.begin()
        ALL.add(self)

    def begin(self) -> None:
        """Have nothing to send, and nobody who does: at first, and in a process that was forked off."""
        self._waiting = Waiting(self._queue_max, self._queue_max_bytes)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._is_hurried = False
        self._said_at: dict[str, float] = {}
        self._looked_at = -_LOOK_EVERY_S

    @property
    def figures(self) -> Figures:
        """What became of what was told so far."""
        with self._changed:
            return self._waiting.figures

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
                self._waiting.refuse()
                self._say(f"Turns are refused that are no JSON ({why})")
            elif self._is_closing:
                self._waiting.drop()
                self._say("Turns are dropped that are told after the end")
            elif not self._waiting.put(record):
                self._say("Turns are dropped, as too many wait to be sent: is the server reachable?")
            else:
                self._have_a_thread()
                self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was told is sent or refused; tell whether it is."""
        until = time.monotonic() + timeout_s
        with self._changed:
            self._is_hurried = True
            self._have_a_thread()
            self._changed.notify_all()
            while self._waiting and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            self._is_hurried = False
            return not self._waiting

    def close(self, timeout_s: float) -> bool:
        """Flush, and take nothing more. Idempotent."""
        is_sent = self.flush(timeout_s)
        with self._changed:
            self._is_closing = True
            if self._waiting:
                log.warning("Turns were not sent before the end", extra={"turns": len(self._waiting)})
            self._changed.notify_all()
        ALL.discard(self)
        return is_sent

    def _have_a_thread(self) -> None:
        """Start the thread where something waits and nobody sends it: at first, and should it have died."""
        if not self._waiting or (self._thread is not None and self._thread.is_alive()):
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
                with WHOLE:
                    made = self._make_client()
                with made as client:
                    self._send_all(client)
            except Exception as error:  # noqa: BLE001  nobody waits for the thread, and the chat is to go on
                self._say(f"Turns wait, as they cannot be sent ({type(error).__name__}: {error})")
                self._wait(pause(tries))
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
            while not self._waiting:
                if self._is_closing:
                    return []
                self._changed.wait()
            until = time.monotonic() + BATCH_WAIT_S
            while not (self._is_hurried or self._is_closing or self._waiting.is_a_batch):
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            if self._is_closing:
                return []
            return self._waiting.batch()

    def _send(self, client: httpx.Client, batch: list[Record], tries: int) -> float | None:
        """Send a batch; return after how many seconds to try again, None when it is done with."""
        try:
            answer = self._request(client, batch)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            # No host can have some names; what is sent is bytes already.
            self._say(f"The server cannot be reached ({type(error).__name__}): turns wait to be sent")
            return pause(tries)
        except Exception as error:  # noqa: BLE001  those behind are to be sent, whatever is wrong with these
            return self._unforeseen(batch, error, tries)
        match meaning_of(answer.status_code):
            case Meaning.TAKEN:
                self._done(batch, sent=True)
                return None
            case Meaning.REFUSED:
                return self._refused(client, batch, answer.status_code, tries)
            case Meaning.TURNED_AWAY if self._are_others_taken(client):
                # What is the first of the queue now may be no more of this batch.
                return 0.0
        self._say(complaint(answer.status_code))
        return pause(tries, answer.headers)

    def _unforeseen(self, batch: list[Record], error: Exception, tries: int) -> float | None:
        if tries < TRIES_MAX:
            self._say(f"Turns cannot be sent, and wait ({type(error).__name__})")
            return pause(tries)
        self._say(f"Turns are refused that cannot be sent ({type(error).__name__})")
        self._done(batch, sent=False)
        return None

    def _refused(self, client: httpx.Client, batch: list[Record], status: int, tries: int) -> float | None:
        """Send the halves of a batch, in which the one that is to blame is found at last."""
        if len(batch) == 1:
            self._say(f"The server refuses turns ({status}): see its answer to one by hand")
            self._done(batch, sent=False)
            return None
        half = len(batch) // 2
        wait_s = self._send(client, batch[:half], tries)
        return self._send(client, batch[half:], tries) if wait_s is None else wait_s

    def _are_others_taken(self, client: httpx.Client) -> bool:
        """Look whether the server takes any of the first that wait, and if so, be done with all of them.

        One session that the token does not reach must not hold up the others, for good.
        """
        now = time.monotonic()
        if now - self._looked_at < _LOOK_EVERY_S:
            return False
        self._looked_at = now
        with self._changed:
            looked_at = self._waiting.first()
        try:
            taken = [self._meaning(client, record) is Meaning.TAKEN for record in looked_at]
            if not any(taken):
                return False
            for record, is_taken in zip(looked_at, taken, strict=True):
                # Once more: the first of them may have been turned away while all were.
                again = Meaning.TAKEN if is_taken else self._meaning(client, record)
                if again is Meaning.LATER:
                    break
                if again is not Meaning.TAKEN:
                    self._say("The server turns away turns, and takes others: they are refused")
                self._done([record], sent=again is Meaning.TAKEN)
        except httpx.HTTPError:
            return False
        self._looked_at = -_LOOK_EVERY_S
        return True

    def _meaning(self, client: httpx.Client, record: Record) -> Meaning:
        return meaning_of(self._request(client, [record]).status_code)

    def _request(self, client: httpx.Client, batch: list[Record]) -> httpx.Response:
        return client.post(batch[0].path, content=content_of(batch), headers=_JSON)

    def _done(self, batch: list[Record], *, sent: bool) -> None:
        with self._changed:
            self._waiting.done(len(batch), sent=sent)
            self._changed.notify_all()

    def _wait(self, seconds: float) -> None:
        """Wait before the next try: not for long while somebody waits for it."""
        began = time.monotonic()
        with self._changed:
            while not self._is_closing:
                longest = min(seconds, RETRY_FIRST_S) if self._is_hurried else seconds
                if (left := began + longest - time.monotonic()) <= 0:
                    return
                self._changed.wait(left)

    def _say(self, message: str) -> None:
        """Say what is wrong, now and then; never what was told."""
        now = time.monotonic()
        if now - self._said_at.get(message, -SAY_EVERY_S) >= SAY_EVERY_S:
            self._said_at[message] = now
            log.warning(message)
