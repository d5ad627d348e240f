"""Compares the indexes of the tables that are ours with what this version needs of them.

By what they are, not by name: one of another name, or with more columns where that serves as well, will do.
The tables of others (`users`, `surveys` and the like in production) are their matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.doctor.findings import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import asyncpg

#: How to make an index of chat_log without having its writers wait.
_PROCEDURE = 'docs/operations.md tells, "Indexes of a large chat_log"'
_IF_NOBODY = "unless it is being made:"


@dataclass(frozen=True, slots=True)
class Needed:
    """An index that a table should have.

    Attributes:
        table: which one; a partitioned table needs it in every partition.
        name: what our migrations call it.
        definition: method, columns and condition, in PostgreSQL's own words (`pg_get_indexdef`).
        since: the migration that makes it.
        without: what is so if it is not there.
        unique: whether two rows may not have the same.
        any_that_begins_so: whether one of more columns serves as well, as long as it is of all rows.
    """

    table: str
    name: str
    definition: str
    since: str
    without: str
    unique: bool = False
    any_that_begins_so: bool = False

    @property
    def names(self) -> set[str]:
        """What it names: its columns, among others."""
        return set(re.findall(r"\w+", self.definition))

    def is_met_by(self, definition: str, *, unique: bool) -> bool:
        """Tell whether an index serves."""
        if self.unique and not unique:
            return False
        if self.any_that_begins_so:
            begins_so = definition.startswith((self.definition, f"{self.definition[:-1]},"))
            return begins_so and " WHERE " not in definition
        return definition == self.definition

    def __str__(self) -> str:
        """Return the statement that makes it."""
        kind = "UNIQUE INDEX" if self.unique else "INDEX"
        return f"CREATE {kind} {self.name} ON {self.table} USING {self.definition}"


NEEDED = (
    Needed(
        "chat_log",
        "chat_log_conversation_idx",
        'btree (userid, "timestamp") INCLUDE (content, question_ref) WHERE ((octet_length((content)::text)'
        " + COALESCE(octet_length((question_ref)::text), 0)) <= 2000)",
        "0001",
        "replaying a conversation reads every row from the table",
    ),
    Needed(
        "chat_log",
        "chat_log_shortcode_idx",
        'btree (shortcode, userid, "timestamp")',
        "0001",
        "reading by shortcode reads all of the table",
    ),
    Needed(
        "chat_log",
        "chat_log_metadata_idx",
        "gin (metadata)",
        "0001",
        "searching in metadata reads all of the table",
    ),
    Needed(
        "chat_log",
        "chat_log_survey_idx",
        'btree (surveyid, userid, "timestamp", direction) WHERE (surveyid IS NOT NULL)',
        "0007",
        "an export reads all of the table and sorts it",
    ),
    Needed(
        "chat_log",
        "chat_log_no_survey_idx",
        'btree (shortcode, userid, "timestamp", direction) WHERE (surveyid IS NULL)',
        "0007",
        "exports and chatlog backfill read all of the table",
    ),
    Needed(
        "chat_log",
        "chat_log_unsent_idx",
        "btree (userid) WHERE ((message_type)::text = 'unsent'::text)",
        "0010",
        "every export reads all of the table, to find what was unsent",
    ),
    Needed(
        "dead_letters",
        "dead_letters_topic_partition_offset_key",
        'btree (topic, partition, "offset")',
        "0002",
        "a record that is delivered again becomes a second dead letter, or stops the worker",
        unique=True,
    ),
    Needed(
        "dead_letters",
        "dead_letters_reason_idx",
        "btree (reason, created)",
        "0002",
        "listing dead letters by reason reads all of them",
    ),
    Needed(
        "dead_letters",
        "dead_letters_created_idx",
        "btree (created)",
        "0002",
        "listing dead letters by time reads all of them",
    ),
    Needed(
        "export_status",
        "export_status_id_idx",
        "btree (id)",
        "0005",
        "one id may stand for two exports",
        unique=True,
    ),
    Needed(
        "export_status",
        "export_status_survey_id_idx",
        "btree (survey_id)",
        "0005",
        "the page of a survey reads all exports there ever were",
        any_that_begins_so=True,
    ),
    Needed(
        "export_status",
        "export_status_owner_idx",
        "btree (owner_address((user_id)::text))",
        "0011",
        "the pages of an owner read all exports there ever were",
    ),
    Needed(
        "export_status",
        "export_status_outbox_idx",
        "btree (created) WHERE (published IS NULL)",
        "0006",
        "looking for jobs to send reads all exports there ever were, every second",
    ),
    Needed(
        "surveys",
        "surveys_survey_name_idx",
        "btree (userid, survey_name)",
        "0003",
        "looking a survey up reads all of them",
    ),
    Needed(
        "responses",
        "responses_survey_idx",
        'btree (surveyid, userid, "timestamp", question_ref)',
        "0003",
        "an export of responses reads all of them and sorts them",
    ),
)

_MAY_SEE_REVISION = "SELECT has_table_privilege(to_regclass('chatlog_schema_version'), 'SELECT')"
_REVISION = "SELECT version_num FROM chatlog_schema_version"

# Of chat_log and its partitions, and of what is ours, or was made by us where others had none.
_INDEXES = """
WITH ours AS (
    SELECT name AS whole, to_regclass(name) AS relation
    FROM unnest(ARRAY['chat_log', 'dead_letters', 'export_status']) AS name
    UNION ALL
    SELECT name, to_regclass(name)
    FROM unnest(ARRAY['surveys', 'responses']) AS name
    WHERE obj_description(to_regclass(name), 'pg_class') LIKE 'Made by chatlog:%'
    UNION ALL
    SELECT 'chat_log', inhrelid::regclass
    FROM pg_inherits
    WHERE inhparent = to_regclass('chat_log')
)
SELECT whole, relation::text, relation = to_regclass(whole) AS is_whole,
    indexrelid::regclass::text AS name, indisunique AS is_unique, indisvalid AS is_valid,
    relkind = 'i' AND NOT relispartition AND NOT indisvalid AS is_left_over,
    (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = indexrelid) AS part_of,
    regexp_replace(
        substring(pg_get_indexdef(indexrelid) FROM ' USING (.*)$'), ' WITH \\([^)]*\\)', ''
    ) AS definition
