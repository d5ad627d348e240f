"""Every statement of the product is SQL that the schema knows, and its part has the rights for it."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.sinks.sql_files import every_statement

if TYPE_CHECKING:
    Database = asyncpg.Connection[asyncpg.Record]

#: Which statements each part runs, by its role; `chatlog up` is the owner of its tables.
PARTS = {
    "chatlog_writer": [
        *("chat_log.*", "messages.*", "settling.*", "live.*", "bot_states.insert_*", "bot_states.bring_*"),
        *("partitions.*", "dead_letters.*", "surveys.read_*", "channel_rules.*", "connect.*", "processes.*"),
    ],
    "chatlog_exporter": [
        *(f"exports.{what}_export" for what in ("look_at", "claim", "extend", "finish", "fail", "release")),
        "export_data.*",
        "reading.find_unsent",
        "reading.find_surveyids",
        *(f"search.{what}" for what in ("find_languages", "find_edges", "look_at_words", "find_stems")),
        "search.find_conversation",
        "processes.*",
        "surveys.find_shares",
    ],
    "chatlog_api": [
        "exports.*",
        "reading.*",
        "bot_states.find_*",
        "surveys.find_*",
        "surveys.count_*",
        "surveys.*share_survey",
        "channels.*",
        "figures.*",
        "dead_letters.[!i]*",
        "people.find_opt_outs",
        "people.opt_out",
        "people.end_opt_outs",
        "outbox.*",
        "turns.*",
        "threads.*",
        "thread_events.*",
        "privacy.*",
        "sessions.*",
        "conversations.*",
        "processes.*",
        "partitions.look_at_partitions",
        "search.*",
    ],
    "chatlog_maintainer": [
        *("backfill.*", "surveys.read_*", "people.*", "audits.*"),
        *("messages.insert_messages", "messages.plan_for_one_platform"),
    ],
    "chatlog_reader": [
        *("conversations.*", "reading.*", "search.search_each_by_its_plan", "search.look_at_words"),
        *("search.find_*", "search.has_many"),
    ],
    "none": ["local.*", "counting.*", "maintain.*"],
}
#: `chatlog check` is run by anybody.
EVERYBODYS = "doctor.*"
STATEMENTS = every_statement("sinks.sql")


def of_part(role: str) -> list[str]:
    return [
        name for name in STATEMENTS if any(fnmatch(name, pattern) for pattern in (*PARTS[role], EVERYBODYS))
    ]


def test_every_statement_is_some_parts() -> None:
    assert {name for role in PARTS for name in of_part(role)} == set(STATEMENTS)


@pytest.mark.parametrize("role", sorted(PARTS))
async def test_a_part_can_run_each_of_its_statements(database: Database, role: str) -> None:
    await database.execute(f"SET ROLE {role}")
    refused = {}
    for name in of_part(role):
        try:
            for command in STATEMENTS[name].split(";\n"):
                await prepare(database, command)
        except asyncpg.PostgresError as error:
            refused[name] = error
    assert refused == {}


async def prepare(database: Database, command: str) -> None:
    """Have PostgreSQL prepare a command, and plan it, as only then it looks at the rights."""
    prepared = await database.prepare(command)
    if "SET LOCAL" not in command:
        await database.fetch(f"EXPLAIN {command}", *[None] * len(prepared.get_parameters()))
