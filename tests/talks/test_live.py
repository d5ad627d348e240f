"""Whoever watches a conversation is told what is new, in time or late, and nothing that is not theirs."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import Gauge

from app.conversations import events, live
from app.conversations.events import Following
from app.conversations.live import LiveTalks
from app.conversations.service import NoSuchConversation
from app.postgres.connections import create_pool
from models.access import Caller, CallerRole
from tests.site.owners import ANA, BEN, OF_ANA, OF_BEN
from tests.site.talks import AMINA, BEGAN, MINUTE, dialogue, room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from app.conversations.service import Conversations
    from app.settings import Settings
    from app.web.paging import Place
    from tests.site.talks import Writer

OPERATOR = Caller("op@example.org", roles=frozenset({CallerRole.OPERATOR}))
OWNER = Caller(ANA)
STREAMS = Gauge("streams_of_tests", "none", registry=None)
TOLD_WITHIN_S = 60.0


class Told:
    """The events of one who watches."""

    def __init__(self, stream: AsyncIterator[Any]) -> None:
        self._stream = stream

    async def next(self) -> tuple[str, dict[str, Any]]:
        async with asyncio.timeout(TOLD_WITHIN_S):
            while True:
                event = await anext(self._stream)
                if event.event is not None:
                    return event.event, json.loads(event.data)

    async def message(self) -> str:
        name, data = await self.next()
        assert name == "message"
        content: str = data["content"]
        return content

    async def end(self) -> None:
        with pytest.raises(StopAsyncIteration):
            await self.next()


@pytest.fixture
async def watched(said_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveTalks]:
    """Looks often."""
    monkeypatch.setattr(live, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(live, "COUNT_EVERY_S", 0.05)
    monkeypatch.setattr(events, "ASK_AGAIN_S", 0.2)
    pool = await create_pool(said_settings.database, min_size=1, max_size=3)
    try:
        yield LiveTalks(pool)
    finally:
        pool.terminate()


@asynccontextmanager
async def following(
    talks: Conversations, watched: LiveTalks, caller: Caller, conversation: UUID, after: Place | None = None
) -> AsyncIterator[Told]:
    row = await talks.get(caller, conversation)
    stream: Any = Following(talks, watched, caller, row, after).events(STREAMS).body_iterator
    first = await anext(stream)
    assert first.comment
    yield Told(stream)
    await stream.aclose()


async def test_what_comes_in_time_or_late_changes_or_goes_is_told(
    talks: Conversations, watched: LiveTalks, write: Writer
) -> None:
    first = await write.say("first", BEGAN + MINUTE)
    async with (
        following(talks, watched, OPERATOR, room()) as one,
        following(talks, watched, OPERATOR, room()) as other,
    ):
        # Both are told of what is said now.
        await write.say("second", BEGAN + 2 * MINUTE)
        assert [await one.message(), await other.message()] == ["second", "second"]
        await write.say("late", BEGAN)
        assert await one.message() == "late"
        await write.database.execute(
            "UPDATE messages SET content = '1st', edited = $2 WHERE id = $1", first, BEGAN + MINUTE
        )
        assert await one.message() == "1st"
        await write.database.execute(
            "UPDATE messages SET deletion = 'hide', deleted = $2 WHERE id = $1", first, BEGAN
        )
        assert await one.next() == ("gone", {"id": str(first)})

    # One that comes back is told what it missed.
    middle = (await talks.messages(OPERATOR, room(), limit=1, before=None)).messages[0]
    await write.say("third", BEGAN + 3 * MINUTE)
    async with following(talks, watched, OPERATOR, room(), middle.place) as again:
        assert await again.message() == "third"


async def test_what_people_think_of_a_message_is_told_when_it_comes_changes_or_goes(
    talks: Conversations, watched: LiveTalks, write: Writer
) -> None:
    answer = await write.say("It left today.", BEGAN, platform="assistant", author=None, role="assistant")
    async with following(talks, watched, OPERATOR, room(platform="assistant")) as told:
        heard = []
        await write.opine(answer, -1, BEGAN + MINUTE, comment="wrong", author_id="u-7")
        heard.append((await told.next())[1]["feedback"])
        await write.database.execute(
            "UPDATE message_feedback SET value = 1, comment = NULL, given = $1", BEGAN + 2 * MINUTE
        )
        heard.append((await told.next())[1]["feedback"])
        await write.database.execute("DELETE FROM message_feedback")
        heard.append((await told.next())[1]["feedback"])

    assert [[(one["value"], one["comment"], one["author"]) for one in of_it] for of_it in heard] == [
        [(-1, "wrong", "u-7")],
        [(1, None, "u-7")],
        [],
    ]


async def test_what_came_before_all_that_is_looked_at_makes_one_read_again(
    talks: Conversations, watched: LiveTalks, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "WATCHED", 2)
    for number in range(3):
        await write.chat(AMINA, str(number), BEGAN + number * MINUTE)
    async with following(talks, watched, OPERATOR, dialogue(AMINA)) as told:
        await write.chat(AMINA, "long ago", BEGAN - MINUTE)
        assert await told.next() == ("again", {})


async def test_an_owner_is_told_of_their_surveys_alone_until_they_may_not_read_any(
    talks: Conversations, watched: LiveTalks, write: Writer
) -> None:
    of_ana, of_ben = await write.survey(ANA, OF_ANA), await write.survey(BEN, OF_BEN)
    await write.chat(AMINA, "asked", BEGAN, surveyid=of_ana)
    async with following(talks, watched, OWNER, dialogue(AMINA)) as told:
        await write.chat(AMINA, "of Ben", BEGAN + MINUTE, surveyid=of_ben)
        await write.chat(AMINA, "answered", BEGAN + 2 * MINUTE, by="user", surveyid=of_ana)
        assert await told.message() == "answered"
        await write.database.execute("UPDATE chat_log SET surveyid = NULL")
        await told.end()


async def test_a_thread_is_watched_by_its_tenant(
    talks: Conversations, watched: LiveTalks, write: Writer
) -> None:
    teacher = Caller("t@example.org", "acme", frozenset({CallerRole.TEACHER}), frozenset({"learner:456"}))
    of_a_thread: dict[str, Any] = {"platform": "threads", "channel": "acme", "thread": "t", "kind": "thread"}
    await write.say("first", BEGAN, learner="456", **of_a_thread)
    thread = room("acme", "threads", "t")
    async with following(talks, watched, teacher, thread) as told:
        await write.say("second", BEGAN + MINUTE, learner="456", **of_a_thread)
        assert await told.message() == "second"
    for other in (OPERATOR, replace(teacher, scope=frozenset({"learner:457"}))):
        with pytest.raises(NoSuchConversation):
            await talks.get(other, thread)


async def test_what_is_taken_back_on_messenger_is_told_without_its_text(
    talks: Conversations, watched: LiveTalks, write: Writer
) -> None:
    await write.chat(AMINA, "secret", BEGAN, by="user", raw_payload={"message": {"mid": "m1"}})
    async with following(talks, watched, OPERATOR, dialogue(AMINA)) as told:
        await write.chat(
            *(AMINA, "", BEGAN + MINUTE),
            by="user",
            message_type="unsent",
            raw_payload={"message": {"mid": "m1"}},
        )
        assert [await told.message(), await told.message()] == ["", ""]
