from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

import migrations
from migrations.rights import RIGHTS
from migrations.schema import OTHERS
from sinks.postgres import survey_lookup
from tests.migrations import theirs
from tests.migrations.connecting import connect_to, go_down, go_up

if TYPE_CHECKING:
    from app.local.embedded import EmbeddedPostgres

    Database = asyncpg.Connection[asyncpg.Record]

ENTRY = "INSERT INTO chat_log (userid, timestamp, direction, content) VALUES ('u', now(), 'user', '')"
DEAD_LETTER = """INSERT INTO dead_letters (topic, partition, "offset", reason) VALUES ('t', 0, 0, 'r')"""
_ID = "gen_random_uuid()"
MESSAGE = (
    "INSERT INTO messages (platform, id, timestamp, conversation_id, channel, role, content) "
    f"VALUES ('twitch', {_ID}, now(), {_ID}, 'c', 'user', '')"
)
PERSON = "INSERT INTO people (platform, person_id, name, named) VALUES ('twitch', 'p', 'P', now())"
OPT_OUT = "INSERT INTO opt_outs (platform, person_id, since) VALUES ('twitch', 'p', now())"
RULE = "INSERT INTO chat_logging_config (platform, channel) VALUES ('twitch', 'c')"
GAP = "INSERT INTO connector_gaps (platform, channel, began, reason) VALUES ('twitch', 'c', now(), 'r')"
ACCESS = (
    "INSERT INTO access_log (who, tenant, roles, action, route, subject) "
    "VALUES ('ann@example.org', 'default', '{owner}', 'read_messages', 'GET /', '{}')"
)
#: Who may read what was said on any platform reads as much of this.
MESSAGES_AND_WHAT_BECAME_OF_THEM = tuple(
    f"SELECT * FROM {table}"
    for table in (
        *("messages", "conversations", "message_days", "message_versions", "message_clears"),
        *(
            "message_feedback",
            "people",
            "opt_outs",
            "stays",
            "chat_logging_config",
            "chat_logging_config_versions",
        ),
        *("channel_parents", "connector_gaps"),
    )
)
EXPORT = (
    "INSERT INTO export_status (user_id, survey_id, status, export_link, source, options, published) "
    "VALUES ('ann@example.org', 'Name', 'Started', 'Not Found', 'chat_log', '{}', NULL)"
)
PAGES = "SELECT facebook_page_id, userid FROM credentials WHERE entity = 'facebook_page'"
#: What `credentials` holds besides is secret.
CLOSED_TO_ALL = (
    "SELECT details FROM credentials",
    "SELECT key FROM credentials",
    "SELECT * FROM credentials",
    "SELECT credentials FROM credentials",
    "SELECT to_jsonb(credentials) FROM credentials",
    "COPY credentials TO STDOUT",
    "UPDATE credentials SET key = ''",
    "DELETE FROM credentials",
    "CREATE TABLE more (of_it int)",
)

