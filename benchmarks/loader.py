"""`python -m benchmarks.loader`: sends HTTP requests over many connections, in a process of its own.

As light as it can be, for it runs on the same cores as what it measures: the requests are bytes that are made
beforehand, and of an answer only its status and its end are read. A `Plan` comes by stdin, a `Result` goes to
stdout, both as JSON.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from dataclasses import dataclass, field

import msgspec
import uvloop

_LENGTH = b"content-length: "


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be sent.

    Attributes:
        ports: where to, on loopback; connections take them in turn.
        connections: how many are open; each sends its next request when the last is answered.
        requests: sent in turn.
        seconds: for how long.
        warm_up_s: how much of that does not count.
        per_s: how many are due in a second; None for as many as are answered.
    """

    ports: list[int]
    connections: int
    requests: list[bytes]
    seconds: float
    warm_up_s: float
    per_s: float | None = None


@dataclass(slots=True)
class Result:
    """What came of it, after warming up.

    Attributes:
        first: when counting began, in seconds since 1970.
        last: when the last counted answer came.
        took_ms: how long each answer took, from when its request was due.
        statuses: how many answers had which status, warming up included; 0 for lost connections.
    """

    first: float = 0.0
    last: float = 0.0
    took_ms: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)


class _Sending:
    """All connections, what is due, and what came back."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.result = Result()
        self.number = 0
        self.ends = False
        self.idle: deque[_Connection] = deque()
        self.due: deque[float] = deque()
        #: Of a pace: how many are not answered yet, and that all are.
        self._left = 0
        self._are_back = asyncio.Event()

    async def run(self) -> Result:
        loop = asyncio.get_running_loop()
        for number in range(self.plan.connections):
            port = self.plan.ports[number % len(self.plan.ports)]
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", port)
        began = time.time()
        self.result.first = began + self.plan.warm_up_s
        if self.plan.per_s is None:
            for connection in [*self.idle]:
                connection.send(time.time())
            await asyncio.sleep(self.plan.seconds)
        else:
            await self._keep_the_pace(began, self.plan.per_s)
        self.ends = True
        return self.result

    async def _keep_the_pace(self, began: float, per_s: float) -> None:
        self._left = round(self.plan.seconds * per_s)
        for number in range(self._left):
            due = began + number / per_s
            if (wait_s := due - time.time()) > 0:
                await asyncio.sleep(wait_s)
            if self.idle:
                self.idle.popleft().send(due)
            else:
                self.due.append(due)
        await self._are_back.wait()

    def answered(self, connection: _Connection, status: int, due: float) -> None:
        now = time.time()
        statuses = self.result.statuses
        statuses[status] = statuses.get(status, 0) + 1
        if due >= self.result.first and not self.ends:
            self.result.took_ms.append((now - due) * 1000)
            self.result.last = now
        self._left -= 1
        if self._left == 0:
            self._are_back.set()
        if self.ends or not status:
            return
        if self.plan.per_s is None:
            connection.send(now)
        elif self.due:
            connection.send(self.due.popleft())
        else:
            self.idle.append(connection)


class _Connection(asyncio.Protocol):
    """Sends one request after the other."""

    def __init__(self, sending: _Sending) -> None:
        self._sending = sending
        self._transport: asyncio.Transport
        self._received = b""
        self._due: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._sending.idle.append(self)

    def send(self, due: float) -> None:
        self._due = due
        requests = self._sending.plan.requests
        self._transport.write(requests[self._sending.number % len(requests)])
        self._sending.number += 1

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        head = received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = received.index(_LENGTH, 0, head) + len(_LENGTH)
        length = int(received[at : received.index(b"\r", at)])
        if len(received) < head + 4 + length or self._due is None:
            return
        self._received = b""
        due, self._due = self._due, None
        self._sending.answered(self, int(received[9:12]), due)

    def connection_lost(self, _: Exception | None) -> None:
        if self._due is not None and not self._sending.ends:
            self._sending.answered(self, 0, self._due)


if __name__ == "__main__":
    done = uvloop.run(_Sending(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)).run())
    sys.stdout.buffer.write(msgspec.json.encode(done))