FROM ours
LEFT JOIN pg_index ON indrelid = relation
LEFT JOIN pg_class ON pg_class.oid = indexrelid
WHERE relation IS NOT NULL
ORDER BY relation::text, name
"""


async def check_indexes(
    connection: asyncpg.Connection[asyncpg.Record], missing_columns: Mapping[str, Collection[str]]
) -> list[Finding]:
    """Say which indexes are missing, INVALID or other than needed, as far as the schema has come.

    Args:
        connection: to the database.
        missing_columns: by table; told as such already, and their indexes went with them.

    Raises:
        asyncpg.PostgresError: the user may not look.
    """
    found = await connection.fetch(_INDEXES)
    revision = await connection.fetchval(_REVISION) if await connection.fetchval(_MAY_SEE_REVISION) else None
    findings: list[Finding] = []
    for needed in NEEDED:
        rows = [row for row in found if row["whole"] == needed.table]
        is_made = revision is None or needed.since <= revision
        if rows and is_made and not needed.names.intersection(missing_columns.get(needed.table, ())):
            findings += _compare(needed, rows)
    findings += [_left_over(row["name"]) for row in found if row["is_left_over"] and not _serves(row)]
    made_later = {needed.since for needed in NEEDED if revision is not None and needed.since > revision}
    which = f"the indexes of revision {revision}" if made_later else "their indexes"
    return findings or [Finding("schema", Level.OK, f"the tables have {which}, and all are valid")]


def _serves(row: asyncpg.Record) -> bool:
    """Tell whether an index is what one of ours should be, valid or not."""
    return any(
        needed.table == row["relation"] and needed.is_met_by(row["definition"], unique=row["is_unique"])
        for needed in NEEDED
    )


def _compare(needed: Needed, rows: Sequence[asyncpg.Record]) -> Iterator[Finding]:
    serving = [
        row
        for row in rows
        if row["is_whole"] and row["name"] and needed.is_met_by(row["definition"], unique=row["is_unique"])
    ]
    if any(row["is_valid"] for row in serving):
        return
    if serving:
        yield _incomplete(needed, serving[0]["name"], rows)
        return
    make = f"{needed} (if it is large, as {_PROCEDURE})" if needed.table == "chat_log" else f"{needed}"
    if other := next((row for row in rows if row["is_whole"] and row["name"] == needed.name), None):
        what = f"{needed.name} is another index than needed, {other['definition']}: {needed.without}"
        yield Finding("schema", Level.WRONG, what, f"DROP INDEX {needed.name}; {make}")
    else:
        yield Finding("schema", Level.WRONG, f"{needed.name} is missing: {needed.without}", make)


def _incomplete(needed: Needed, name: str, rows: Sequence[asyncpg.Record]) -> Finding:
    """Say of an index that is there, and of no use yet, what is in its way."""
    what, mend = f"{name} is INVALID", f"{_IF_NOBODY} DROP INDEX {name}; {needed}"
    parts = {row["relation"]: row["name"] for row in rows if row["part_of"] == name and row["is_valid"]}
    partitions = {row["relation"] for row in rows if not row["is_whole"]}
    if lacking := sorted(partitions - set(parts)):
        which = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
        what = f"{name} is INVALID, for want of a valid one of {which}"
        mend = f"make and attach it as {_PROCEDURE}"
    elif partitions:
        # To attach one again is nothing but to look whether the whole is valid now.
        mend = f"ALTER INDEX {name} ATTACH PARTITION {min(parts.values())}"
    return Finding("schema", Level.WRONG, f"{what}: {needed.without}", mend)


def _left_over(name: str) -> Finding:
    what = f"{name} is INVALID: making it failed, or is not done; it slows writing, and serves nobody"
    return Finding("schema", Level.NOTE, what, f"{_IF_NOBODY} DROP INDEX {name}, and make it again")
