"""A file of what a search finds has the messages that the search shows the same caller, and no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.search.indexes import IndexLookup
from models.access import Caller, CallerRole
from models.exports import AskedAs, ExportOptions, Rows, Source
from models.reading import MessageFilter
from sinks.exports.messages import messages_query
from sinks.exports.stream import ExportImpossible, WantedExport, Written, rows_expected, write_export
from tests.sinks.exports.exporting import cells
from tests.site.owners import ANA, BEN, OF_BEN
from tests.site.talks import AMINA, BOLA, ROOM, Writer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.search.found import After
    from app.search.serving import SearchServices

    Maintain = Callable[..., Awaitable[list[str]]]

OPERATOR = Caller("op@example.org", roles=frozenset({CallerRole.OPERATOR}))
MODERATOR = Caller("mo@example.org", roles=frozenset({CallerRole.MODERATOR}))
NARROWED = Caller(OPERATOR.email, roles=OPERATOR.roles, scope=frozenset({f"channel:twitch/{ROOM}"}))
#: In the middle of this month, so that some of it has indexes and some has none.
NOW = datetime.now(UTC).replace(day=15, hour=14, minute=40, second=0, microsecond=0)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
SAID = (
    "I want a refund, please",
    "no refund for you",
    "two vaccines, and a fever",
    "She was vaccinated; fever",
    "你好，我的孩子要打疫苗吗",
    "苗疫 is none",
    "ลูกของฉันได้รับวัคซีนแล้ว",
    "متى لقاح؟ شكرا",
    "50% off_now",
)
#: What is looked for, and in how many of the texts above it is, as they are.
TYPED = {
    "refund": 2,
    'refund -"no refund"': 1,
    "refund or fever": 4,
    "vacc*": 2,
    "疫苗": 1,
    "疫苗 or วัคซีน": 2,
    "孩子 -发烧": 1,
    "لقاح": 1,
    "off_now": 1,
    "nobodysaidthis": 0,
}


async def shown(
    searching: SearchServices, typed: str, caller: Caller = OPERATOR, **wanted: Any
) -> list[tuple[str, str]]:
    """Return id and content of all that is found, page by page, the oldest first."""
    found: list[tuple[str, str]] = []
    after: After | None = None
    while True:
        page = await searching.search.find(caller, typed, MessageFilter(**wanted), limit=3, after=after)
        found += [(str(hit.message.id), hit.message.content) for hit in page.hits]
        after = page.after
        if after is None:
            return found[::-1]


async def exported(
    write: Writer, typed: str, caller: Caller = OPERATOR, rows: Rows = Rows.MESSAGE, **wanted: Any
) -> list[dict[str, str]]:
    """Return the rows of the file, of which as many were to be expected."""
    options = ExportOptions.model_validate({"filter": {"q": typed} | wanted, "rows": rows})
    export = WantedExport(caller.email, "", Source.MESSAGES, options, asked_as=AskedAs.of(caller))
    pieces: list[bytes] = []

    async def take(data: bytes) -> None:
        pieces.append(data)

    await write_export(write.database, export, take, Written())
    header, *lines = cells(b"".join(pieces))
    expected = await rows_expected(write.database, export, within_s=600)
    assert (expected.rows, expected.is_exact) == (len(lines), True)
    return [dict(zip(header, line, strict=True)) for line in lines]


async def check_equal(
    searching: SearchServices, write: Writer, typed: str, caller: Caller = OPERATOR, **wanted: Any
) -> list[str]:
    """Check that both have the same; return the contents."""
    rows = await exported(write, typed, caller, **wanted)
    found = await shown(searching, typed, caller, **wanted)
    # Both are in the order of time; of two at one moment each has its own order.
    assert sorted((row["id"], row["content"]) for row in rows) == sorted(found), typed
    return [row["content"] for row in rows]


async def test_a_file_has_what_the_search_shows_in_any_script_with_indexes_and_without(
    searching: SearchServices, write: Writer, maintain: Maintain
) -> None:
    times = (NOW.replace(day=1) - 40 * DAY, NOW.replace(day=3), NOW)
    for number, text in enumerate(SAID):
        for when in times:
            await write.say(text, when + number * MINUTE)
            await write.chat(AMINA, text, when + number * MINUTE, by="user")
    for is_indexed in (False, True):
        if is_indexed:
            await maintain(NOW)
            searching.search._lookup = IndexLookup()
        for typed, many in TYPED.items():
            found = await check_equal(searching, write, typed)
            assert len(found) == 2 * len(times) * many, typed


async def test_what_comes_late_is_in_the_file_and_what_was_deleted_or_taken_back_is_not(
    searching: SearchServices, write: Writer, maintain: Maintain
) -> None:
    day = NOW.replace(day=3)
    deleted = await write.say("refund deleted", day)
    await write.say("refund kept", day + MINUTE)
    for text, mid in (("refund taken back", "m_1"), ("refund meant so", "m_2")):
        payload = {"message": {"mid": mid}}
        await write.chat(AMINA, text, day + len(text) * MINUTE, by="user", raw_payload=payload)
    await maintain(NOW)
    searching.search._lookup = IndexLookup()

    await write.say("refund late", day - MINUTE)
    await write.database.execute(
        "UPDATE messages SET deletion = 'hide', deleted = now() WHERE id = $1", deleted
    )
    unsent: dict[str, Any] = {"message_type": "unsent", "raw_payload": {"message_unsend": {"mid": "m_1"}}}
    await write.chat(AMINA, "", day + 60 * MINUTE, by="user", **unsent)

    assert await check_equal(searching, write, "refund") == ["refund late", "refund kept", "refund meant so"]


async def test_words_are_found_by_their_stems_where_a_place_says_its_language(
    searching: SearchServices, write: Writer, maintain: Maintain
) -> None:
    await searching.languages.set(MODERATOR, f"channel:twitch/{ROOM}", "english")
    for when in (NOW.replace(day=3), NOW):
        await write.say("two vaccines", when)
        await write.say("the vaccine itself", when + MINUTE)
        await write.say("other vaccines", when, channel="elsewhere")
        await write.chat(AMINA, "vaccines in Messenger", when)
    await maintain(NOW)
    searching.search._lookup = IndexLookup()

    twice = ["two vaccines", "the vaccine itself"] * 2
    assert await check_equal(searching, write, "vaccine") == twice
    assert await check_equal(searching, write, "vaccine or nothing") == twice
    assert await check_equal(searching, write, "vaccine -two") == ["the vaccine itself"] * 2
    assert await check_equal(searching, write, "vaccine", person="1") == twice
    assert await check_equal(searching, write, "vaccine", platform="messenger") == []


async def test_nobody_gets_more_than_they_may_read(searching: SearchServices, write: Writer) -> None:
    of_ana, of_ben = await write.survey(ANA, "Ana's only"), await write.survey(BEN, OF_BEN)
    await write.chat(AMINA, "refund of Ana", NOW, surveyid=of_ana)
    await write.chat(BOLA, "refund of Ben", NOW + MINUTE, surveyid=of_ben)
    await write.chat(BOLA, "refund of nobody", NOW + 2 * MINUTE)
    await write.say("refund in a room", NOW + 3 * MINUTE)
    await write.say("refund elsewhere", NOW + 4 * MINUTE, channel="other", author="7")

    assert await check_equal(searching, write, "refund", Caller(ANA)) == ["refund of Ana"]
    assert await check_equal(searching, write, "refund", Caller(ANA), survey=OF_BEN) == []
    assert await check_equal(searching, write, "refund", NARROWED) == ["refund in a room"]
    assert await check_equal(searching, write, "refund", survey=OF_BEN) == ["refund of Ben"]
    assert await check_equal(searching, write, "refund", person="7") == ["refund elsewhere"]
    assert len(await check_equal(searching, write, "refund")) == 5


async def test_a_row_a_conversation_counts_what_was_found_in_it(
    searching: SearchServices, write: Writer
) -> None:
    for number, text in enumerate(SAID):
        await write.say(text, NOW + number * MINUTE)
        await write.say(text.upper(), NOW + number * MINUTE, channel="other")

    rows = await exported(write, "refund or vacc*", rows=Rows.CONVERSATION)

    assert sorted((row["channel"], row["messages"]) for row in rows) == [(ROOM, "4"), ("other", "4")]


async def test_the_index_of_words_is_what_a_file_goes_by(write: Writer, maintain: Maintain) -> None:
    begin = (NOW.replace(day=1, hour=0, minute=0) - DAY).replace(day=1)
    await write.database.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content) SELECT number, $1::timestamptz "
        "+ number * interval '1 s', 'user', 'word ' || number FROM generate_series(1, 20000) AS number",
        begin,
    )
    await maintain(NOW)
    await write.database.execute("ANALYZE chat_log")
    options = ExportOptions.model_validate({"filter": {"q": "word 4711"}})
    query = await messages_query(write.database, OPERATOR.email, AskedAs.of(OPERATOR), options)
    await write.database.execute("SET plan_cache_mode = force_custom_plan")
    plan = await write.database.fetch(f"EXPLAIN {query.sql}", *query.arguments)

    assert f"{begin:chat_log_%Y_%m}_fts" in "\n".join(row[0] for row in plan)


@pytest.mark.parametrize("typed", ["-malaria", "a*", "...", " "])
async def test_what_nobody_can_look_for_is_no_file(write: Writer, typed: str) -> None:
    with pytest.raises(ExportImpossible):
        await exported(write, typed)
