"""Files of what a filter finds: whose they may be, and what is in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.postgres.connections import connect
from models.access import Caller, CallerRole
from models.exports import AskedAs, ExportOptions, Format, Source
from models.ids import conversation_key
from sinks.exports.stream import NotShared, WantedExport, Written, rows_expected, write_export
from tests.sinks.exports.exporting import World, cells

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.settings import Settings

A, B, MOD = "a@example.org", "b@example.org", "mod@example.org"
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
MODERATOR = frozenset({CallerRole.MODERATOR})


@pytest.fixture
async def world(database: Settings) -> AsyncIterator[World]:
    connection = await connect(database.database, statement_timeout_s=0)
    try:
        made = World(connection)
        await fill(made)
        yield made
    finally:
        await connection.close()


async def fill(world: World) -> None:
    """A survey of A's, one of B's, what is of none, and a room on Twitch."""
    a, b = await world.owner(A), await world.owner(B)
    of_a, of_b = await world.survey(a, "Health", "flu"), await world.survey(b, "Trust", "trust")
    await world.say("hello", surveyid=of_a, pageid="page", userid="fatu")
    await world.say("How old are you?", surveyid=of_a, pageid="page", userid="fatu", direction="bot")
    await world.say("of b", surveyid=of_b, pageid="page", userid="sami")
    await world.say("of none", pageid="page", userid="fatu")
    for number, (author, text) in enumerate((("7", "refund please"), ("8", "no refund"), ("7", "thanks"))):
        await world.connection.execute(
            "INSERT INTO messages (platform, id, timestamp, conversation_id, channel, role, author_id, "
            "content, message_type) SELECT 'twitch', "
            "message_id_at(message_source('twitch', $1::text), $2), $2, "
            "conversation_key('twitch', '12', '12'), '12', 'user', $3, $4, 'chat'",
            str(number),
            BEGIN + timedelta(seconds=number),
            author,
            text,
        )
    await world.connection.execute(
        "INSERT INTO conversations (id, platform, channel, external_id, kind, title, started, last_at) "
        "VALUES (conversation_key('twitch', '12', '12'), 'twitch', '12', '12', 'channel', 'A room', $1, $1)",
        BEGIN,
    )
    await world.connection.execute("INSERT INTO people VALUES ('twitch', '7', 'Seven', now())")


async def found(
    world: World, asker: Caller, shared: frozenset[tuple[str, str]] = frozenset(), **values: Any
) -> list[dict[str, str]]:
    options = ExportOptions.model_validate(values)
    wanted = WantedExport(asker.email, "", Source.MESSAGES, options, asked_as=AskedAs.of(asker, shared))
    pieces: list[bytes] = []

    async def write(data: bytes) -> None:
        pieces.append(data)

    await write_export(world.connection, wanted, write, Written())
    header, *rows = cells(b"".join(pieces))
    expected = await rows_expected(world.connection, wanted, within_s=600)
    assert (expected.rows, expected.is_exact) == (len(rows), True)
    return [dict(zip(header, row, strict=True)) for row in rows]


async def said(
    world: World, asker: Caller, shared: frozenset[tuple[str, str]] = frozenset(), **values: Any
) -> list[str]:
    return [row["content"] for row in await found(world, asker, shared, **values)]


async def test_a_file_has_what_the_filter_finds_in_the_order_of_time(world: World) -> None:
    moderator = Caller(MOD, roles=MODERATOR)

    assert await said(world, moderator) == [
        *("hello", "How old are you?", "of b", "of none"),
        *("refund please", "no refund", "thanks"),
    ]
    assert await said(world, moderator, filter={"platform": "twitch", "person": "7"}) == [
        "refund please",
        "thanks",
    ]
    assert await said(world, moderator, filter={"survey": "Health", "role": "assistant"}) == [
        "How old are you?"
    ]
    assert await said(world, moderator, since="2026-03-02", until="2026-03-03") == [
        *("refund please", "no refund", "thanks")
    ]
    named = await found(world, moderator, filter={"channel": "12"})
    assert [row["author"] for row in named] == ["Seven", "", "Seven"]


async def test_a_file_has_a_row_a_conversation_with_what_was_found_in_it(world: World) -> None:
    rows = await found(world, Caller(MOD, roles=MODERATOR), rows="conversation")

    assert [(row["platform"], row["person_id"], row["messages"], row["of_people"]) for row in rows] == [
        ("messenger", "fatu", "3", "2"),
        ("messenger", "sami", "1", "1"),
        ("twitch", "", "3", "3"),
    ]
    assert (rows[2]["title"], rows[2]["people"]) == ("A room", "2")


async def test_a_file_of_a_conversation_has_what_everybody_said_in_it_alone(world: World) -> None:
    moderator = Caller(MOD, roles=MODERATOR)
    await world.say("on another page", pageid="page 2", userid="fatu")
    # Whose a session is, it alone says, and an answer has no author; of threads, the channel is the tenant.
    for platform, channel, talk, spoken in (
        ("assistant", "s-1", "s-1", (("user", None, "Where is it?"), ("assistant", None, "At the depot."))),
        ("assistant", "s-2", "s-2", (("user", None, "Another's question"),)),
        ("threads", "default", "t-1", (("user", "456", "Why?"), ("assistant", "tutor-1", "Because."))),
        ("threads", "default", "t-2", (("user", "456", "In another thread"),)),
    ):
        await add_talk(world, platform, channel, talk, spoken)

    async def of(platform: str, place: str, talk: str, caller: Caller = moderator, **more: Any) -> list[str]:
        wanted = {"conversation": conversation_key(platform, place, talk)} | more
        return await said(world, caller, filter=wanted)

    assert await of("messenger", "page", "fatu") == ["hello", "How old are you?", "of none"]
    assert await of("messenger", "page 2", "fatu") == ["on another page"]
    assert await of("assistant", "s-1", "s-1") == ["Where is it?", "At the depot."]
    assert await of("threads", "default", "t-1") == ["Why?", "Because."]
    assert await of("twitch", "12", "12", q="refund", person="7") == ["refund please"]
    assert await of("twitch", "12", "12", channel="555") == []
    whole = {"conversation": conversation_key("assistant", "s-1", "s-1")}
    assert [row["messages"] for row in await found(world, moderator, filter=whole, rows="conversation")] == [
        "2"
    ]
    # Of what is not theirs they get as much as by any filter; of what nobody said there is nothing.
    narrowed = Caller(MOD, roles=MODERATOR, scope=frozenset({"channel:twitch/12"}))
    assert await of("messenger", "page", "fatu", Caller(A)) == ["hello", "How old are you?"]
    assert await of("messenger", "page", "sami", Caller(A)) == []
    assert await of("assistant", "s-1", "s-1", narrowed) == []
    assert await of("threads", "default", "t-1", Caller(MOD, "acme", MODERATOR)) == []
    assert await of("assistant", "s-9", "s-9") == []


async def add_talk(
    world: World, platform: str, channel: str, talk: str, spoken: tuple[tuple[str, str | None, str], ...]
) -> None:
    """Have somebody talk with a program; the conversation alone says who it is."""
    await world.connection.execute(
        "INSERT INTO conversations (id, platform, channel, external_id, kind, subject_id, started, last_at) "
        "VALUES (conversation_key($1, $2, $3), $1, $2, $3, 'session', '456', $4, $4)",
        *(platform, channel, talk, BEGIN),
    )
    for number, (role, author, text) in enumerate(spoken):
        await world.connection.execute(
            "INSERT INTO messages "
            "(platform, id, timestamp, conversation_id, channel, role, author_id, content) "
            "SELECT $1, message_id_at(message_source($1, $3::varchar || $4::varchar), $7), $7, "
            "conversation_key($1, $2, $3), $2, $5, $6, $4",
            *(platform, channel, talk, text, role, author, BEGIN + timedelta(seconds=number)),
        )


async def test_a_file_has_nothing_of_another_tenant(world: World) -> None:
    for number, tenant in enumerate(("acme", "north", "default")):
        await world.connection.execute(
            "INSERT INTO conversations "
            "(id, platform, channel, external_id, kind, subject_id, started, last_at) "
            "VALUES (conversation_key('threads', $1, 't'), 'threads', $1, 't', 'thread', '456', $2, $2)",
            *(tenant, BEGIN),
        )
        await world.connection.execute(
            "INSERT INTO messages "
            "(platform, id, timestamp, conversation_id, channel, role, author_id, content) "
            "SELECT 'threads', message_id_at(message_source('threads', $1::varchar), $2), $2, "
            "conversation_key('threads', $1, 't'), $1, 'user', '456', 'of ' || $1",
            *(tenant, BEGIN + timedelta(minutes=number)),
        )
    acme, default = Caller(MOD, "acme", MODERATOR), Caller(MOD, roles=MODERATOR)
    learner = Caller(MOD, "acme", MODERATOR, frozenset({"learner:456"}))
    another = Caller(MOD, "acme", MODERATOR, frozenset({"learner:457"}))

    assert await said(world, acme) == ["of acme"]
    assert await said(world, acme, filter={"q": "of"}) == ["of acme"]
    assert await said(world, acme, filter={"platform": "twitch"}) == []
    assert [row["channel"] for row in await found(world, acme, rows="conversation")] == ["acme"]
    assert await said(world, learner) == ["of acme"]
    assert await said(world, another) == []
    assert await said(world, default, filter={"platform": "threads"}) == ["of default"]
    assert not {"of acme", "of north"} & set(await said(world, default))


async def test_nobody_gets_what_they_may_not_read(world: World) -> None:
    owner, stranger = Caller(A), Caller("nobody@example.org")
    narrowed = Caller(MOD, roles=MODERATOR, scope=frozenset({"channel:twitch/12"}))
    compliance = Caller(MOD, roles=frozenset({CallerRole.COMPLIANCE}))

    assert await said(world, owner) == ["hello", "How old are you?"]
    assert await said(world, owner, filter={"survey": "Trust"}) == []
    assert await said(world, narrowed) == ["refund please", "no refund", "thanks"]
    for nobody in (stranger, compliance):
        with pytest.raises(NotShared):
            await said(world, nobody)


async def test_what_is_shared_counts_if_it_was_when_they_asked_and_is_when_the_file_is_made(
    world: World,
) -> None:
    owner, then = Caller(A), frozenset({(B, "Trust")})
    share = "INSERT INTO survey_shares (owner, survey_name, address, shared_by) VALUES ($1, 'Trust', $2, $1)"

    assert await said(world, owner, then) == ["hello", "How old are you?"]
    await world.connection.execute(share, B, A)

    assert await said(world, owner) == ["hello", "How old are you?"]
    assert await said(world, owner, then) == ["hello", "How old are you?", "of b"]


async def test_what_was_taken_back_is_in_no_file(world: World) -> None:
    await world.say("regretted", userid="fatu", raw_payload='{"message": {"mid": "m1"}}')
    await world.say("", userid="fatu", message_type="unsent", raw_payload='{"message_unsend": {"mid": "m1"}}')

    texts = await said(world, Caller(MOD, roles=MODERATOR), filter={"platform": "messenger"})

    assert "regretted" not in texts
    assert texts[-1] == ""


async def test_messages_are_found_by_the_learner_in_whose_threads_they_are(world: World) -> None:
    for tenant, learner in (("default", "l1"), ("default", "l2"), ("acme", "l1")):
        await world.connection.execute(
            "WITH talk AS (INSERT INTO conversations (id, platform, channel, external_id, subject_id, "
            "started, last_at) VALUES (gen_random_uuid(), 'threads', $1, $2, $2, $3, $3) RETURNING id) "
            "INSERT INTO messages (platform, id, timestamp, conversation_id, channel, role, content) "
            "SELECT 'threads', gen_random_uuid(), $3, id, $1, 'user', $2 || ' of ' || $1 FROM talk",
            tenant,
            learner,
            BEGIN,
        )
    admin = frozenset({CallerRole.ADMIN})
    wanted = {"learner": "l1"}

    assert await said(world, Caller(MOD, roles=admin), filter=wanted) == ["l1 of default"]
    assert await said(world, Caller(MOD, "acme", admin), filter=wanted) == ["l1 of acme"]
    assert await said(world, Caller(MOD, roles=admin), filter=wanted | {"q": "of"}) == ["l1 of default"]
    rows = await found(world, Caller(MOD, roles=admin), filter=wanted, rows="conversation")
    assert [row["person_id"] for row in rows] == ["l1"]
    narrowed = Caller(MOD, roles=MODERATOR, scope=frozenset({"channel:twitch/12"}))
    assert await said(world, narrowed, filter=wanted) == []


@pytest.mark.parametrize("format_", ["jsonl", "parquet", "xlsx"])
async def test_other_formats_hold_messages_too(world: World, format_: str) -> None:
    options = ExportOptions(format=Format(format_), include_metadata=True, include_raw_payload=True)
    asked = AskedAs.of(Caller(MOD, roles=MODERATOR))
    progress, pieces = Written(), [0]

    async def write(data: bytes) -> None:
        pieces.append(len(data))

    wanted = WantedExport(MOD, "", Source.MESSAGES, options, asked_as=asked)
    await write_export(world.connection, wanted, write, progress)

    assert (progress.rows, progress.bytes) == (7, sum(pieces))
