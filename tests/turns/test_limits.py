"""A program that asks too much is told when to come again; who asks for whom, trusted proxies alone say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.ingest.bringing import figure
from tests.services import changed
from tests.site.fixtures import serve
from tests.turns.logging import SAID, Program, caller_of, events_in_kafka

if TYPE_CHECKING:
    from app.settings import Settings


async def test_one_turn_too_many_is_not_logged_and_told_as_a_problem(system: Settings) -> None:
    async with serve(changed(system, rate_limit_caller="3/hour")) as client:
        program = Program(client, system, "app:shop")
        answers = [await program.post("/s1/turns", SAID) for _ in range(4)]
        # What is refused before counts as well, and what is read.
        read = await program.get("/s1/stats")
        other = await client.get("/health/live")
        refused = await figure(client, "chatlog_api_rate_limited_total", by="caller")

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[3].headers["content-type"] == "application/problem+json"
    assert 1 <= int(answers[3].headers["retry-after"]) <= 2 * 60 * 60
    assert "of this caller" in answers[3].json()["detail"]
    assert (read.status_code, other.status_code, refused) == (429, 200, 2)
    assert len(await events_in_kafka(system)) == 3


async def test_addresses_are_told_apart_behind_a_proxy_that_is_trusted(system: Settings) -> None:
    limited = changed(system, rate_limit_address="1/hour", rate_limit_caller=None)
    answered = []
    for proxies in ((), ("127.0.0.1/32",)):
        async with serve(changed(limited, api_trusted_proxies=proxies)) as client:
            for number in (1, 2, 2):
                program = Program(client, system, caller=caller_of("app:shop"))
                forwarded = {"X-Forwarded-For": f"203.0.113.{number}"}
                answered.append((await program.post("/s1/turns", SAID, **forwarded)).status_code)
            if not proxies:
                # Reads ask by way of what they read.
                answered.append((await program.get("/s1/stats")).status_code)

    assert answered == [202, 429, 429, 429, 202, 202, 429]