WRITER_MAY = (
    ENTRY,
    f"{ENTRY} ON CONFLICT (userid, timestamp, direction) DO NOTHING",
    "SELECT * FROM chat_log",
    DEAD_LETTER,
    f'{DEAD_LETTER} ON CONFLICT (topic, partition, "offset") DO NOTHING',
    "SELECT * FROM dead_letters",
    "UPDATE dead_letters SET replayed_at = now(), replay_pending = false WHERE id = 1",
    "DELETE FROM dead_letters WHERE id = 1",
    "SELECT chat_log_make_partitions(4, 4)",
    "SELECT * FROM chatlog_schema_version",
    "SELECT id, userid, shortcode, created FROM surveys",
    PAGES,
    MESSAGE,
    f"{MESSAGE} ON CONFLICT (id, timestamp, platform) DO NOTHING RETURNING *",
    *MESSAGES_AND_WHAT_BECAME_OF_THEM,
    "UPDATE messages SET content = '', edited = now(), deleted = now(), deletion = 'blank'",
    "UPDATE messages SET metadata = NULL, raw_payload = NULL",
    "SELECT id FROM messages FOR UPDATE",
    "SELECT make_message_partitions('{twitch}', 4, 4)",
    (
        "INSERT INTO conversations (id, platform, channel, external_id, started, last_at) "
        f"VALUES ({_ID}, 'twitch', 'c', 'c', now(), now()) ON CONFLICT (id) DO UPDATE "
        "SET started = excluded.started, last_at = excluded.last_at, captured = conversations.captured + 1"
    ),
    (
        "WITH gone AS (DELETE FROM message_day_deltas RETURNING *) INSERT INTO message_days "
        "SELECT platform, channel, day, role, 1, 1, 0 FROM gone "
        "ON CONFLICT (day, platform, channel, role) DO UPDATE SET messages = excluded.messages"
    ),
    f"INSERT INTO message_versions (platform, source, kind, changed) VALUES ('twitch', {_ID}, 'edit', now())",
    "UPDATE message_versions SET applied = true, content = ''",
    "INSERT INTO message_clears VALUES ('twitch', 'c', '', now())",
    (
        f"INSERT INTO told_by_updates VALUES ({_ID}, now()) "
        "ON CONFLICT (source) DO UPDATE SET told = excluded.told"
    ),
    "DELETE FROM told_by_updates",
    (
        f"INSERT INTO message_feedback VALUES ('twitch', {_ID}, {_ID}, 1, now()) "
        "ON CONFLICT (source) DO UPDATE SET value = excluded.value"
    ),
    "DELETE FROM stay_deltas",
    "INSERT INTO stays VALUES ('twitch', 'c', 'p', now(), now())",
    "DELETE FROM stays",
    f"INSERT INTO presences VALUES ('twitch', {_ID}, 'join', 'c', 'p', now()) ON CONFLICT DO NOTHING",
    f"INSERT INTO sampled_out VALUES ({_ID}, now()) ON CONFLICT DO NOTHING",
    "DELETE FROM sampled_out",
    PERSON + " ON CONFLICT (platform, person_id) DO UPDATE SET name = excluded.name, named = excluded.named",
    (
        "INSERT INTO channel_parents VALUES ('discord', 'thread', 'c') "
        "ON CONFLICT (platform, channel) DO UPDATE SET name = excluded.name"
    ),
    GAP,
    "UPDATE connector_gaps SET ended = now(), filled = now()",
    (
        "INSERT INTO assistant.chat_sessions (id, metadata, told) VALUES ('s', '{}', now()) "
        "ON CONFLICT (id) DO UPDATE SET last_activity = excluded.last_activity"
    ),
)
WRITER_MAY_NOT = (
    "DELETE FROM assistant.chat_sessions",
    "UPDATE messages SET timestamp = now()",
    "UPDATE messages SET id = gen_random_uuid()",
    "DELETE FROM messages",
    "TRUNCATE messages",
    "SELECT * FROM messages_default",
    "ALTER TABLE messages DETACH PARTITION messages_default",
    "DELETE FROM message_versions",
    "DELETE FROM presences",
    "DELETE FROM people",
    OPT_OUT,
    "UPDATE opt_outs SET until = now()",
    RULE,
    "UPDATE chat_logging_config SET is_enabled = true",
    "DELETE FROM chat_logging_config_versions",
    "ALTER FUNCTION make_message_partitions(varchar[], integer, integer) SECURITY INVOKER",
    "SELECT * FROM ended_sessions",
    "UPDATE chat_log SET content = ''",
    "DELETE FROM chat_log",
    "TRUNCATE chat_log",
    "DROP TABLE chat_log",
    "ALTER TABLE chat_log ADD COLUMN more int",
    "CREATE TABLE chat_log_more PARTITION OF chat_log FOR VALUES FROM ('2000-01-01') TO ('2000-02-01')",
    "ALTER TABLE chat_log DETACH PARTITION chat_log_default",
    "SELECT * FROM chat_log_default",
    "UPDATE dead_letters SET value = NULL",
    "TRUNCATE dead_letters",
    "DROP TABLE dead_letters",
    "UPDATE chatlog_schema_version SET version_num = '0'",
    "ALTER FUNCTION chat_log_make_partitions(integer, integer) SECURITY INVOKER",
    "UPDATE chat_log SET surveyid = NULL",
    "SELECT title FROM surveys",
    "SELECT form FROM surveys",
    "INSERT INTO surveys (userid, shortcode) VALUES (gen_random_uuid(), 's')",
    *CLOSED_TO_ALL,
    "SELECT * FROM users",
    "SELECT * FROM responses",
    "SELECT * FROM export_status",
)
EXPORTER_MAY = (
    "SELECT * FROM message_versions",
    "SELECT * FROM messages",
    "SELECT * FROM people",
    ACCESS,
    "SELECT * FROM conversations",
    "SELECT * FROM chat_log",
    "SELECT * FROM responses",
    "SELECT id, email FROM users",
    "SELECT id, userid, shortcode, title, survey_name, created, form FROM surveys",
    PAGES,
    "SELECT * FROM export_status",
    "SELECT id FROM export_status FOR UPDATE SKIP LOCKED",
    (
        "UPDATE export_status SET lease_token = gen_random_uuid(), lease_until = now(), "
        "attempt = attempt + 1, status = 'Querying', rows_done = 0, bytes_done = 0, rows_estimate = 1"
    ),
    (
        "UPDATE export_status SET status = 'Finished', export_link = 'x', object_key = 'x', "
        "finished = now(), cells_not_shown = 1, reason = NULL, lease_token = NULL"
    ),
    "SELECT * FROM chatlog_schema_version",
)
EXPORTER_MAY_NOT = (
    MESSAGE,
    "DELETE FROM messages",
    RULE,
    "SELECT * FROM ended_sessions",
    EXPORT,
    "DELETE FROM export_status",
    "TRUNCATE export_status",
    "UPDATE export_status SET user_id = 'other@example.org'",
    "UPDATE export_status SET survey_id = 'Other'",
    "UPDATE export_status SET source = 'responses'",
    "UPDATE export_status SET options = '{}'",
    "UPDATE export_status SET published = NULL",
    "UPDATE export_status SET removed = now()",
    "UPDATE export_status SET id = gen_random_uuid()",
    "UPDATE export_status SET updated = now()",
    ENTRY,
    "UPDATE chat_log SET content = ''",
    "UPDATE chat_log SET surveyid = NULL",
    "DELETE FROM chat_log",
    "SELECT * FROM dead_letters",
    DEAD_LETTER,
    "SELECT chat_log_make_partitions(4, 4)",
    "SELECT formid FROM surveys",
    "UPDATE surveys SET survey_name = ''",
    "UPDATE responses SET response = ''",
    "UPDATE users SET email = ''",
    *CLOSED_TO_ALL,
)
API_MAY = (
    "UPDATE chat_deletion_logs SET status = 'done', finished = now(), threads = 1, messages = 1",
    "SELECT threads_of_learner('acme', 'l1')",
    RULE,
    OPT_OUT,
    "UPDATE opt_outs SET until = now()",
    "SELECT * FROM dead_letters WHERE replay_pending FOR UPDATE SKIP LOCKED",
    "UPDATE dead_letters SET replayed_at = now(), replay = gen_random_uuid(), replay_pending = true",
    "DELETE FROM dead_letters",
    f"{RULE} ON CONFLICT (platform, channel) DO UPDATE SET is_enabled = true RETURNING *",
    "DELETE FROM chat_logging_config",
    "SELECT * FROM chat_logging_config_versions",
    "SELECT * FROM channel_parents",
    "SELECT * FROM connector_gaps",
    *MESSAGES_AND_WHAT_BECAME_OF_THEM[:7],
    # Of which it has threads alone.
    "UPDATE messages SET content = ''",
    "DELETE FROM conversations",
    "SELECT make_message_partitions('{threads}', 4, 4)",
    (
        "INSERT INTO thread_events (tenant_id, learner_id, event_type, occurred) "
        "VALUES ('default', 'l', 'e', now())"
    ),
    "DELETE FROM thread_events",
    "DELETE FROM idempotency_keys",
    "DELETE FROM person_weeks WHERE platform = 'threads' AND channel = 'default' AND person_id = 'l'",
    "SELECT * FROM stays",
    "SELECT * FROM assistant.chat_sessions",
    "SELECT * FROM chat_log",
    "SELECT * FROM all_messages",
    ACCESS,
    "SELECT * FROM access_log",
    "INSERT INTO ended_sessions (id, ends) VALUES ('s', now()) ON CONFLICT (id) DO NOTHING",
    "SELECT id FROM ended_sessions WHERE id = 's'",
    "DELETE FROM ended_sessions WHERE ends < now()",
    EXPORT,
    f"{EXPORT} RETURNING *",
    "SELECT * FROM export_status",
    "SELECT id FROM export_status WHERE published IS NULL FOR UPDATE SKIP LOCKED",
    "UPDATE export_status SET published = now()",
    (
        "UPDATE export_status SET status = 'Started', published = NULL, lease_token = NULL, "
        "lease_until = NULL, rows_done = 0, bytes_done = 0, cells_not_shown = 0, finished = NULL, "
        "export_link = 'Not Found' RETURNING *"
    ),
    "UPDATE export_status SET status = 'Failed', reason = 'Cancelled by its owner'",
    "UPDATE export_status SET removed = now()",
    "SELECT id, email FROM users",
    "SELECT id, userid, shortcode, title, survey_name, created, form FROM surveys",
    PAGES,
    "SELECT count(*) FROM chat_log WHERE surveyid IS NULL AND shortcode = 's' AND pageid = 'p'",
    "SELECT userid, question_text, response, translated_response FROM responses",
    "SELECT * FROM chatlog_schema_version",
)
API_MAY_NOT = (
    "UPDATE chat_deletion_logs SET learner_id = ''",
    "UPDATE chat_deletion_logs SET requested_by = ''",
    "DELETE FROM chat_deletion_logs",
    "UPDATE chat_export_logs SET reason = ''",
    "DELETE FROM chat_export_logs",
    MESSAGE,
    ENTRY,
    "UPDATE messages SET role = 'bot'",
    "UPDATE conversations SET channel = ''",
    "DELETE FROM messages",
    "UPDATE person_weeks SET week = now()",
    "UPDATE thread_events SET event_type = ''",
    "UPDATE chat_deletion_logs SET requested_by = ''",
    "DELETE FROM chat_deletion_logs",
    "DELETE FROM chat_export_logs",
    "DELETE FROM access_log",
    "UPDATE access_log SET who = ''",
    "TRUNCATE access_log",
    "DELETE FROM chat_logging_config_versions",
    "DELETE FROM people",
    "DELETE FROM opt_outs",
    "UPDATE opt_outs SET since = now()",
    DEAD_LETTER,
    "UPDATE dead_letters SET value = ''",
    GAP,
    "UPDATE ended_sessions SET id = ''",
    "TRUNCATE ended_sessions",
    "DELETE FROM export_status",
    "TRUNCATE export_status",
    "UPDATE export_status SET user_id = 'other@example.org'",
    "UPDATE export_status SET survey_id = 'Other'",
    "UPDATE export_status SET source = 'responses'",
    "UPDATE export_status SET id = gen_random_uuid()",
    "ALTER TABLE export_status DISABLE TRIGGER USER",
    "SELECT * FROM chat_log_default",
    "SELECT metadata FROM responses",
    ENTRY,
    "UPDATE chat_log SET surveyid = NULL",
    "DELETE FROM chat_log",
    "SELECT chat_log_make_partitions(4, 4)",
    "SELECT formid FROM surveys",
    "UPDATE surveys SET survey_name = ''",
    "DELETE FROM surveys",
    "INSERT INTO users (email) VALUES ('new@example.org')",
    "UPDATE users SET email = ''",
    *CLOSED_TO_ALL,
)
MAINTAINER_MAY = (
    f"{OPT_OUT} ON CONFLICT (platform, person_id, since) DO UPDATE SET until = NULL",
    "SELECT * FROM opt_outs",
    "DELETE FROM people WHERE person_id = 'p'",
    "SELECT id FROM messages WHERE platform = 'twitch' AND author_id = 'p' AND timestamp < now()",
    "DELETE FROM messages WHERE platform = 'twitch' AND author_id = 'p' RETURNING id, conversation_id",
    "DELETE FROM message_versions WHERE source = gen_random_uuid()",
    "DELETE FROM message_feedback WHERE author_id = 'p'",
    "DELETE FROM message_clears WHERE author_id = 'p'",
    "DELETE FROM stays WHERE person_id = 'p'",
    "DELETE FROM stay_deltas WHERE person_id = 'p'",
    "DELETE FROM presences WHERE person_id = 'p'",
    "DELETE FROM conversations WHERE subject_id = 'p'",
    "UPDATE conversations SET captured = captured - 1, subject_id = NULL, title = NULL",
    f"{MESSAGE} RETURNING id, weight, response_ms",
    "SELECT make_message_partitions('{crm}', 4, 4)",
    "INSERT INTO message_day_deltas (platform, channel, day, role) VALUES ('crm', 'c', now(), 'user')",
    "UPDATE conversations SET started = now(), last_at = now(), metadata = '{}'",
    "INSERT INTO backfill_runs (who, source, options) VALUES ('w', 's', '{}') RETURNING id",
    "UPDATE backfill_runs SET status = 'failed'",
    "INSERT INTO crm_leads (id, run_id) VALUES ('l', 1) ON CONFLICT (id) DO UPDATE SET run_id = 2",
    "DELETE FROM crm_leads",
    "DELETE FROM crm_audits RETURNING message_id",
    "DELETE FROM person_weeks WHERE platform = 'crm' AND week < now() RETURNING channel",
    "SELECT FROM figure_closings FOR UPDATE",
    "UPDATE figure_weeks SET people = people - 1",
    "SELECT userid, timestamp, direction, shortcode, pageid FROM chat_log WHERE surveyid IS NULL",
    "SELECT count(*) FROM chat_log WHERE surveyid IS NULL",
    "UPDATE chat_log SET surveyid = gen_random_uuid() WHERE userid = 'u' AND surveyid IS NULL",
    "SELECT id, userid, shortcode, created FROM surveys",
    PAGES,
)
MAINTAINER_MAY_NOT = (
    "SELECT content FROM messages",
    "UPDATE messages SET content = ''",
    "SELECT content FROM message_versions",
    "SELECT comment FROM message_feedback",
    "SELECT content FROM all_messages",
    'SELECT content FROM crm."Message"',
    "DELETE FROM message_day_deltas",
    "DELETE FROM backfill_runs",
    "UPDATE crm_audits SET digest = ''",
    "DELETE FROM figure_weeks",
    RULE,
    "SELECT * FROM ended_sessions",
    "SELECT content FROM chat_log",
    "UPDATE chat_log SET content = ''",
    "UPDATE chat_log SET userid = ''",
    "DELETE FROM chat_log",
    ENTRY,
    "SELECT * FROM export_status",
    "SELECT * FROM users",
    *CLOSED_TO_ALL,
)
READER_MAY = (
    *(
        f"SELECT * FROM {view}"
        for view in (
            *("all_messages", "live.chat_messages", "live.chat_sessions", "live.users"),
            *("assistant.chat_conversations", "assistant.chat_sessions"),
            *('crm."Conversation"', 'crm."Message"', 'crm."Lead"', 'crm."Audit"', "backfill_runs"),
            *("figure_days", "figure_hours", "figure_responses", "figure_closings", "figure_people"),
            *("figure_weeks", "live_figures"),
        )
    ),
    *MESSAGES_AND_WHAT_BECAME_OF_THEM,
    "SELECT * FROM chat_log",
    "SELECT * FROM dead_letters",
    "SELECT * FROM chatlog_schema_version",
    "SELECT id, email FROM users",
    "SELECT id, userid, survey_name FROM surveys",
    "SELECT * FROM survey_shares",
)
READER_MAY_NOT = (
    "INSERT INTO assistant.chat_conversations (session_id, user_message, ai_response) VALUES ('s', 'q', 'a')",
    "UPDATE assistant.chat_sessions SET metadata = NULL",
    MESSAGE,
    "UPDATE messages SET content = ''",
    "DELETE FROM messages",
    RULE,
    "DELETE FROM chat_logging_config",
    PERSON,
    OPT_OUT,
    "SELECT make_message_partitions('{twitch}', 4, 4)",
    "SELECT * FROM ended_sessions",
    ENTRY,
    "UPDATE chat_log SET content = ''",
    "DELETE FROM chat_log",
    "TRUNCATE chat_log",
    "DROP TABLE chat_log",
    DEAD_LETTER,
    "UPDATE dead_letters SET replayed_at = now()",
    "DELETE FROM dead_letters",
    "SELECT chat_log_make_partitions(4, 4)",
    "SET ROLE chatlog_writer",
    *CLOSED_TO_ALL,
    "SELECT * FROM surveys",
    "SELECT * FROM responses",
    "SELECT * FROM export_status",
    "SELECT * FROM person_weeks",
    "UPDATE figure_days SET messages = 0",
)
ASSISTANT_MAY = (
    "INSERT INTO assistant.chat_sessions (id, metadata) VALUES ('s', '{}') ON CONFLICT (id) DO NOTHING",
    "UPDATE assistant.chat_sessions SET last_activity = now(), total_messages = total_messages + 1",
    (
        "INSERT INTO assistant.chat_conversations (session_id, user_message, ai_response) "
        "VALUES ('s', 'q', 'a') RETURNING id"
    ),
    "SELECT * FROM assistant.chat_conversations",
    "SELECT * FROM assistant.chat_sessions",
)
ASSISTANT_MAY_NOT = (
    "DELETE FROM assistant.chat_sessions",
    "CREATE TABLE assistant.more (of_it int)",
    "SELECT * FROM messages",
    "SELECT * FROM all_messages",
    "SELECT * FROM live.chat_messages",
    "SELECT * FROM conversations",
    "SELECT * FROM chat_log",
    MESSAGE,
    ENTRY,
    RULE,
    *CLOSED_TO_ALL,
)
MAY = {
    "chatlog_assistant": ASSISTANT_MAY,
    "chatlog_writer": WRITER_MAY,
    "chatlog_exporter": EXPORTER_MAY,
    "chatlog_api": API_MAY,
    "chatlog_maintainer": MAINTAINER_MAY,
    "chatlog_reader": READER_MAY,
}
MAY_NOT = {
    "chatlog_assistant": ASSISTANT_MAY_NOT,
    "chatlog_writer": WRITER_MAY_NOT,
    "chatlog_exporter": EXPORTER_MAY_NOT,
    "chatlog_api": API_MAY_NOT,
    "chatlog_maintainer": MAINTAINER_MAY_NOT,
    "chatlog_reader": READER_MAY_NOT,
}
ROLES = set(MAY)


