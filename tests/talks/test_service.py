"""Conversations are found by what is looked for, and read from any place, by what one may read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from app.conversations import service
from app.conversations.service import NobodyKnown, NoSuchConversation, NoSuchMessage
from app.reading.patience import TookTooLong
from models.access import Caller, CallerRole
from models.reading import EVERYTHING, MessageFilter
from tests.site.owners import ANA, BEN, OF_ANA, OF_BEN
from tests.site.talks import AMINA, BEGAN, BOLA, MINUTE, PAGE, ROOM, SESSION, dialogue, room

if TYPE_CHECKING:
    from app.conversations.service import Conversations
    from tests.site.talks import Writer

OPERATOR = Caller("op@example.org", roles=frozenset({CallerRole.OPERATOR}))
MODERATOR = Caller("mo@example.org", roles=frozenset({CallerRole.MODERATOR}))
OWNER = Caller(ANA)


async def contents(talks: Conversations, caller: Caller, conversation: object, **where: object) -> list[str]:
    thread = await talks.messages(caller, conversation, limit=100, **where)  # type: ignore[arg-type]
    return [message.content for message in thread.messages]


async def test_the_newest_conversations_come_first_page_by_page(talks: Conversations, write: Writer) -> None:
    for number in range(5):
        await write.chat(f"p{number}", "hi", BEGAN + number * MINUTE)
    await write.say("in the room", BEGAN + 10 * MINUTE)
    seen, after = [], None
    while part := await talks.list(OPERATOR, EVERYTHING, limit=2, after=after):
        seen += [row.person or row.channel for row in part]
        after = part[-1].place

    assert seen == [ROOM, "p4", "p3", "p2", "p1", "p0"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (MessageFilter(platform="twitch"), [ROOM]),
        (MessageFilter(channel=PAGE), [AMINA]),
        (MessageFilter(survey=OF_ANA), [AMINA]),
        (MessageFilter(survey=OF_ANA, survey_owner=BEN), []),
        (MessageFilter(person="1"), [ROOM]),
        (MessageFilter(person=AMINA), [AMINA]),
        (MessageFilter(question="q1"), [AMINA]),
        (MessageFilter(message_type="sticker"), [BOLA]),
        (MessageFilter(role="user"), [ROOM, BOLA]),
        (MessageFilter(role="tool"), []),
        (MessageFilter(since=BEGAN + MINUTE, until=BEGAN + 3 * MINUTE), [BOLA]),
        (MessageFilter(until=BEGAN + MINUTE), [AMINA]),
        (MessageFilter(since=BEGAN + 4 * MINUTE), []),
    ],
)
async def test_conversations_are_found_by_what_was_said_in_them(
    talks: Conversations, write: Writer, wanted: MessageFilter, found: list[str]
) -> None:
    await write.chat(AMINA, "one", BEGAN, surveyid=await write.survey(ANA, OF_ANA), question_ref="q1")
    await write.chat(BOLA, "", BEGAN + 2 * MINUTE, by="user", page=None, message_type="sticker")
    await write.say("two", BEGAN + 3 * MINUTE)

    rows = await talks.list(OPERATOR, wanted, limit=10)
    assert [row.person or row.channel for row in rows] == found


async def test_pages_of_what_was_said_in_a_survey_miss_and_repeat_nobody(
    talks: Conversations, write: Writer
) -> None:
    survey = await write.survey(ANA, OF_ANA)
    for turn in range(3):
        for number in range(7):
            # Some at one moment, and each of them again later on.
            await write.chat(
                f"p{number}", "hi", BEGAN + timedelta(days=turn, minutes=number // 2), surveyid=survey
            )
    seen, after = [], None
    while part := await talks.list(OWNER, MessageFilter(survey=OF_ANA), limit=2, after=after):
        seen += [row.person for row in part]
        after = part[-1].place

    assert len(seen) == 7
    assert set(seen) == {f"p{number}" for number in range(7)}


async def test_an_owner_sees_of_a_conversation_what_is_of_their_surveys_and_no_figure_of_more(
    talks: Conversations, write: Writer
) -> None:
    of_ana, of_ben = await write.survey(ANA, OF_ANA), await write.survey(BEN, OF_BEN)
    await write.chat(AMINA, "of nobody", BEGAN)
    await write.chat(AMINA, "of Ana", BEGAN + MINUTE, surveyid=of_ana)
    theirs = await write.chat(AMINA, "of Ben", BEGAN + 2 * MINUTE, surveyid=of_ben)
    await write.chat(BOLA, "of Ben, too", BEGAN + 3 * MINUTE, surveyid=of_ben)
    await write.say("in the room", BEGAN + 4 * MINUTE)

    (row,) = await talks.list(OWNER, EVERYTHING, limit=10)
    assert (row.person, row.messages, row.survey) == (AMINA, 1, OF_ANA)
    assert row.started == row.last_at == row.matched == BEGAN + MINUTE
    assert row.last is not None
    assert row.last.content == "of Ana"
    assert await contents(talks, OWNER, row.id) == ["of Ana"]
    assert await contents(talks, OPERATOR, row.id) == ["of nobody", "of Ana", "of Ben"]
    with pytest.raises(NoSuchMessage):
        await talks.message(OWNER, theirs)
    for hidden in (dialogue(BOLA), room(), uuid4()):
        with pytest.raises(NoSuchConversation):
            await talks.get(OWNER, hidden)


async def test_a_conversation_is_read_from_any_place_both_ways(talks: Conversations, write: Writer) -> None:
    ids = [
        # Two at each moment, and finer than an id tells.
        await write.chat(AMINA, str(number), BEGAN + timedelta(microseconds=300 * (number // 2)), by=by)
        for number, by in enumerate(("bot", "user") * 10)
    ]
    talk = dialogue(AMINA)
    whole = await contents(talks, OPERATOR, talk)
    middle = await talks.message(OPERATOR, ids[9])

    newest = await talks.messages(OPERATOR, talk, limit=3)
    earlier = await talks.messages(OPERATOR, talk, before=newest.before, limit=3)
    about = await talks.messages(OPERATOR, talk, around=middle.place, limit=5)
    later = await talks.messages(OPERATOR, talk, after=about.after, limit=100)
    first = await talks.messages(OPERATOR, talk, around=BEGAN, limit=4)

    assert sorted(whole, key=int) == [str(number) for number in range(20)]
    assert [m.content for m in (*earlier.messages, *newest.messages)] == whole[-6:]
    assert (newest.after, newest.has_before, earlier.has_after) == (None, True, True)
    at = whole.index("9")
    assert [m.content for m in about.messages] == whole[at - 2 : at + 3]
    assert [m.content for m in later.messages] == whole[at + 3 :]
    assert (later.has_before, later.after) == (True, None)
    assert [m.content for m in first.messages] == whole[:4]
    assert (first.before, first.has_after) == (None, True)


async def test_what_was_taken_back_is_marked_and_not_told(talks: Conversations, write: Writer) -> None:
    taken = await write.chat(
        AMINA, "my secret", BEGAN, by="user", raw_payload={"message": {"mid": "m1", "text": "my secret"}}
    )
    await write.chat(
        AMINA, "my edited secret", BEGAN + MINUTE, by="user", raw_payload={"message_edit": {"mid": "m1"}}
    )
    await write.chat(
        *(AMINA, "", BEGAN + 2 * MINUTE),
        by="user",
        message_type="unsent",
        raw_payload={"message": {"mid": "m1", "is_deleted": True}},
    )
    said = (await talks.messages(OPERATOR, dialogue(AMINA), limit=10)).messages

    assert [(m.content, m.deletion) for m in said] == [("", "unsent"), ("", "unsent"), ("", None)]
    assert said[0].deleted == BEGAN + 2 * MINUTE
    assert await talks.raw(OPERATOR, taken) is None
    (row,) = await talks.list(OPERATOR, EVERYTHING, limit=10)
    assert row.last is not None
    assert "secret" not in row.last.content


@pytest.mark.parametrize(("deletion", "shown"), [("keep", ["gone"]), ("blank", [""]), ("hide", [])])
async def test_deleted_messages_are_shown_as_their_rule_says(
    talks: Conversations, write: Writer, deletion: str, shown: list[str]
) -> None:
    text = "" if deletion == "blank" else "gone"
    await write.say(text, BEGAN, deleted=BEGAN + MINUTE, deletion=deletion)
    assert await contents(talks, OPERATOR, room()) == shown


async def test_a_list_shows_the_newest_message_that_is_left(talks: Conversations, write: Writer) -> None:
    await write.say("stays", BEGAN)
    await write.say("gone", BEGAN + MINUTE, deleted=BEGAN + 2 * MINUTE, deletion="hide")
    (row,) = await talks.list(OPERATOR, EVERYTHING, limit=2)
    assert row.last is not None
    assert row.last.content == "stays"


async def test_a_message_is_told_with_its_texts_its_names_and_what_it_answers(
    talks: Conversations, write: Writer
) -> None:
    await write.name("twitch", "1", "Viewer One")
    asked = await write.say("who?", BEGAN)
    answer = await write.say(
        *("I", BEGAN + MINUTE), reply_to=asked, edited=BEGAN + 2 * MINUTE, metadata={"mood": 1}
    )
    await write.change(answer, "first", BEGAN + MINUTE, "Me")
    await write.change(answer, "edit", BEGAN + 2 * MINUTE, "I")
    await write.opine(answer, -1, BEGAN + 3 * MINUTE, comment="rude", platform="twitch", author_id="1")
    await write.opine(answer, 1, BEGAN + 2 * MINUTE)

    said = await talks.message(OPERATOR, answer)
    assert (said.author_name, said.versions, said.metadata) == ("Viewer One", 2, {"mood": 1})
    assert said.reply is not None
    assert said.reply.content == "who?"
    assert [v.content for v in await talks.versions(OPERATOR, answer)] == ["Me", "I"]
    assert [(o.value, o.comment, o.author_name) for o in said.opinions] == [
        (1, None, None),
        (-1, "rude", "Viewer One"),
    ]
    assert (await talks.message(OPERATOR, asked)).opinions == ()
    for read in (talks.message, talks.versions, talks.raw):
        with pytest.raises(NoSuchMessage):
            await read(OWNER, answer)


async def test_a_person_is_known_over_all_channels_as_far_as_one_may_look(
    talks: Conversations, write: Writer
) -> None:
    await write.name("twitch", "1", "Viewer One")
    await write.say("here", BEGAN)
    await write.say("there", BEGAN + MINUTE, channel="555")
    await write.say("not me", BEGAN + MINUTE, channel="777", author="2")
    known = await talks.person(MODERATOR, "twitch", "1")
    narrowed = Caller(MODERATOR.email, roles=MODERATOR.roles, scope=frozenset({f"channel:twitch/{ROOM}"}))

    assert (known.name, [row.channel for row in known.conversations]) == ("Viewer One", ["555", ROOM])
    assert [row.channel for row in (await talks.person(narrowed, "twitch", "1")).conversations] == [ROOM]
    for caller, person in ((MODERATOR, "9"), (OPERATOR, "1"), (OWNER, "1")):
        with pytest.raises(NobodyKnown):
            await talks.person(caller, "twitch", person)


async def test_a_session_is_a_conversation_with_its_count(talks: Conversations, write: Writer) -> None:
    author: dict[str, Any] = {"platform": "assistant", "channel": SESSION, "author": "u-7", "kind": "session"}
    await write.say("hello", BEGAN, **author)
    await write.say("hi!", BEGAN + MINUTE, **(author | {"author": None, "role": "assistant"}))
    (row,) = await talks.list(OPERATOR, MessageFilter(role="assistant"), limit=10)
    assert (row.kind, row.messages, row.person) == ("session", 2, "u-7")


async def test_a_look_that_takes_too_long_is_given_up(
    talks: Conversations, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write.chat(AMINA, "hi", BEGAN)
    monkeypatch.setattr(service, "LOOK_WITHIN_S", 0.2)
    async with write.database.transaction():
        await write.database.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(TookTooLong, match=r"took longer than 0\.2 s and was given up: name a platform"):
            await talks.list(OPERATOR, MessageFilter(role="moderator"), limit=2)
    monkeypatch.undo()
    assert await talks.list(OPERATOR, MessageFilter(role="moderator"), limit=2) == []


async def test_who_is_narrowed_to_an_app_finds_its_sessions_and_no_others(
    talks: Conversations, write: Writer
) -> None:
    for number, name in enumerate(("shop:s1", "shop:s2", "shopping:s1", "bank:s1", SESSION)):
        moment = BEGAN + number * MINUTE
        await write.say(name, moment, platform="assistant", channel=name, kind="session")
    await write.say("in the room", BEGAN, channel="shop:s3")
    of_the_shop = Caller("op@example.org", roles=OPERATOR.roles, scope=frozenset({"app:shop"}))
    for wanted in (EVERYTHING, MessageFilter(platform="assistant"), MessageFilter(role="user")):
        found = await talks.list(of_the_shop, wanted, limit=10)
        assert [(row.channel, row.is_whole) for row in found] == [("shop:s2", True), ("shop:s1", True)]
