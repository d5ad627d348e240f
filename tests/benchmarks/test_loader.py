"""The loader tells how each request was answered, and sends as many as are due."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from benchmarks.loader import Plan, Result

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REQUESTS = [b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number for number in range(3)]
WITHIN_S = 60.0


class Answering:
    """A server that notes what it is asked for, and answers the nth request of all by `answers`."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = answers
        self.asked: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.asked.append(head.split(b" ")[1])
                answer = self.answers[(len(self.asked) - 1) % len(self.answers)]
                if not answer:
                    break
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return
        finally:
            writer.close()


def answer(status: bytes) -> bytes:
    return b"HTTP/1.1 %s \r\ncontent-length: 4\r\n\r\ndone" % status


@asynccontextmanager
async def listening(answering: Answering) -> AsyncIterator[int]:
    async with await asyncio.start_server(answering.serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def load(plan: Plan) -> Result:
    command = (sys.executable, "-m", "benchmarks.loader")
    pipe = asyncio.subprocess.PIPE
    loader = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    said, _ = await asyncio.wait_for(loader.communicate(msgspec.json.encode(plan)), WITHIN_S)
    return msgspec.json.decode(said, type=Result)


async def test_at_a_pace_all_that_are_due_are_sent_in_turn() -> None:
    answering = Answering(answer(b"201"), answer(b"201"), answer(b"429"))
    async with listening(answering) as port:
        result = await load(Plan([port], 4, REQUESTS, seconds=0.6, warm_up_s=0.0, per_s=50))

    assert result.statuses == {201: 20, 429: 10}
    assert len(result.took_ms) == 30
    assert sorted(answering.asked) == sorted([b"/0", b"/1", b"/2"] * 10)


async def test_what_warms_up_does_not_count() -> None:
    async with listening(Answering(answer(b"200"))) as port:
        result = await load(Plan([port], 1, REQUESTS, seconds=0.6, warm_up_s=0.3, per_s=50))

    assert result.statuses == {200: 30}
    assert len(result.took_ms) == 15


async def test_without_a_pace_each_connection_sends_when_it_is_answered() -> None:
    answering = Answering(answer(b"200"))
    async with listening(answering) as port:
        result = await load(Plan([port], 4, REQUESTS, seconds=2.0, warm_up_s=0.0))

    assert set(result.statuses) == {200}
    assert len(result.took_ms) >= 4
    assert 0 <= len(answering.asked) - result.statuses[200] <= 4


async def test_a_connection_that_is_lost_is_told() -> None:
    async with listening(Answering(answer(b"200"), b"")) as port:
        result = await load(Plan([port], 30, REQUESTS, seconds=0.5, warm_up_s=0.0, per_s=20))

    assert result.statuses == {200: 5, 0: 5}