def test_every_role_is_declared_and_tried() -> None:
    assert set(RIGHTS) == ROLES


async def test_a_role_has_the_rights_that_are_declared_and_no_other(database: Database) -> None:
    granted = {
        (row["role"], row["action"], row["thing"]): frozenset(row["columns"] or ())
        for row in await database.fetch(_GRANTED)
    }
    assert granted == {
        (role, right.action, right.thing): frozenset(right.columns)
        for role, rights in RIGHTS.items()
        for right in rights
    }


#: What is granted to our roles, with the columns of what is granted on some.
_GRANTED = """
    SELECT grantee::regrole::text AS role, privilege_type AS action, pg_class.oid::regclass::text AS thing,
        NULL::text[] AS columns
    FROM pg_class CROSS JOIN aclexplode(relacl)
    WHERE grantee <> 0 AND grantee::regrole::text LIKE 'chatlog\\_%'
    UNION ALL
    SELECT grantee::regrole::text, privilege_type, attrelid::regclass::text, array_agg(attname::text)
    FROM pg_attribute CROSS JOIN aclexplode(attacl)
    WHERE grantee <> 0 AND grantee::regrole::text LIKE 'chatlog\\_%'
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT grantee::regrole::text, privilege_type, replace(pg_proc.oid::regprocedure::text, ',', ', '), NULL
    FROM pg_proc CROSS JOIN aclexplode(proacl)
    WHERE pronamespace = current_schema()::regnamespace
        AND grantee <> 0 AND grantee::regrole::text LIKE 'chatlog\\_%'
"""


