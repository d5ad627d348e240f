"""Records of messages become rows of real tables: once, counted exactly, and the same in any order."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.postgres.connections import create_pool
from app.worker.watch.figures import total
from models.errors import Reason
from models.ids import source_of
from models.records import MessageRecord, ParentRecord, Record, SeenRecord
from sinks.errors import CannotGoOn
from sinks.postgres.message_rows import as_json, message_row
from sinks.sql import statements
from tests.services import in_own_loop
from tests.sinks.postgres.message_records import (
    CHANNEL,
    NOW_MS,
    PLATFORM,
    clear,
    deletion_of,
    edit_of,
    feedback,
    fetch,
    message,
    presence,
    raw,
    settler_on,
    sink_on,
)
from tests.sinks.sources import each_its_own_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from app.settings import Settings
    from models.errors import BadRecord
    from sinks.postgres.messages import MessagesSink

DAY_MS = 24 * 60 * 60 * 1000
#: What becomes of deleted messages.
RULES = ["keep", "hide", "blank"]
#: How many histories are tried.
EXAMPLES = 20
#: Every table that people read, without what tells only when we were told.
TABLES = {
    "messages": "SELECT * FROM messages ORDER BY id",
    "message_versions": "SELECT * FROM message_versions ORDER BY source, kind, changed",
    "message_clears": "SELECT * FROM message_clears ORDER BY channel, author_id, cleared",
    "message_feedback": "SELECT * FROM message_feedback ORDER BY source",
    "message_days": "SELECT * FROM message_days WHERE messages <> 0 ORDER BY day, channel, role",
    "figure_days": "SELECT * FROM figure_days WHERE messages <> 0 ORDER BY day, channel, role",
    "figure_hours": "SELECT * FROM figure_hours WHERE messages <> 0 ORDER BY timestamp, channel, role",
    "figure_responses": (
        "SELECT * FROM figure_responses WHERE responses <> 0 ORDER BY day, channel, role, bucket"
    ),
    "told_by_updates": "SELECT * FROM told_by_updates ORDER BY source",
    "stays": "SELECT * FROM stays ORDER BY channel, person_id, joined",
    "conversations": "SELECT id, kind, started, captured FROM conversations ORDER BY id",
}
#: What the sums of figures are of the rows that there are, counted anew.
RECOUNTS = {
    "figure_days": """
        SELECT (timestamp AT TIME ZONE 'UTC')::date AS day, platform,
               figure_channel(platform, channel) AS channel, role, count(*) AS messages,
               sum(weight::float8) AS weight, sum(weight::float8 * weight) AS squares,
               coalesce(sum(response_ms), 0) AS response_ms, count(response_ms) AS responses
        FROM messages GROUP BY 1, 2, 3, 4 ORDER BY day, channel, role
    """,
    "figure_hours": """
        SELECT date_trunc('hour', timestamp, 'UTC') AS timestamp, platform,
               figure_channel(platform, channel) AS channel, role, count(*) AS messages,
               sum(weight::float8) AS weight, sum(weight::float8 * weight) AS squares
        FROM messages GROUP BY 1, 2, 3, 4 ORDER BY timestamp, channel, role
    """,
    "figure_responses": """
        SELECT (timestamp AT TIME ZONE 'UTC')::date AS day, platform,
               figure_channel(platform, channel) AS channel, role, response_bucket(response_ms) AS bucket,
               count(*) AS responses
        FROM messages WHERE response_ms IS NOT NULL GROUP BY 1, 2, 3, 4, 5 ORDER BY day, channel, role, bucket
    """,
}
EVERYTHING = ", ".join([*TABLES, "message_day_deltas", "stay_deltas", "presences", "sampled_out", "people"])


async def write(sink: MessagesSink, records: Sequence[Record]) -> list[tuple[Record, BadRecord]]:
    """Write records; return those refused, with the reason."""
    return await sink.write(each_its_own_source(records))


async def tables(database: Settings) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [
            {key: value for key, value in row.items() if key != "noted"}
            for row in await fetch(database, query)
        ]
        for name, query in TABLES.items()
    }


async def assert_sums_are_what_rows_are(database: Settings, found: dict[str, list[dict[str, Any]]]) -> None:
    for name, query in RECOUNTS.items():
        recount = await fetch(database, query)
        assert [{key: row[key] for key in (recount or [row])[0]} for row in found[name]] == recount, name


async def row_of(database: Settings, said: MessageRecord) -> dict[str, Any]:
    (row,) = await fetch(database, "SELECT * FROM messages WHERE id = $1", said.id)
    return row


def at(timestamp_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=timestamp_ms)


# -- messages


async def test_a_row_is_the_message_as_told(database: Settings, pool: asyncpg.Pool) -> None:
    said = message(
        1,
        content="😀 مرحبا\n\"quoted\" 'single' \\ back",
        message_type="announcement",
        reply_to=message(0).id,
        response_ms=1200,
        weight=2.5,
        role="assistant",
    )
    bare = message(2, content="", author_id=None, author_name=None, metadata=raw(None), raw_payload=raw(None))

    assert await write(sink_on(pool), [said, bare]) == []

    row = await row_of(database, said)
    assert row["timestamp"] == at(said.timestamp)
    for name in (
        "platform",
        "channel",
        "role",
        "author_id",
        "content",
        "message_type",
        "response_ms",
        "weight",
    ):
        assert row[name] == getattr(said, name)
    assert [str(row["conversation_id"]), str(row["reply_to"])] == [said.conversation_id, said.reply_to]
    assert (orjson.loads(row["metadata"]), orjson.loads(row["raw_payload"])) == ({"number": 1}, {"raw": 1})
    row = await row_of(database, bare)
    assert [
        row[name] for name in ("content", "author_id", "metadata", "raw_payload", "edited", "deleted")
    ] == [
        "",
        *[None] * 5,
    ]


async def test_what_comes_again_adds_nothing(database: Settings, pool: asyncpg.Pool) -> None:
    said: list[Record] = [
        *(message(number) for number in range(20)),
        message(20, kept=False, timestamp=round(time.time() * 1000)),
        # Nobody could tell of one that is so old whether it was counted.
        message(24, kept=False),
        message(21, channel="dm", conversation="dm", kind="dialogue", role="user"),
        message(
            22,
            channel="dm",
            conversation="dm",
            kind="dialogue",
            role="assistant",
            response_ms=500,
            weight=4.0,
        ),
        message(23, mirrored=True),
        presence(1, "join", NOW_MS, "somebody", channel="world"),
    ]
    sink, other = sink_on(pool), sink_on(pool)
    await asyncio.gather(write(sink, said), write(other, said[::-1]), write(other, said))
    await settler_on(pool).settle()
    once = await tables(database)

    await write(sink_on(pool), said)
    await settler_on(pool).settle()

    assert await tables(database) == once
    assert len(once["messages"]) == 23
    assert total(sink.figures.rows) + total(other.figures.rows) == 23
    (dialogue,) = [row for row in once["conversations"] if row["kind"] == "dialogue"]
    assert dialogue["captured"] == 2
    days = {
        (row["channel"], row["role"]): (row["messages"], row["weight"], row["mirrors"], row["response_ms"])
        for row in once["message_days"]
    }
    assert days == {
        (CHANNEL, "user"): (21, 21.0, 1, None),
        ("dm", "user"): (1, 1.0, 0, None),
        ("dm", "assistant"): (1, 4.0, 0, 500),
    }
    # The one that was left out counts among what its author said.
    assert sum(row["messages"] for row in once["stays"] if row["channel"] == CHANNEL) == 22


async def test_what_is_left_out_counts_once_also_where_it_comes_twice_behind_its_deletion(
    database: Settings, pool: asyncpg.Pool
) -> None:
    """Both come in one batch then: what is about one message is written after the first of it."""
    now_ms = round(time.time() * 1000)
    left_out = message(1, kept=False, timestamp=now_ms)
    await write(sink_on(pool), [deletion_of(left_out, now_ms), left_out, left_out])
    await settler_on(pool).settle()

    (stay,) = (await tables(database))["stays"]
    assert stay["messages"] == 1


@pytest.mark.parametrize("comes_first", [True, False])
@pytest.mark.parametrize("together", [True, False])
async def test_what_only_one_delivery_exempts_from_a_sample_is_stored_and_counts_once(
    database: Settings, pool: asyncpg.Pool, *, comes_first: bool, together: bool
) -> None:
    now_ms = round(time.time() * 1000)
    kept, left_out = (message(1, kept=one, timestamp=now_ms) for one in (True, False))
    deliveries = [kept, left_out] if comes_first else [left_out, kept]
    sink = sink_on(pool)
    for batch in [deliveries] if together else [[each] for each in deliveries]:
        await write(sink, batch)
    await settler_on(pool).settle()

    found = await tables(database)
    assert len(found["messages"]) == 1
    assert [stay["messages"] for stay in found["stays"]] == [1]


async def test_a_room_is_brought_up_to_date_once_a_minute_but_never_late(
    database: Settings, pool: asyncpg.Pool
) -> None:
    sink = sink_on(pool)
    for number, timestamp in enumerate((NOW_MS, NOW_MS + 5_000, NOW_MS - DAY_MS)):
        await write(sink, [message(number, timestamp=timestamp)])
    (room,) = await fetch(database, "SELECT * FROM conversations")
    assert (room["started"], room["last_at"], room["captured"]) == (at(NOW_MS - DAY_MS), at(NOW_MS), None)
    await write(sink_on(pool), [message(9, timestamp=NOW_MS + 9_000)])
    (room,) = await fetch(database, "SELECT * FROM conversations")
    assert room["last_at"] == at(NOW_MS + 9_000)


async def test_people_have_the_name_of_the_latest_event(database: Settings, pool: asyncpg.Pool) -> None:
    named = [(2, "Later"), (0, "First"), (3, "Last"), (1, "Second")]
    for number, name in named:
        await write(sink_on(pool), [message(number, author_id="p", author_name=name)])
    (person,) = await fetch(database, "SELECT * FROM people")
    assert (person["name"], person["named"]) == ("Last", at(NOW_MS + 3))


async def test_a_record_that_no_row_can_hold_does_not_hold_up_its_neighbours(
    database: Settings, pool: asyncpg.Pool
) -> None:
    bad: list[Record] = [
        message(1, content="a\x00b"),
        message(2, id="no id at all"),
        message(3, response_ms=2**40),
        edit_of(message(4), 10**18),
        deletion_of(message(5), NOW_MS, source="nobody"),
    ]
    fine: list[Record] = [message(10), edit_of(message(10), NOW_MS + 50), message(11)]

    refused = await write(sink_on(pool), [*bad[:3], *fine, *bad[3:]])

    assert {id(record) for record, _ in refused} == {id(record) for record in bad}
    assert {why.reason for _, why in refused} <= {Reason.REJECTED_BY_DATABASE, Reason.UNKNOWN_VALUE}
    assert [row["content"] for row in (await tables(database))["messages"]] == [
        f"edited at {NOW_MS + 50}",
        "message 11",
    ]


async def test_a_missing_table_stops_with_what_to_do(pool: asyncpg.Pool) -> None:
    await pool.execute("DROP TABLE sampled_out")
    with pytest.raises(CannotGoOn, match="chatlog migrate up"):
        await write(sink_on(pool), [message()])


# -- what becomes of them


async def test_an_edit_changes_the_row_and_keeps_what_was_said_first(
    database: Settings, pool: asyncpg.Pool
) -> None:
    said = message(1, message_type="reply")
    edits = [edit_of(said, NOW_MS + 200), edit_of(said, NOW_MS + 100)]
    await write(sink_on(pool), [said, *edits, *edits])
    row = await row_of(database, said)
    assert (row["content"], row["edited"]) == (f"edited at {NOW_MS + 200}", at(NOW_MS + 200))
    assert row["message_type"] is None  # as the edit says
    versions = (await tables(database))["message_versions"]
    assert [(each["kind"], each["changed"], each["content"]) for each in versions] == [
        ("edit", at(NOW_MS + 100), f"edited at {NOW_MS + 100}"),
        ("edit", at(NOW_MS + 200), f"edited at {NOW_MS + 200}"),
        ("first", at(said.timestamp), "message 1"),
    ]


@pytest.mark.parametrize("deletion", RULES)
async def test_a_deletion_does_what_the_rule_says(
    database: Settings, pool: asyncpg.Pool, deletion: str
) -> None:
    said = message(1)
    told = deletion_of(said, NOW_MS + 500, deletion=deletion, deleted_by="moderator", reason="spam")
    await write(sink_on(pool), [said, edit_of(said, NOW_MS + 100), told])
    row = await row_of(database, said)
    assert (row["deleted"], row["deletion"]) == (at(NOW_MS + 500), deletion)
    texts = {row["content"]} | {
        each["content"] for each in (await tables(database))["message_versions"] if each["kind"] != "deletion"
    }
    if deletion == "blank":
        assert texts == {""}
        assert row["raw_payload"] is row["metadata"] is None
    else:
        assert texts == {"message 1", f"edited at {NOW_MS + 100}"}


async def test_of_two_texts_with_one_time_the_same_holds_whichever_came_first_and_when_it_was_made_blank(
    database: Settings, pool: asyncpg.Pool
) -> None:
    said = message(1)
    texts: list[Record] = [
        edit_of(said, NOW_MS + 100, content="three", message_type="type"),
        edit_of(said, NOW_MS + 100, content="one"),
    ]
    blank = deletion_of(said, NOW_MS + 200, deletion="blank")
    outcomes = []
    for order in itertools.permutations((said, *texts, blank)):
        await pool.execute(f"TRUNCATE {EVERYTHING}")
        for record in order:
            await write(sink_on(pool), [record])
        outcomes.append(await tables(database))
    assert all(outcome == outcomes[0] for outcome in outcomes)


async def test_a_clear_takes_back_what_was_said_before_it_also_what_comes_late(
    database: Settings, pool: asyncpg.Pool
) -> None:
    sink = sink_on(pool)
    before = [message(number, author_id=author) for number, author in enumerate("abab")]
    long_ago = message(4, author_id="b", timestamp=NOW_MS - 2 * DAY_MS)
    late = message(5, author_id="a", timestamp=NOW_MS - 10)
    after = message(6, author_id="a", timestamp=NOW_MS + 1_001)
    elsewhere = message(7, author_id="a", channel="other", conversation="other", timestamp=NOW_MS)
    # One chunk after the other, in flight side by side.
    await asyncio.gather(
        write(sink, [*before, long_ago, elsewhere]),
        write(sink, [clear(NOW_MS + 1_000, "a", deletion="hide"), clear(NOW_MS + 900), after]),
        write(sink_on(pool), [late]),
    )
    await settler_on(pool).settle()
    rows = {row["id"]: row for row in (await tables(database))["messages"]}
    deleted = {
        each.source_id: rows[uuid.UUID(each.id)]["deleted"]
        for each in (*before, long_ago, late, after, elsewhere)
    }
    assert deleted == {
        **{f"m{number}": at(NOW_MS + 900) for number in range(4)},
        "m4": None,
        "m5": at(NOW_MS + 900),
        "m6": None,
        "m7": None,
    }
    assert rows[uuid.UUID(late.id)]["deletion"] == "hide"


async def test_a_deletion_that_does_not_tell_the_time_of_its_message_finds_it_in_its_conversation(
    database: Settings, pool: asyncpg.Pool
) -> None:
    said = [message(number) for number in range(3)]
    await write(sink_on(pool), said)
    await write(sink_on(pool), [deletion_of(said[1], NOW_MS + 99, id=None)])
    assert (await row_of(database, said[1]))["deleted"] is None
    await settler_on(pool).settle()
    assert (await row_of(database, said[1]))["deleted"] == at(NOW_MS + 99)


async def test_what_waits_in_vain_is_looked_at_once_and_is_there_when_its_message_comes(
    database: Settings, pool: asyncpg.Pool
) -> None:
    said = message(1)
    await write(sink_on(pool), [edit_of(said, NOW_MS + 100, id=None), deletion_of(said, NOW_MS + 200)])
    await settler_on(pool).settle()
    unsettled = "SELECT count(*) AS many FROM message_versions WHERE NOT settled"
    assert (await fetch(database, unsettled))[0]["many"] == 0
    await write(sink_on(pool), [said])
    row = await row_of(database, said)
    assert (row["content"], row["deleted"]) == (f"edited at {NOW_MS + 100}", at(NOW_MS + 200))


async def test_feedback_is_the_latest_of_each_opinion(database: Settings, pool: asyncpg.Pool) -> None:
    said = message(1)
    opinions = [
        feedback(1, said, 1, NOW_MS + 5),
        feedback(1, said, -1, NOW_MS + 9),
        feedback(2, said, 1, NOW_MS),
    ]
    await write(sink_on(pool), opinions[::-1])
    await write(sink_on(pool), opinions)
    rows = await fetch(database, "SELECT value, refers_to FROM message_feedback ORDER BY given")
    assert [row["value"] for row in rows] == [1, -1]
    assert {str(row["refers_to"]) for row in rows} == {source_of(said.id)}


async def test_parents_of_channels_are_kept_and_what_was_only_seen_is_not(
    database: Settings, pool: asyncpg.Pool
) -> None:
    parent = ParentRecord(platform=PLATFORM, channel="thread", parent=CHANNEL, name="news")
    unnamed = ParentRecord(platform=PLATFORM, channel="thread", parent=CHANNEL)
    seen = SeenRecord(platform=PLATFORM, id=message(1).id)
    await write(sink_on(pool), [parent, unnamed, seen])
    assert await fetch(database, "SELECT * FROM channel_parents") == [
        {"platform": PLATFORM, "channel": "thread", "parent": CHANNEL, "name": "news"}
    ]
    assert (await tables(database))["messages"] == []


async def test_a_batch_looks_through_no_table_of_changes(pool: asyncpg.Pool) -> None:
    """However many there are, and whatever the planner thinks of how many a batch may find."""
    await pool.execute(
        "INSERT INTO message_versions (platform, source, kind, changed, content, applied, settled) "
        "SELECT 'twitch', message_source(gen_random_uuid()), 'edit', now(), '', n % 50 <> 0, true "
        "FROM generate_series(1, 20000) AS n"
    )
    await pool.execute(
        "INSERT INTO message_clears (platform, channel, author_id, cleared, deletion, settled) "
        "SELECT 'twitch', $1, 'p' || n, now() - n * interval '1 second', 'hide', true "
        "FROM generate_series(1, 20000) AS n",
        CHANNEL,
    )
    await pool.execute("ANALYZE message_versions, message_clears")
    said = as_json([message_row(message(number)) for number in range(500)])
    plan = await pool.fetch(
        f"EXPLAIN {statements('messages').insert_messages}",
        *(PLATFORM, said, "[]", [], "[]", "[]", timedelta(minutes=30), False),
    )
    scans = [row[0] for row in plan if "Seq Scan on message_" in row[0]]
    assert scans == []


# -- in any order


@st.composite
def histories(draw: st.DrawFn) -> list[Record]:
    """What is told of a few messages: some more than once, in any order, and some of it missing."""
    told: list[Record] = []
    people = ["a", "b", None]
    for number in range(draw(st.integers(1, 3))):
        said = message(
            number,
            timestamp=NOW_MS + draw(st.integers(0, 50)),
            author_id=draw(st.sampled_from(people)),
            author_name=None,
            weight=draw(st.sampled_from([1.0, 2.0])),
            response_ms=draw(st.sampled_from([None, 0, 90, 1000])),
            content=draw(st.sampled_from(["", "text"])),
        )
        if draw(st.booleans()) or draw(st.booleans()):
            told.append(said)
        for _ in range(draw(st.integers(0, 3))):
            edited = draw(st.sampled_from([None, *(NOW_MS + 100 * step for step in range(1, 4))]))
            content = draw(st.sampled_from(["one", "two", "three"]))
            update = edit_of(
                said,
                edited,
                content=content,
                message_type=draw(st.sampled_from([None, "type"])),
                metadata=raw(draw(st.sampled_from([None, {"a": 1}]))),
                message=draw(
                    st.sampled_from(
                        [
                            None,
                            message(
                                number,
                                timestamp=said.timestamp,
                                author_id=said.author_id,
                                author_name=None,
                                content=content,
                                role="bot",
                                metadata=raw({"told at": edited}),
                            ),
                        ]
                    )
                ),
            )
            told.append(update)
        told += [
            deletion_of(
                said,
                NOW_MS + draw(st.sampled_from([150, 250])),
                deletion=draw(st.sampled_from(RULES)),
                deleted_by=draw(st.sampled_from([None, "m"])),
            )
            for _ in range(draw(st.integers(0, 2)))
        ]
    told += [
        clear(
            NOW_MS + draw(st.sampled_from([10, 30, 180])),
            draw(st.sampled_from(people)),
            deletion=draw(st.sampled_from(RULES)),
        )
        for _ in range(draw(st.integers(0, 2)))
    ]
    return told


@st.composite
def ways_to_come(draw: st.DrawFn) -> tuple[list[Record], list[list[Record]]]:
    """A history, and batches of it: in any order, some of it again, each batch of one of two workers."""
    told = draw(histories())
    again = draw(st.lists(st.sampled_from(told), max_size=4)) if told else []
    order = draw(st.permutations([*told, *again]))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
    return told, [order[since:until] for since, until in zip([0, *cuts], [*cuts, len(order)], strict=True)]


def test_the_rows_are_the_same_in_whatever_order_records_come_and_however_often(database: Settings) -> None:
    async def outcome(batches: Sequence[Sequence[Record]], *, side_by_side: bool) -> dict[str, Any]:
        pool = await create_pool(database.database, min_size=0)
        try:
            await pool.execute(f"TRUNCATE {EVERYTHING}")
            sinks = sink_on(pool), sink_on(pool)
            if side_by_side:
                await asyncio.gather(*(write(sinks[n % 2], batch) for n, batch in enumerate(batches)))
            else:
                for number, batch in enumerate(batches):
                    assert await write(sinks[number % 2], batch) == []
            await settler_on(pool).settle()
            found = await tables(database)
            await assert_sums_are_what_rows_are(database, found)
            return found
        finally:
            pool.terminate()

    @settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
    @given(ways_to_come(), st.booleans())
    def holds(way: tuple[list[Record], list[list[Record]]], side_by_side: bool) -> None:
        told, batches = way
        expected = in_own_loop(outcome([[record] for record in told], side_by_side=False))
        assert in_own_loop(outcome(batches, side_by_side=side_by_side)) == expected

    holds()
