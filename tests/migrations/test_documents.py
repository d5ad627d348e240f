"""The SQL that two documents show people runs as it stands, by whom it is for, and gives what is there."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from migrations.rights import OF_EVERYBODY, RIGHTS
from migrations.schema import OTHERS, SNAPSHOT
from models.ids import conversation_key, message_id
from tests.migrations.documents import sql_called_in, sql_shown_in

if TYPE_CHECKING:
    import uuid

    Database = asyncpg.Connection[asyncpg.Record]

HYBRID, WEBSITE = "hybrid_chat_logging.md", "chat_conversation_logging.md"
_VERBS = ("SELECT", "INSERT", "UPDATE")
#: Set-up of tables that are here already; and drawings of tables, and settings, in blocks of SQL.
_NO_USAGE = ("CREATE TABLE", "CREATE INDEX", "chat_messages\n├", "chat_logging_config\n├", "chat_sessions\n├")
_A_SETTING = "chat_logging."
SESSION = "session_1f0c_1767225600000"


def now() -> datetime:
    """Return the time, as messages have it."""
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


async def say(
    database: Database,
    said: str,
    when: datetime,
    *,
    platform: str = "twitch",
    channel: str = "my_channel",
    author: str | None = "1",
    deletion: str | None = None,
) -> str:
    """Write a message as persist does, and return its id."""
    identifier = message_id(platform, said, int(when.timestamp() * 1000))
    await database.execute(
        "INSERT INTO messages (platform, id, timestamp, conversation_id, channel, role, author_id, content, "
        "deletion) VALUES ($1, $2, $3, $4, $5, 'user', $6, $7, $8)",
        *(platform, identifier, when, conversation_key(platform, channel, channel), channel, author, said),
        deletion,
    )
    return identifier


async def name(database: Database, platform: str, person: str, called: str | None) -> None:
    await database.execute(
        "INSERT INTO people (platform, person_id, name) VALUES ($1, $2, $3)", platform, person, called
    )


async def become(database: Database, role: str, search_path: str) -> None:
    await database.execute(f"SET ROLE {role}; SET search_path = {search_path}")


def the(statements: list[str], *words: str) -> str:
    """Return the one statement that has all these words."""
    (found,) = [text for text in statements if all(word in text for word in words)]
    return found


def test_whatever_is_no_usage_is_set_up_a_drawing_or_a_setting() -> None:
    shown = [*sql_shown_in(HYBRID), *sql_shown_in(WEBSITE), *sql_called_in(WEBSITE)]
    left_out = [text for text in shown if not text.startswith(_VERBS)]
    assert [text for text in left_out if not text.startswith((*_NO_USAGE, _A_SETTING))] == []
    assert len(shown) - len(left_out) == 10 + 5


async def test_what_our_own_documentation_shows_runs_too(database: Database) -> None:
    await become(database, "chatlog_reader", "public")
    docs = Path(__file__).parents[2] / "docs"
    for statement in (*sql_shown_in(docs / "figures.md"), *sql_shown_in(docs / "data.md")):
        if statement.startswith("SET search_path = assistant"):
            await database.execute("SET ROLE chatlog_assistant")
        await database.execute(statement)
    (row,) = await database.fetch("SELECT user_message, mood FROM chat_conversations")
    assert tuple(row) == ("How are you?", "happy")


def test_every_table_and_view_is_in_the_documentation_of_the_data() -> None:
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    named = set(re.findall(r"`([^`]+)`", "".join(re.findall(r"^\| (`.+?) \|", page, re.MULTILINE))))
    tables = {column["table"] for column in json.loads(SNAPSHOT.read_text())["columns"]}
    assert tables <= named
    # Of views, none is there that nobody may read.
    granted = {right.thing for rights in RIGHTS.values() for right in rights if right.action == "SELECT"}
    assert granted <= named


def test_what_readers_may_not_read_is_listed_apart() -> None:
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    (listed,) = re.findall(r"^### What parts keep.*?(?=^Others own)", page, re.MULTILINE | re.DOTALL)
    apart = set(re.findall(r"`([^`]+)`", "".join(re.findall(r"^\| (`.+?) \|", listed, re.MULTILINE))))
    tables = {column["table"] for column in json.loads(SNAPSHOT.read_text())["columns"]}
    readable = {right.thing for right in RIGHTS["chatlog_reader"] if right.action == "SELECT"}
    assert apart - {OF_EVERYBODY.thing} == tables - readable - set(OTHERS)


async def test_what_is_shown_to_erase_a_person_of_messenger_leaves_nothing_of_them(
    database: Database,
) -> None:
    of_them = "EXISTS (SELECT FROM {} WHERE to_jsonb({}) @> jsonb_build_object('{}', 'ID'))"
    there = (
        ("chat_log", "userid"),
        ("conversations", "subject_id"),
        ("person_weeks", "person_id"),
        ("bot_states", "userid"),
        ("bot_state_changes", "userid"),
    )
    looked_for = "SELECT " + ", ".join(of_them.format(table, table, column) for table, column in there)
    await database.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content) VALUES ('ID', now(), 'user', '');"
        "INSERT INTO person_weeks VALUES ('messenger', 'ID', '2026-11-23', '', NULL);"
        "INSERT INTO bot_states (userid, since, updated, answers, retries) VALUES ('ID', now(), now(), 0, 0);"
        "INSERT INTO bot_state_changes (userid, updated, answers, retries) VALUES ('ID', now(), 0, 0)"
    )
    before = await database.fetchrow(looked_for)
    shown = sql_shown_in(Path(__file__).parents[2] / "docs" / "operations.md")
    for statement in (one for one in shown if one.startswith("DELETE FROM")):
        await database.execute(statement)
    after = await database.fetchrow(looked_for)
    assert before is not None
    assert after is not None
    assert (set(before), set(after)) == ({True}, {False})


class TestHybridChatLogging:
    """Of a bot that listens to several platforms: rules of channels, and what was said there."""

    async def test_the_views_have_the_columns_that_are_drawn(self, database: Database) -> None:
        for drawing in (text for text in sql_shown_in(HYBRID) if "├" in text):
            table = drawing.partition("\n")[0]
            drawn = re.findall(r"^[├└]── (\w+)", drawing.replace("PRIMARY KEY", ""), re.MULTILINE)
            there = await database.fetch(
                "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0",
                table if table == "chat_logging_config" else f"live.{table}",
            )
            assert [row[0] for row in there][: len(drawn)] == drawn

    async def test_every_statement_runs(self, database: Database) -> None:
        for statement in sql_shown_in(HYBRID):
            if statement.startswith(_VERBS):
                role = "chatlog_reader" if statement.startswith("SELECT") else "chatlog_api"
                await become(database, role, "live, public")
                await database.execute(statement)

    async def test_what_is_configured_is_a_rule_with_its_versions(self, database: Database) -> None:
        await become(database, "chatlog_api", "live, public")
        statements = sql_shown_in(HYBRID)
        await database.execute(the(statements, "INSERT", "large_streamer"))
        await database.execute(the(statements, "INSERT", "my_channel"))
        await database.execute(
            "UPDATE chat_logging_config SET is_enabled = false WHERE channel = 'my_channel'"
        )
        await database.execute(the(statements, "INSERT", "my_channel"))
        await database.execute(
            "INSERT INTO chat_logging_config (platform, channel) VALUES ('twitch', 'popular_streamer')"
        )
        await database.execute(the(statements, "UPDATE", "popular_streamer"))

        rules = await database.fetch(
            "SELECT channel, is_enabled, retention_days, sampling_rate FROM chat_logging_config ORDER BY 1"
        )
        assert [tuple(rule) for rule in rules] == [
            ("large_streamer", True, 7, 0.1),
            ("my_channel", True, 30, 1.0),
            ("popular_streamer", True, 7, 0.1),
        ]
        assert await database.fetchval("SELECT count(*) FROM chat_logging_config_versions") == 6

    async def test_recent_messages_are_those_of_the_channel_newest_first(self, database: Database) -> None:
        first = await say(database, "hello", now() - timedelta(minutes=50))
        second = await say(database, "world", now() - timedelta(minutes=40), author=None)
        await say(database, "long ago", now() - timedelta(minutes=70))
        await say(database, "elsewhere", now(), channel="attic")
        await say(database, "on another platform", now(), platform="discord")
        await say(database, "taken back", now(), deletion="hide")
        await become(database, "chatlog_reader", "live, public")

        rows = await database.fetch(the(sql_shown_in(HYBRID), "1 hour"))

        assert [str(row["message_id"]) for row in rows] == [second, first]
        assert [row["message_text"] for row in rows] == ["world", "hello"]
        assert [row["user_id"] for row in rows] == [None, "twitch:1"]

    async def test_activity_is_each_persons_own_though_two_platforms_have_one_id(
        self, database: Database
    ) -> None:
        for text in ("ab", "abcd"):
            await say(database, text, now())
        await say(database, "abc", now(), platform="discord")
        await say(database, "a", now() - timedelta(days=31), author="2")
        await say(database, "abcdef", now(), author="2")
        await name(database, "twitch", "1", "Ann")
        await name(database, "discord", "1", "Ben")
        await name(database, "twitch", "2", None)
        await become(database, "chatlog_reader", "live, public")

        rows = await database.fetch(the(sql_shown_in(HYBRID), "global_username"))

        assert {(row[0], row[1], int(row[2])) for row in rows} == {("Ann", 2, 3), ("Ben", 1, 3), ("2", 1, 6)}
        assert rows[0][0] == "Ann"

    async def test_a_month_is_read_from_its_partitions_alone(self, database: Database) -> None:
        june = datetime(2024, 6, 15, tzinfo=UTC)
        await say(database, "in june", june)
        await say(database, "hello now", now())
        months = (now().year - 2024) * 12 + now().month - 6
        await database.execute("SELECT make_message_partitions('{twitch}', $1, 0)", months)
        await become(database, "chatlog_reader", "live, public")

        statement = the(sql_shown_in(HYBRID), "2024-06-01")
        assert [row["message_text"] for row in await database.fetch(statement)] == ["in june"]
        plan = "\n".join(row[0] for row in await database.fetch(f"EXPLAIN {statement}"))
        assert "messages_twitch_2024_06" in plan
        assert "messages_twitch_2024_07" not in plan
        found = await database.fetch(the(sql_shown_in(HYBRID), "%hello%"))
        assert [row["message_text"] for row in found] == ["hello now"]

    @pytest.mark.parametrize(("silent_for", "has_left"), [(29, False), (31, True)])
    async def test_where_nobody_tells_that_people_leave_they_have_after_half_an_hour(
        self, database: Database, silent_for: int, has_left: bool
    ) -> None:
        last_at = now() - timedelta(minutes=silent_for)
        await database.execute(
            "INSERT INTO stays (platform, channel, person_id, joined, last_at, messages) "
            "VALUES ('twitch', 'c', '1', $1, $2, 3)",
            last_at - timedelta(minutes=2),
            last_at,
        )
        await become(database, "chatlog_reader", "live, public")
        (row,) = await database.fetch("SELECT left_at, session_duration_seconds FROM chat_sessions")
        assert tuple(row) == ((last_at, 120) if has_left else (None, None))

    async def test_a_session_tells_how_long_and_how_much(self, database: Database) -> None:
        joined = now() - timedelta(minutes=10)
        await database.execute(
            "INSERT INTO stays (platform, channel, person_id, joined, last_at, left_at, messages, told) "
            "VALUES ('vrchat', 'w', 'usr_1', $1, $2, $2, 3, true), "
            "('vrchat', 'w', 'usr_2', $1, $1, NULL, 0, true)",
            joined,
            joined + timedelta(seconds=90.9),
        )
        await become(database, "chatlog_reader", "live, public")
        rows = await database.fetch("SELECT * FROM chat_sessions ORDER BY user_id")
        again = await database.fetch("SELECT session_id FROM chat_sessions ORDER BY user_id")
        assert [tuple(row)[3:] for row in rows] == [
            ("vrchat:usr_1", joined, joined + timedelta(seconds=90.9), 90, 3),
            ("vrchat:usr_2", joined, None, None, 0),
        ]
        assert [row["session_id"] for row in rows] == [row["session_id"] for row in again]
        assert len({row["session_id"] for row in rows}) == 2


class TestChatConversationLogging:
    """Of a website with an assistant: what its server actions run."""

    @pytest.fixture(autouse=True)
    async def _as_the_website(self, database: Database) -> None:
        await become(database, "chatlog_assistant", "assistant, public")

    async def log(self, database: Database, question: str, answer: str, **given: object) -> uuid.UUID:
        """Do what `logChatMessage` does."""
        made: uuid.UUID = await database.fetchval(
            the(sql_called_in(WEBSITE), "INSERT INTO chat_conversations"),
            given.get("session", SESSION),
            question,
            answer,
            *(given.get(name) for name in ("mood", "user_ip", "user_agent", "response_time_ms", "metadata")),
        )
        await database.execute(the(sql_called_in(WEBSITE), "UPDATE chat_sessions"), SESSION)
        return made

    async def history(self, database: Database, limit: int = 50) -> list[asyncpg.Record]:
        return await database.fetch(the(sql_called_in(WEBSITE), "ORDER BY timestamp ASC"), SESSION, limit)

    async def stats(self, database: Database) -> asyncpg.Record:
        (row,) = await database.fetch(the(sql_called_in(WEBSITE), "conversation_count"), SESSION)
        return row

    async def test_a_session_is_begun_once(self, database: Database) -> None:
        begin = the(sql_called_in(WEBSITE), "ON CONFLICT (id) DO NOTHING")
        assert await database.execute(begin, SESSION, '{"from": "home"}') == "INSERT 0 1"
        assert await database.execute(begin, SESSION, '{"from": "elsewhere"}') == "INSERT 0 0"
        row = await self.stats(database)
        assert (row["total_messages"], row["conversation_count"], row["avg_response_time"]) == (0, 0, None)
        assert await database.fetchval("SELECT metadata ->> 'from' FROM chat_sessions") == "home"

    async def test_turns_come_back_as_they_were_logged(self, database: Database) -> None:
        before = now()
        first = await self.log(
            database,
            "How are you?",
            "Fine. 🙂",
            mood="happy",
            user_ip="192.0.2.1",
            user_agent="Browser",
            response_time_ms=1200,
            metadata='{"page": "home"}',
        )
        second = await self.log(database, "And now?", "Fine.", response_time_ms=800, metadata="null")

        rows = await self.history(database)
        assert [row["id"] for row in rows] == [first, second]
        assert tuple(rows[0])[1:5] == (SESSION, "How are you?", "Fine. 🙂", "happy")
        assert before <= rows[0]["timestamp"] <= rows[1]["timestamp"] <= now()
        assert json.loads(rows[0]["metadata"]) == {"page": "home"}
        assert (rows[1]["mood"], rows[1]["metadata"]) == (None, None)
        assert [row["id"] for row in await self.history(database, 1)] == [first]
        (from_where,) = await database.fetch(
            "SELECT user_ip, user_agent, response_time_ms FROM chat_conversations WHERE id = $1", first
        )
        assert tuple(from_where) == ("192.0.2.1", "Browser", 1200)

    async def test_the_sums_count_each_turn_once(self, database: Database) -> None:
        await self.log(database, "One?", "1", response_time_ms=1000)
        await self.log(database, "Two?", "2", response_time_ms=2000)
        await self.log(database, "Elsewhere?", "3", session="another")
        row = await self.stats(database)
        assert (row["total_messages"], row["conversation_count"], row["avg_response_time"]) == (2, 2, 1500)
        assert row["started_at"] < row["last_activity"]

    @pytest.mark.parametrize("metadata", [None, "{}", "[1, 2]", '"text"', "5"])
    async def test_metadata_of_any_kind_is_taken(self, database: Database, metadata: str | None) -> None:
        await self.log(database, "One?", "1", metadata=metadata, mood="sad")
        (row,) = await self.history(database)
        assert row["mood"] == "sad"
        kept = None if metadata in (None, "{}") else {"metadata": json.loads(str(metadata))}
        assert (row["metadata"] and json.loads(row["metadata"])) == kept

    async def test_a_turn_lies_in_messages_as_one_that_was_captured(self, database: Database) -> None:
        made = await self.log(database, "One?", "1", response_time_ms=1500, mood="sad")
        await database.execute("RESET ROLE; SET search_path = public")
        question, answer = await database.fetch(
            "SELECT *, tableoid::regclass::text AS partition, message_time(id) = timestamp AS is_its_time, "
            "message_id_at(message_source(id), timestamp) = id AS is_its_id FROM messages ORDER BY timestamp"
        )
        assert answer["id"] == made
        assert answer["reply_to"] == question["id"]
        assert answer["timestamp"] - question["timestamp"] == timedelta(milliseconds=1500)
        assert (question["role"], answer["role"]) == ("user", "assistant")
        for row in (question, answer):
            assert row["is_its_time"]
            assert row["is_its_id"]
            assert row["partition"] == f"messages_assistant_{row['timestamp']:%Y_%m}"
            assert str(row["conversation_id"]) == conversation_key("assistant", SESSION, SESSION)
        (conversation,) = await database.fetch("SELECT * FROM conversations")
        assert (conversation["kind"], conversation["captured"]) == ("session", 2)
        assert (conversation["started"], conversation["last_at"]) == (
            question["timestamp"],
            answer["timestamp"],
        )
        counted = await database.fetch(
            "SELECT role, messages, response_ms, responses FROM message_day_deltas ORDER BY role"
        )
        assert [tuple(row) for row in counted] == [("assistant", 1, 1500, 1), ("user", 1, None, 0)]

    async def test_what_was_captured_is_seen_beside_it_with_siblings_and_without_an_answer(
        self, database: Database
    ) -> None:
        await database.execute("RESET ROLE; SET search_path = public")
        key = conversation_key("assistant", SESSION, SESSION)
        begun = now()
        await database.execute(
            "INSERT INTO conversations (id, platform, channel, external_id, kind, started, last_at) "
            "VALUES ($1, 'assistant', $2, $2, 'session', $3, $3)",
            *(key, SESSION, begun),
        )
        ids = {
            said: message_id("assistant", said, int((begun + timedelta(minutes=minute)).timestamp() * 1000))
            for minute, said in enumerate(("asked", "answered", "answered again", "nobody answers"))
        }
        for said, role, reply_to in (
            ("asked", "user", None),
            ("answered", "assistant", ids["asked"]),
            ("answered again", "assistant", ids["asked"]),
            ("nobody answers", "user", ids["answered again"]),
        ):
            await database.execute(
                "INSERT INTO messages "
                "(platform, id, timestamp, conversation_id, channel, role, content, reply_to) "
                "VALUES ('assistant', $1, message_time($1), $2, $3, $4, $5, $6)",
                *(ids[said], key, SESSION, role, said, reply_to),
            )
        await become(database, "chatlog_assistant", "assistant, public")

        rows = [(str(row[0]), *tuple(row)[2:4]) for row in await self.history(database)]
        assert rows == [
            (ids["answered"], "asked", "answered"),
            (ids["answered again"], "asked", "answered again"),
            (ids["nobody answers"], "nobody answers", ""),
        ]
        (session,) = await database.fetch("SELECT * FROM chat_sessions")
        assert (session["id"], session["total_messages"]) == (SESSION, 2)
        assert session["last_activity"] - session["started_at"] == timedelta(minutes=3)

    async def test_an_id_that_is_given_is_refused(self, database: Database) -> None:
        with pytest.raises(asyncpg.GeneratedAlwaysError):
            await database.execute(
                "INSERT INTO chat_conversations (id, session_id, user_message, ai_response) "
                "VALUES (gen_random_uuid(), 's', 'q', 'a')"
            )

    async def test_messages_that_move_to_their_month_are_not_counted_again(self, database: Database) -> None:
        await database.execute("RESET ROLE")
        late = datetime(2020, 5, 5, tzinfo=UTC)
        await database.execute(
            "INSERT INTO assistant.chat_conversations (session_id, user_message, ai_response, timestamp) "
            "VALUES ('s', 'q', 'a', $1)",
            late,
        )
        await database.execute("SELECT public.make_message_partitions('{assistant}', 120, 0)")
        found = await database.fetchval("SELECT count(*) FROM public.messages_assistant_2020_05")
        assert (found, await database.fetchval("SELECT total_messages FROM assistant.chat_sessions")) == (
            2,
            1,
        )
        # And in a partition that was made later, all are.
        await database.execute(
            "INSERT INTO assistant.chat_conversations (session_id, user_message, ai_response, timestamp) "
            "VALUES ('s', 'q', 'a', $1)",
            late,
        )
        assert await database.fetchval("SELECT total_messages FROM assistant.chat_sessions") == 2

    async def test_with_its_conversation_a_session_goes(self, database: Database) -> None:
        await self.log(database, "One?", "1")
        await become(database, "chatlog_maintainer", "public")
        await database.execute("DELETE FROM conversations")
        await become(database, "chatlog_reader", "assistant")
        assert await database.fetch("SELECT FROM chat_sessions") == []

    async def test_a_caller_cannot_mislead_what_runs_as_the_owner(self, database: Database) -> None:
        await database.execute("CREATE TEMP TABLE messages (of_the_caller int)")
        await database.execute("CREATE TEMP TABLE conversations (of_the_caller int)")
        await database.execute("SET search_path = pg_temp, assistant")
        await self.log(database, "One?", "1")
        assert await database.fetchval("SELECT count(*) FROM chat_conversations") == 1