def test_the_documentation_names_what_each_role_may_change() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    for role, rights in RIGHTS.items():
        (row,) = re.findall(rf"^\| `{role}` \| .* \| (.*) \|$", text, re.MULTILINE)
        written = set(re.findall(r"`([\w.]+)`", row))
        # Of some it names a column.
        named = {name if "assistant." in name else name.partition(".")[0] for name in written}
        changed = {right.thing for right in rights if right.action not in ("SELECT", "EXECUTE")}
        assert changed <= named <= {right.thing for right in rights}, role


@pytest.mark.parametrize("role", ["chatlog_writer", "chatlog_maintainer"])
def test_whoever_may_not_look_surveys_up_is_told_the_grants_that_are_declared(role: str) -> None:
    of_others = [right for right in RIGHTS[role] if right.thing in OTHERS]
    assert survey_lookup._GRANTS.format(role=role) == "; ".join(
        f"GRANT {right.action} ({', '.join(right.columns)}) ON {right.thing} TO {role}" for right in of_others
    )


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_a_role_can_do_its_work(database: Database, role: str) -> None:
    await database.execute(f"SET ROLE {role}")
    refused = [statement for statement in MAY[role] if await is_refused(database, statement)]
    assert refused == []


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_a_role_can_do_no_more(database: Database, role: str) -> None:
    # On older servers everybody may make tables in the schema public, which is none of our doing.
    await database.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    # As the session's user, for SET ROLE would let a superuser back in.
    await database.execute(f"SET SESSION AUTHORIZATION {role}")
    allowed = [statement for statement in MAY_NOT[role] if not await is_refused(database, statement)]
    assert allowed == []


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_on_tables_of_others_a_role_has_the_same_rights(
    empty: Database, open_connection: migrations.Connect, role: str
) -> None:
    await empty.execute(theirs.TABLES + theirs.REDESIGNED_EXPORT_STATUS)
    await go_up(open_connection)
    await empty.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    await empty.execute(f"SET SESSION AUTHORIZATION {role}")
    refused = [statement for statement in MAY[role] if await is_refused(empty, statement)]
    allowed = [
        statement
        for statement in (*MAY_NOT[role], "SELECT password_hash FROM users", "SELECT settings FROM surveys")
        if not await is_refused(empty, statement)
    ]
    assert (refused, allowed) == ([], [])


