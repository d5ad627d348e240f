"""`python -m benchmarks.clients`: 200 clients at once work with threads for a minute; nothing may go wrong.

Each begins threads, writes, reads back, edits and deletes, in turn, as fast as it is answered, and waits when
it has asked for more than it may (429). Any other answer than is right, a lost connection, a text that is not
read back as it was written, or a row too few or too many at the end is a fault, and the exit status is 1.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
import click

from benchmarks.services import services
from benchmarks.tables import percentile
from benchmarks.thread_services import OURS, PATH, fresh, served, token

if TYPE_CHECKING:
    from benchmarks.services import Services

#: What each client may ask for; most reach it.
LIMIT = "2/second"
#: One of so many threads is deleted when it has been talked in.
_KEPT = 3
_ROWS = "SELECT count(*) FROM messages WHERE platform = 'threads' AND deletion IS NULL"


@dataclass(slots=True)
class Seen:
    """What all clients saw.

    Attributes:
        answers: how many there were of each kind and status.
        faults: what went wrong.
        took_ms: how long answers took but those of 429.
        messages: how many there have to be.
    """

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)
    messages: int = 0


class _Client:
    """Works with threads of one learner, until time is up."""

    def __init__(self, number: int, session: aiohttp.ClientSession, until: float, seen: Seen) -> None:
        self._learner = f"learner-{number % 20}"
        self._headers = {"Authorization": f"Bearer {token(f'client-{number}@example.org')}"}
        self._session = session
        self._until = until
        self._seen = seen
        self._chance = random.Random(number)  # noqa: S311  the same every time, and no secret

    async def run(self) -> None:
        """Begin one thread after the other, and talk in it.

        Whatever goes wrong is noted, and ends it.
        """
        try:
            while time.monotonic() < self._until:
                await self._talk()
        except _TimeIsUp:
            return
        except (aiohttp.ClientError, TimeoutError, _Fault) as error:
            self._seen.faults.append(f"{type(error).__name__}: {error}")

    async def _talk(self) -> None:
        thread = await self._ask(
            "begin", "POST", "", 201, {"learner_id": self._learner, "title": "Fractions"}
        )
        path, texts = f"/{thread['id']}/messages", dict[str, str]()
        for number in range(self._chance.randint(2, 12)):
            text = f"{number} of {self._chance.random()}"
            message = await self._ask("write", "POST", path, 201, {"content": {"text": text}})
            self._seen.messages += 1
            texts[message["id"]] = text
        edited, deleted = self._chance.sample(sorted(texts), 2)
        await self._ask("edit", "PUT", f"{path}/{edited}", 200, {"content": {"text": "edited"}})
        texts[edited] = "edited"
        await self._ask("delete", "DELETE", f"{path}/{deleted}", 204)
        self._seen.messages -= 1
        del texts[deleted]
        listed = await self._ask("list", "GET", path, 200)
        read = {item["id"]: item["content"]["text"] for item in listed["items"]}
        if read != texts:
            raise _Fault(f"of {len(texts)} messages that were written, {len(read)} were read, or others")
        if not self._chance.randrange(_KEPT):
            await self._ask("delete thread", "DELETE", f"/{thread['id']}", 204)
            self._seen.messages -= len(texts)

    async def _ask(
        self, kind: str, method: str, path: str, wanted: int, body: dict[str, Any] | None = None
    ) -> Any:
        """Ask, and again after a while if it is too often; return what was answered."""
        while True:
            began = time.monotonic()
            async with self._session.request(method, PATH + path, json=body, headers=self._headers) as answer:
                said = await answer.read()
                self._seen.answers[kind, answer.status] += 1
                if answer.status == wanted:
                    self._seen.took_ms.append((time.monotonic() - began) * 1000)
                    return await answer.json() if said else None
                if answer.status != HTTPStatus.TOO_MANY_REQUESTS:
                    raise _Fault(f"{method} {path}: {answer.status} {said[:200]!r}")
                wait_s = float(answer.headers["Retry-After"])
            if time.monotonic() + wait_s > self._until:
                raise _TimeIsUp
            await asyncio.sleep(wait_s)


class _Fault(Exception):
    """An answer that is not right."""


class _TimeIsUp(Exception):
    """The client would have to wait for longer than it works."""


@click.command()
@click.option("--clients", type=click.IntRange(1, 2_000), default=200, show_default=True)
@click.option("--seconds", type=click.IntRange(5, 3_600), default=60, show_default=True)
def main(clients: int, seconds: int) -> None:
    """Have many clients at once work with threads, and exit 1 if anything but a 429 goes wrong."""
    sys.exit(asyncio.run(_run(clients, seconds)))


async def _run(clients: int, seconds: int) -> int:
    async with services() as started:
        settings = await fresh(
            started,
            "clients",
            enable_rate_limiting=True,
            rate_limit_threads_caller=LIMIT,
            rate_limit_threads_address="",
        )
        async with served(started, settings, OURS) as api:
            seen, until = Seen(), time.monotonic() + seconds
            connector = aiohttp.TCPConnector(limit=clients)
            async with aiohttp.ClientSession(
                f"http://127.0.0.1:{api.web_port}", connector=connector
            ) as session:
                await asyncio.gather(*(_Client(one, session, until, seen).run() for one in range(clients)))
            api.check()
            rows, complaints = await _rows(started), api.complaints()
    if rows != seen.messages:
        seen.faults.append(f"{seen.messages:,} messages were answered for, and {rows:,} are there")
    _tell(seen, clients, seconds)
    if seen.faults:
        click.echo(complaints, err=True)
    return 1 if seen.faults else 0


async def _rows(started: Services) -> int:
    connection = await started.connect()
    try:
        rows: int = await connection.fetchval(_ROWS)
        return rows
    finally:
        await connection.close()


def _tell(seen: Seen, clients: int, seconds: int) -> None:
    for (kind, status), many in sorted(seen.answers.items()):
        click.echo(f"{kind:14} {status}  {many:>8,}")
    if seen.took_ms:
        click.echo(
            f"{clients} clients, {seconds} s: {len(seen.took_ms) / seconds:,.0f} answers a second but 429, "
            f"p50 {percentile(seen.took_ms, 50):,.0f} ms, p99 {percentile(seen.took_ms, 99):,.0f} ms"
        )
    for fault, many in Counter(seen.faults).most_common(20):
        click.echo(f"{many} × {fault}", err=True)
    click.echo(f"{len(seen.faults)} faults")


if __name__ == "__main__":
    main()
