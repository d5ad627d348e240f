"""Messages of many who write at once are written together, and none of them has another's lot."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from app.threads.posts import NewPost, PostOutcome
from models.errors import BadRecord
from models.ids import message_id
from sinks.errors import ServiceDown
from tests.site.fixtures import client_of, running
from tests.threads.asking import Asking
from tests.threads.holding import holding

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from app.settings import Settings

MANY = 20


def post_of(thread: str, text: str) -> NewPost:
    now_ms = time.time_ns() // 1_000_000
    made = UUID(message_id("threads", str(uuid4()), now_ms))
    row = {"role": "user", "author_id": "l1", "content": text, "message_type": "text", "metadata": {}}
    return NewPost("acme", made, now_ms, UUID(thread), row)


async def test_a_thread_that_somebody_holds_keeps_no_other_from_being_written_to(
    acme: Asking, system: Settings
) -> None:
    held, free, other = [await acme.thread() for _ in range(3)]
    async with holding(system, held):
        answers = await asyncio.gather(
            *(
                acme.post(thread, content=str(number))
                for number in range(MANY)
                for thread in (held, free, other)
            )
        )
    assert {answer.status_code for answer in answers[0::3]} == {503}
    assert {answer.status_code for answer in answers[1::3] + answers[2::3]} == {201}
    assert await acme.said(held) == []
    assert sorted(await acme.said(free), key=int) == [str(number) for number in range(MANY)]
    await acme.say(held, "now it can be")


async def test_what_was_written_before_the_database_went_away_is_answered_as_written(
    system: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(system) as app, client_of(app) as client:
        acme = Asking(client, system, "acme")
        thread = await acme.thread()
        writer = app.state.threads.messages._writer
        write_some = writer._write_some
        batch = [post_of(thread, text) for text in ("a", "nothing that it can hold: \0", "c", "d")]

        async def going_away(tenant: str, some: Sequence[tuple[int, NewPost]]) -> list[int]:
            if len(some) < len(batch) and some[0][1] is batch[2]:
                raise ServiceDown("the database went away")
            written: list[int] = await write_some(tenant, some)
            return written

        monkeypatch.setattr(writer, "_write_some", going_away)
        outcomes = await writer._write_of_tenant("acme", batch)
        assert outcomes[0] is PostOutcome.WRITTEN
        assert [type(outcome) for outcome in outcomes[1:]] == [BadRecord, ServiceDown, ServiceDown]
        assert await acme.said(thread) == ["a"]