async def is_refused(database: Database, statement: str) -> bool:
    """Try a statement, for nothing, and tell whether the right to it is missing."""
    transaction = database.transaction()
    await transaction.start()
    try:
        await database.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    finally:
        await transaction.rollback()
    return False


async def test_rows_in_every_partition_are_open_to_the_roles(database: Database) -> None:
    await database.execute("SET ROLE chatlog_writer")
    await database.execute(ENTRY)
    await database.execute(
        "INSERT INTO chat_log (userid, timestamp, direction, content) VALUES ('u', '1999-01-01', 'user', '')"
    )
    await database.execute("SET ROLE chatlog_reader")
    assert await database.fetchval("SELECT count(*) FROM chat_log") == 2


@pytest.mark.parametrize(
    ("table", "call"),
    [
        ("chat_log", "chat_log_make_partitions(0, 6)"),
        ("messages", "make_message_partitions('{parrot}', 0, 6)"),
    ],
)
async def test_a_caller_cannot_mislead_a_function_that_runs_as_the_owner(
    database: Database, table: str, call: str
) -> None:
    owner = await database.fetchval("SELECT current_user")
    await database.execute("SET ROLE chatlog_writer")
    await database.execute(f"CREATE TEMP TABLE {table} (of_the_caller int)")
    await database.execute("SET search_path = pg_temp, public")
    assert await database.fetch(f"SELECT public.{call}") != []
    await database.execute(f"DROP TABLE pg_temp.{table}; RESET ROLE; SET search_path = public")

    made = await database.fetch(
        "SELECT DISTINCT tableowner FROM pg_partition_tree($1::regclass) "
        "JOIN pg_class ON pg_class.oid = relid JOIN pg_tables ON tablename = relname",
        table,
    )
    assert [tuple(row) for row in made] == [(owner,)]


