"""What is found, by whom, in any script, before and after there are indexes: on a real database."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from app.reading.patience import TookTooLong
from app.search import service
from app.search.indexes import IndexLookup
from app.search.languages import CannotSpeak, NoSuchPlace
from app.search.lines import NoLine, SayWhose
from models.access import Caller, CallerRole
from models.reading import MessageFilter
from models.search import MARKS, UNSPACED, CannotSearch, parse
from models.search_windows import Window
from sinks.postgres.reading import reading_of
from sinks.postgres.searching import Order, Sought, find_in
from sinks.postgres.unsent import Unsent
from tests.site.owners import ANA, BEN, OF_BEN
from tests.site.talks import AMINA, BOLA, ROOM, Writer, room

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.search.found import After, FoundPage
    from app.search.serving import SearchServices

    Maintain = Callable[..., Awaitable[list[str]]]

OPERATOR = Caller("op@example.org", roles=frozenset({CallerRole.OPERATOR}))
MODERATOR = Caller("mo@example.org", roles=frozenset({CallerRole.MODERATOR}))
#: In the middle of this month; most is said on days before.
NOW = datetime.now(UTC).replace(day=15, hour=14, minute=40, second=0, microsecond=0)
LONG_AGO = NOW.replace(day=1) - timedelta(days=3)
MINUTE = timedelta(minutes=1)

#: What people say, what finds it, and what does not.
SAID = {
    "I want a refund, please": (["refund", "REFUND please", '"a refund"', "ref*", "refund -money"], ["fund"]),
    "The money-back guarantee": (["guarantee", '"money back"', "money-back", "guarantee or x"], ["backs"]),
    "متى لقاح؟ شكرا": (["لقاح", "شكرا", '"متى لقاح"'], ["لقا"]),
    "मुझे बुखार है।": (["बुखार", "है", "बुख*"], ["बुखा"]),
    "Chanjo ya mtoto wangu": (["chanjo", "chanjo mtoto", "mto*"], ["chan"]),
    "你好，我的孩子要打疫苗吗": (["疫苗", "孩子 疫苗", "疫苗 -发烧", "疫*"], ["苗疫"]),
    "ลูกของฉันได้รับวัคซีนแล้ว": (["วัคซีน", "วัคซีน ลูก"], ["วัคซีนลูก"]),
    "ワクチンを打ちました": (["ワクチン", "打ち"], ["チンワク"]),
    "백신을 맞았어요": (["백신"], ["신백"]),
    "កុមារបានចាក់វ៉ាក់សាំង": (["វ៉ាក់សាំង"], []),
    "<script>alert('hi')</script> 50% off_now": (["50", "now", "off_now"], ["offnow"]),
}


async def contents(
    searching: SearchServices, typed: str, caller: Caller = OPERATOR, **wanted: object
) -> list[str]:
    found = await searching.search.find(caller, typed, MessageFilter(**wanted), limit=50)  # type: ignore[arg-type]
    return [hit.message.content for hit in found.hits]


@pytest.mark.parametrize(
    "when", [LONG_AGO, NOW.replace(day=3), NOW], ids=["last month", "this month", "today"]
)
async def test_every_script_is_found_whether_an_index_is_of_it_or_not(
    searching: SearchServices, write: Writer, maintain: Maintain, when: datetime
) -> None:
    for number, text in enumerate(SAID):
        await write.say(text, when + number * MINUTE)
        await write.chat(AMINA, text, when + number * MINUTE)
    for is_made in (False, True):
        if is_made:
            await maintain(NOW)
            searching.search._lookup = IndexLookup()
        wrong = {}
        for text, (found_by, not_by) in SAID.items():
            for typed in found_by:
                found = await contents(searching, typed)
                if found.count(text) != 2:
                    wrong[typed] = found
            for typed in not_by:
                if text in await contents(searching, typed):
                    wrong[typed] = [text]
        assert wrong == {}


async def test_pages_go_back_through_time_and_give_each_once(
    searching: SearchServices, write: Writer, maintain: Maintain
) -> None:
    times = [NOW - days * timedelta(days=1) for days in (0, 0, 1, 1, 2, 9, 30, 40, 70, 400, 700)]
    ids = [await write.say(f"refund {number}", at + number * MINUTE) for number, at in enumerate(times)]
    # At one moment, in two tables.
    ids += [await write.say("a refund", LONG_AGO), await write.chat(AMINA, "a refund", LONG_AGO)]
    await maintain(NOW)

    seen: list[tuple[datetime, UUID]] = []
    after = None
    while True:
        found = await searching.search.find(OPERATOR, "refund", MessageFilter(), limit=2, after=after)
        seen += [(hit.message.timestamp, hit.message.id) for hit in found.hits]
        after = found.after
        if after is None:
            break

    assert seen == sorted(seen, reverse=True)
    assert sorted(message for _, message in seen) == sorted(ids)


async def test_the_best_come_first_and_pages_fit_together(searching: SearchServices, write: Writer) -> None:
    for number in range(5):
        await write.say("refund " * (number + 1) + "and so on " * 5, NOW + number * MINUTE)

    async def page(after: After | None) -> FoundPage:
        return await searching.search.find(
            OPERATOR, "refund", MessageFilter(), order=Order.RANK, limit=2, after=after
        )

    first = await page(None)
    await write.say("refund refund refund refund refund refund", NOW + timedelta(hours=1))
    second = await page(first.after)

    assert first.ranked == 5
    counts = [hit.message.content.count("refund") for hit in (*first.hits, *second.hits)]
    assert counts == [5, 4, 3, 2]


async def test_filters_and_the_right_to_read_hold(searching: SearchServices, write: Writer) -> None:
    surveys = {
        (row["email"], row["survey_name"]): row["id"]
        for row in await write.database.fetch(
            "SELECT email, survey_name, surveys.id FROM surveys JOIN users ON users.id = userid"
        )
    }
    await write.chat(AMINA, "refund of Ana", NOW, surveyid=surveys[ANA, "Ana's only"])
    await write.chat(BOLA, "refund of Ben", NOW, surveyid=surveys[BEN, OF_BEN])
    await write.chat(BOLA, "refund of nobody", NOW + MINUTE)
    await write.say("refund in a room", NOW)
    other = await write.say("refund in another", NOW - 40 * timedelta(days=1), channel="other", author="7")

    assert await contents(searching, "refund", Caller(ANA)) == ["refund of Ana"]
    assert await contents(searching, "refund", Caller(BEN)) == ["refund of Ben"]
    assert await contents(searching, "refund", Caller(ANA), survey=OF_BEN) == []
    assert await contents(searching, "refund", Caller(ANA, "acme")) == []
    narrowed = Caller("op@example.org", roles=OPERATOR.roles, scope=frozenset({f"channel:twitch/{ROOM}"}))
    assert await contents(searching, "refund", narrowed) == ["refund in a room"]
    assert len(await contents(searching, "refund")) == 5
    assert await contents(searching, "refund", survey=OF_BEN) == ["refund of Ben"]
    assert await contents(searching, "refund", person="7") == ["refund in another"]
    assert await contents(searching, "refund", person=BOLA, platform="messenger") == [
        "refund of nobody",
        "refund of Ben",
    ]
    assert await contents(searching, "refund", since=NOW - timedelta(days=1), platform="twitch") == [
        "refund in a room"
    ]
    assert await contents(searching, "refund", until=NOW - timedelta(days=1)) == ["refund in another"]
    in_room = await searching.search.find(
        OPERATOR, "refund", MessageFilter(), limit=5, conversation=room("other")
    )
    assert [hit.message.id for hit in in_room.hits] == [other]
    for nothing in (UUID(int=1), room("nowhere")):
        found = await searching.search.find(
            OPERATOR, "refund", MessageFilter(), limit=5, conversation=nothing
        )
        assert found.hits == ()


async def test_what_comes_late_and_what_is_deleted_is_right_at_once(
    searching: SearchServices, write: Writer, maintain: Maintain
) -> None:
    day = NOW.replace(day=3)
    kept = await write.say("refund one", day)
    await maintain(NOW)
    assert await contents(searching, "refund") == ["refund one"]

    late = await write.say("refund late", day - MINUTE)
    assert await contents(searching, "refund") == ["refund one", "refund late"]

    await write.database.execute("DELETE FROM messages WHERE id = $1", late)
    await write.database.execute("UPDATE messages SET deletion = 'hide', deleted = now() WHERE id = $1", kept)
    assert await contents(searching, "refund") == []

    await write.chat(AMINA, "refund taken back", day, by="user", raw_payload={"message": {"mid": "m_1"}})
    assert await contents(searching, "refund") == ["refund taken back"]
    await write.chat(
        AMINA,
        "",
        day + MINUTE,
        by="user",
        message_type="unsent",
        raw_payload={"message_unsend": {"mid": "m_1"}},
    )
    assert await contents(searching, "refund") == []


async def test_words_are_found_by_their_stems_where_a_place_says_its_language(
    searching: SearchServices, write: Writer, maintain: Maintain
) -> None:
    for when in (LONG_AGO, NOW):
        await write.say("two vaccines", when)
        await write.say("other vaccines", when, channel="elsewhere")
    assert await contents(searching, "vaccine") == []
    await searching.languages.set(MODERATOR, f"channel:twitch/{ROOM}", "english")
    assert await contents(searching, "vaccine") == []

    await maintain(NOW)
    searching.search._lookup = IndexLookup()

    assert await contents(searching, "vaccine") == ["two vaccines"] * 2
    assert await contents(searching, "vaccine two") == ["two vaccines"] * 2
    assert await contents(searching, "the -vaccine or two") == ["two vaccines"] * 2
    assert await contents(searching, "vaccine", platform="discord") == []
    found = await searching.search.find(OPERATOR, "vaccine", MessageFilter(), limit=1)
    assert [piece.text for piece in found.hits[0].pieces if piece.is_hit] == ["vaccines"]

    await searching.languages.unset(MODERATOR, f"channel:twitch/{ROOM}")
    assert await contents(searching, "vaccine") == []


@pytest.mark.parametrize(
    ("place", "language", "told"),
    [
        ("platform:myspace", "english", "There is no such platform"),
        ("room:1", "english", "There is no such place"),
        ("survey:A", "klingon", "does not know that language; it knows arabic"),
        ("survey:A", "simple", "does not know that language"),
    ],
)
async def test_a_language_is_one_that_the_server_knows_of_a_place_that_there_is(
    searching: SearchServices, place: str, language: str, told: str
) -> None:
    with pytest.raises(CannotSpeak, match=told):
        await searching.languages.set(MODERATOR, place, language)
    with pytest.raises(NoSuchPlace):
        await searching.languages.unset(MODERATOR, "survey:A")


async def test_an_index_of_a_piece_is_what_a_search_goes_by(
    searching: SearchServices, write: Writer, maintain: Maintain
) -> None:
    day = NOW.replace(day=3, hour=0, minute=0)
    await write.database.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content) SELECT number, $1::timestamptz "
        "+ number * interval '1 s', 'user', 'word ' || number FROM generate_series(1, 5000) AS number",
        day,
    )
    await maintain(NOW)
    await write.database.execute("ANALYZE chat_log")
    reading = await reading_of(write.database, OPERATOR)
    sought = Sought(reading, MessageFilter(), parse("4711"), Unsent())
    query = find_in(sought, Window(day, day + timedelta(days=1)), limit=50)
    await write.database.execute("SET plan_cache_mode = force_custom_plan")
    plan = await write.database.fetch(f"EXPLAIN {query.sql}", *query.arguments)

    assert f"{NOW:chat_log_%Y_%m}_fts_01_to_07" in "\n".join(row[0] for row in plan)


async def test_a_search_that_takes_too_long_is_given_up(
    searching: SearchServices, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write.say("refund", NOW)
    monkeypatch.setattr(service, "LOOK_WITHIN_S", 0.2)
    async with write.database.transaction():
        await write.database.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(TookTooLong, match=r"took longer than 0\.2 s"):
            await contents(searching, "refund")
    monkeypatch.undo()
    assert await contents(searching, "refund") == ["refund"]


async def test_what_postgresql_takes_for_no_word_is_refused(searching: SearchServices) -> None:
    with pytest.raises(CannotSearch):
        await contents(searching, "-malaria")


async def test_our_letters_are_those_of_the_database(write: Writer) -> None:
    """A letter that stands alone for one side and not for the other would never be found."""
    source = "SELECT prosrc FROM pg_proc WHERE oid = 'fts(varchar)'::regprocedure"
    found = re.search(r"\(\[(.*?)\]\)'\s+'\|\[(.*?)\]'", await write.database.fetchval(source))
    assert found is not None
    letters, marks = found.groups()

    assert letters.encode().decode("unicode_escape") == UNSPACED
    assert marks == MARKS


async def test_a_line_at_random_is_any_of_them(searching: SearchServices, write: Writer) -> None:
    with pytest.raises(SayWhose):
        await searching.lines.draw(OPERATOR, MessageFilter(platform="twitch"))
    of_room = MessageFilter(platform="twitch", channel=ROOM)
    with pytest.raises(NoLine):
        await searching.lines.draw(OPERATOR, of_room)

    said = {f"line {number}" for number in range(4)}
    for number, text in enumerate(sorted(said)):
        await write.say(text, NOW - number * timedelta(days=1))
    await write.say("elsewhere", NOW, channel="other")
    await write.database.execute(
        "INSERT INTO message_day_deltas (platform, channel, day, role, messages, weight, mirrors, responses) "
        "SELECT platform, channel, (timestamp AT TIME ZONE 'UTC')::date, role, 2, 2, 0, 0 FROM messages"
    )
    # Whoever else writes days may write one that Python does not have.
    await write.database.execute(
        "INSERT INTO message_day_deltas (platform, channel, day, role, messages, weight, mirrors, responses) "
        "VALUES ('twitch', $1, '20000-01-01', 'user', 1, 1, 0, 0)",
        ROOM,
    )
    drawn = {(await searching.lines.draw(OPERATOR, of_room)).content for _ in range(100)}
    assert drawn == said
    of_person = MessageFilter(platform="twitch", person="1")
    assert {(await searching.lines.draw(OPERATOR, of_person)).content for _ in range(100)} == said | {
        "elsewhere"
    }
    with pytest.raises(NoLine):
        await searching.lines.draw(Caller(ANA), of_room)