async def test_rights_that_were_changed_by_hand_are_put_right(
    migrated: migrations.Connect, database: Database
) -> None:
    await database.execute(
        "GRANT ALL ON chat_log TO chatlog_reader; REVOKE ALL ON chat_log FROM chatlog_writer;"
        "GRANT INSERT ON dead_letters TO chatlog_api"
    )
    await migrations.up(migrated, say=lambda _: None)
    for role, table, right, has in (
        ("chatlog_reader", "chat_log", "INSERT", False),
        ("chatlog_reader", "chat_log", "SELECT", True),
        ("chatlog_writer", "chat_log", "INSERT", True),
        ("chatlog_writer", "chat_log", "DELETE", False),
        ("chatlog_api", "dead_letters", "INSERT", False),
    ):
        assert await database.fetchval("SELECT has_table_privilege($1, $2, $3)", role, table, right) is has


class TestOnAServerOfItsOwn:
    """What is the server's and not the database's: the roles themselves."""

    async def test_two_databases_share_the_roles_and_the_last_one_drops_them(
        self, dedicated_postgres: EmbeddedPostgres
    ) -> None:
        url = dedicated_postgres.url
        admin = await asyncpg.connect(url)
        await admin.execute("CREATE DATABASE other")
        one, other = connect_to(url), connect_to(url, database="other")

        await migrations.up(one, say=lambda _: None)
        await migrations.up(other, say=lambda _: None)
        await migrations.down(one, "base", say=lambda _: None)
        assert await _roles(admin) == ROLES

        await migrations.down(other, "base", say=lambda _: None)
        assert await _roles(admin) == set()
        await admin.close()

    async def test_a_role_with_members_is_kept(self, dedicated_postgres: EmbeddedPostgres) -> None:
        open_connection = connect_to(dedicated_postgres.url)
        admin = await asyncpg.connect(dedicated_postgres.url)
        await migrations.up(open_connection, say=lambda _: None)
        await admin.execute("CREATE ROLE worker LOGIN; GRANT chatlog_writer TO worker")

        await migrations.down(open_connection, "base", say=lambda _: None)

        assert await _roles(admin) == {"chatlog_writer"}
        await admin.close()

    async def test_an_owner_who_may_not_make_roles_gets_a_warning_and_a_working_schema(
        self, dedicated_postgres: EmbeddedPostgres
    ) -> None:
        admin = await asyncpg.connect(dedicated_postgres.url)
        await admin.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
        await admin.execute("CREATE DATABASE theirs OWNER plain")
        open_connection = connect_to(dedicated_postgres.url, database="theirs", user="plain")

        said: list[str] = []
        await migrations.up(open_connection, say=said.append)
        warnings = [line for line in said if line.startswith("Warning: ")]
        assert len(warnings) == len(ROLES)
        assert "role chatlog_writer is missing, and plain may not make it" in warnings[0]
        assert '"CREATE ROLE chatlog_writer NOLOGIN", then run chatlog migrate up again' in warnings[0]
        assert (await migrations.status(open_connection)).is_up_to_date

        for role in ROLES:
            await admin.execute(f"CREATE ROLE {role} NOLOGIN")
        said.clear()
        await migrations.up(open_connection, say=said.append)
        assert said == [f"Nothing to do: the schema is at {migrations.known_revisions()[-1]}."]
        theirs = await open_connection()
        assert await theirs.fetchval("SELECT has_table_privilege('chatlog_writer', 'chat_log', 'INSERT')")
        assert await theirs.fetchval("SELECT has_table_privilege('chatlog_reader', 'chat_log', 'SELECT')")
        await theirs.close()

        # It did not make them, so it cannot drop them, and goes on.
        await migrations.down(open_connection, "base", say=said.append)
        assert await _roles(admin) == ROLES
        await admin.close()

    async def test_an_owner_who_may_make_roles_makes_and_drops_them(
        self, dedicated_postgres: EmbeddedPostgres
    ) -> None:
        admin = await asyncpg.connect(dedicated_postgres.url)
        await admin.execute("CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'maker'")
        await admin.execute("CREATE DATABASE theirs OWNER maker")
        open_connection = connect_to(dedicated_postgres.url, database="theirs", user="maker")

        said: list[str] = []
        await migrations.up(open_connection, say=said.append)
        assert await _roles(admin) == ROLES
        await migrations.down(open_connection, "base", say=said.append)
        assert await _roles(admin) == set()
        assert not [line for line in said if line.startswith("Warning")]
        await admin.close()

    async def test_tables_of_others_are_for_their_owner_to_grant_who_is_told_how(
        self, dedicated_postgres: EmbeddedPostgres
    ) -> None:
        admin = await asyncpg.connect(dedicated_postgres.url)
        await admin.execute("CREATE ROLE plain LOGIN CREATEROLE PASSWORD 'plain'")
        await admin.execute("GRANT CREATE ON DATABASE chatlog TO plain")
        await admin.execute("CREATE SCHEMA chatlog AUTHORIZATION plain; CREATE SCHEMA hers")
        await admin.execute("SET search_path = hers")
        await admin.execute(theirs.TABLES)
        url = f"{dedicated_postgres.url}?search_path=chatlog,hers"
        await admin.execute("GRANT USAGE ON SCHEMA hers TO plain")
        open_connection = connect_to(url, user="plain")

        said: list[str] = []
        await migrations.up(open_connection, say=said.append)
        asked = [line.rpartition('run "')[2].removesuffix('"') for line in said if line.startswith("Warning")]
        assert "GRANT USAGE ON SCHEMA hers TO chatlog_exporter" in asked
        assert "GRANT SELECT (id, email) ON users TO chatlog_api" in asked

        for statement in asked:
            await admin.execute(statement)
        said.clear()
        await migrations.up(open_connection, say=said.append)
        assert said == [f"Nothing to do: the schema is at {migrations.known_revisions()[-1]}."]
        await admin.execute("SET search_path = chatlog, hers; SET SESSION AUTHORIZATION chatlog_exporter")
        assert [statement for statement in EXPORTER_MAY if await is_refused(admin, statement)] == []
        await admin.execute("RESET SESSION AUTHORIZATION")

        # The rights of others' tables are theirs to take back; the roles stay as long.
        await go_down(open_connection, "base")
        assert await _roles(admin) == ROLES - {"chatlog_assistant"}
        await admin.close()

    async def test_with_tables_of_others_the_owner_of_all_leaves_no_role_behind(
        self, dedicated_postgres: EmbeddedPostgres
    ) -> None:
        admin = await asyncpg.connect(dedicated_postgres.url)
        await admin.execute("CREATE SCHEMA hers; SET search_path = hers")
        await admin.execute(theirs.TABLES + theirs.REDESIGNED_EXPORT_STATUS)
        open_connection = connect_to(f"{dedicated_postgres.url}?search_path=public,hers")
        await go_up(open_connection)
        assert await _roles(admin) == ROLES
        assert await admin.fetchval("SELECT has_schema_privilege('chatlog_api', 'hers', 'USAGE')")
        await go_down(open_connection, "base")
        assert await _roles(admin) == set()
        await admin.close()


async def _roles(admin: Database) -> set[str]:
    rows = await admin.fetch("SELECT rolname FROM pg_roles WHERE rolname LIKE 'chatlog!_%' ESCAPE '!'")
    return {row[0] for row in rows}
