"""Compares the indexes of the tables that are ours with those that the migrations make (`migrations.schema`).

By what they are, not by name: one of another name, or with more columns where that serves as well, will do.
The indexes of others' tables (`users`, `surveys` and the like in production) are their matter.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.doctor.findings import Finding, Level
from migrations.schema import OTHERS
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import asyncpg

    from migrations.schema import Index, Schema

_INDEXES = statements("doctor").find_indexes

#: How to make an index of chat_log without having its writers wait.
_PROCEDURE = 'docs/operations.md tells, "Indexes of a large chat_log"'
_IF_NOBODY = "unless it is being made:"

#: What is so if an index is not there. Those that keep rows apart may do without a sentence of their own.
WITHOUT = {
    "chat_log_pkey": "a message that is delivered again becomes a second row, or stops the worker",
    "chat_log_conversation_idx": "replaying a conversation reads every row from the table",
    "chat_log_shortcode_idx": "reading by shortcode reads all of the table",
    "chat_log_metadata_idx": "searching in metadata reads all of the table",
    "chat_log_survey_idx": "an export reads all of the table and sorts it",
    "chat_log_no_survey_idx": "exports and chatlog backfill read all of the table",
    "chat_log_unsent_idx": "every export reads all of the table, to find what was unsent",
    "chat_log_timestamp_idx": "finding a message by its id reads all of its month",
    "dead_letters_topic_partition_offset_key": (
        "a record that is delivered again becomes a second dead letter, or stops the worker"
    ),
    "dead_letters_reason_idx": "listing dead letters by reason reads all of them",
    "dead_letters_created_idx": "listing dead letters by time reads all of them",
    "dead_letters_key_idx": "listing the dead letters of one person reads all of them",
    "dead_letters_pending_idx": "putting dead letters back looks through all of them",
    "dead_letters_replay_idx": "what became of a replay is looked for in all dead letters",
    "export_status_id_idx": "one id may stand for two exports",
    "export_status_survey_id_idx": "the page of a survey reads all exports there ever were",
    "export_status_owner_idx": "the pages of an owner read all exports there ever were",
    "export_status_outbox_idx": "looking for jobs to send reads all exports there ever were, every second",
    "survey_shares_address_idx": "the list of surveys reads all that were ever shared",
    "users_owner_idx": "looking an owner up reads all of them",
    "credentials_userid_idx": "looking an owner's pages up reads those of all owners",
    "surveys_survey_name_idx": "looking a survey up reads all of them",
    "conversations_newest_idx": "the list of conversations reads all there ever were",
    "conversations_channel_idx": "the list of a channel's conversations reads all there ever were",
    "conversations_tenant_idx": "the list of a tenant's conversations reads all there ever were",
    "conversations_subject_idx": "looking a person's conversations up reads all there ever were",
    "conversations_threads_idx": "the list of a tenant's threads reads all that there ever were",
    "conversations_learners_idx": "the list of a learner's threads reads all of their tenant's",
    "thread_events_waiting_idx": "looking for events to send reads all of a week, ten times a second",
    "thread_events_conversation_idx": "following a thread reads the events of all threads",
    "thread_events_occurred_idx": "forgetting events of a week ago reads all events",
    "idempotency_keys_made_idx": "forgetting keys of a day ago reads all of them",
    "idx_deletion_tenant_learner": "the list of a learner's deletions reads all that there ever were",
    "idx_export_tenant_learner": "the list of what was handed out of a learner reads all that there ever was",
    "chat_deletion_logs_open_idx": "looking for deletions to do reads all that there ever were",
    "chat_deletion_logs_requests_idx": "the list of a tenant's erasures reads those of all tenants",
    "chat_export_logs_requests_idx": "the list of what a tenant was handed out reads that of all tenants",
    "idempotency_keys_result_idx": "deleting a thread reads the keys of all requests of a day",
    "message_versions_threads_idx": "erasing a learner reads what all messages ever said",
    "crm_leads_run_idx": "taking a backfill back reads all leads",
    "crm_audits_run_idx": "taking a backfill back reads all audits",
    "messages_pkey": "a message that is delivered again becomes a second row, or stops the worker",
    "messages_conversation_idx": "reading a conversation reads all messages of its platform",
    "messages_author_idx": "reading or erasing what somebody said reads all messages",
    "messages_timestamp_idx": "reading a day reads all messages of its month",
    "message_versions_pending_idx": "every batch of messages looks through all edits there ever were",
    "message_versions_unsettled_idx": "what is to be looked at again is looked for in all edits ever made",
    "message_clears_cleared_idx": "messages that come late are compared with all that was ever cleared",
    "message_clears_unsettled_idx": "what is to be looked at again is looked for in all that was cleared",
    "presences_person_idx": "working out somebody's stays reads when anybody ever came and went",
    "message_feedback_refers_to_idx": "what people think of a message is looked for in all feedback",
    "connector_gaps_open_idx": "a connector may note one channel twice, and a gap that never ends",
    "connector_gaps_began_idx": "the list of what connectors missed reads all there ever was",
    "access_log_at_idx": "the list of who read what reads all that was ever noted",
    "access_log_who_idx": "what one caller read is looked for in all that was ever noted",
    "access_log_subject_idx": "who read somebody's messages is looked for in all that was ever noted",
    "bot_states_state_idx": "the list of people by the state of their bot reads those of all",
    "figure_days_survey_idx": "the figures of a survey are looked for in those of all",
    "figure_closings_open_idx": "days whose people are to be counted are looked for in all there ever were",
    "processes_seen_idx": "the list of processes reads all there ever were",
    "responses_survey_idx": "an export of responses reads all of them and sorts them",
}
#: In place of these, one of more columns serves as well, as long as it is of all rows.
ANY_THAT_BEGINS_SO = ("export_status_survey_id_idx",)
#: Nobody reads by these any more.
NOT_NEEDED = ("export_status_user_id_idx",)


async def check_indexes(
    connection: asyncpg.Connection[asyncpg.Record], expected: Schema, columns: Mapping[str, set[str]]
) -> list[Finding]:
    """Say which indexes are missing, INVALID or other than needed.

    Args:
        connection: to the database.
        expected: the schema at the revision that the database is at.
        columns: of each table, those that are there; those that are not took their indexes with them.

    Raises:
        asyncpg.PostgresError: the user may not look.
    """
    found = await connection.fetch(_INDEXES, expected.tables, OTHERS)
    needed = [index for index in expected.indexes if index.name not in NOT_NEEDED]
    findings: list[Finding] = []
    for index in needed:
        rows = [row for row in found if row["table"] == index.table]
        gone = {column.name for column in expected.columns_of(index.table)} - columns[index.table]
        if rows and gone.isdisjoint(re.findall(r"\w+", index.definition)):
            findings += _compare(index, rows)
    findings += [_left_over(row["name"]) for row in found if row["is_left_over"] and not _serves(row, needed)]
    which = f"the indexes of revision {expected.revision}"
    return findings or [Finding("schema", Level.OK, f"the tables have {which}, and all are valid")]


def _serves(row: asyncpg.Record, needed: Sequence[Index]) -> bool:
    """Tell whether an index is what one of ours should be, valid or not."""
    return any(index.table == row["relation"] and _is_met_by(index, row) for index in needed)


def _is_met_by(needed: Index, found: asyncpg.Record) -> bool:
    """Tell whether an index serves in place of one that is needed."""
    if (needed.is_unique and not found["is_unique"]) or (needed.is_primary and not found["is_primary"]):
        return False
    if needed.name in ANY_THAT_BEGINS_SO:
        begins_so = found["definition"].startswith((needed.definition, f"{needed.definition[:-1]},"))
        return begins_so and " WHERE " not in found["definition"]
    return bool(found["definition"] == needed.definition)


def _without(needed: Index) -> str:
    return WITHOUT.get(needed.name, "nothing keeps a row from being there twice")


def _compare(needed: Index, rows: Sequence[asyncpg.Record]) -> Iterator[Finding]:
    serving = [row for row in rows if row["is_whole"] and row["name"] and _is_met_by(needed, row)]
    if any(row["is_valid"] for row in serving):
        return
    if serving:
        yield _incomplete(needed, serving[0]["name"], rows)
        return
    make = f"{needed} (if it is large, as {_PROCEDURE})" if needed.table == "chat_log" else f"{needed}"
    if other := next((row for row in rows if row["is_whole"] and _is_in_place_of(needed, row)), None):
        name = other["name"]
        what = f"{name} is another index than needed, {other['definition']}: {_without(needed)}"
        drop = f"ALTER TABLE {needed.table} DROP CONSTRAINT" if other["is_constraint"] else "DROP INDEX"
        yield Finding("schema", Level.WRONG, what, f"{drop} {name}; {make}")
    else:
        yield Finding("schema", Level.WRONG, f"{needed.name} is missing: {_without(needed)}", make)


def _is_in_place_of(needed: Index, found: asyncpg.Record) -> bool:
    """Tell whether an index that does not serve has the name, or is the one primary key that there can be."""
    return bool(found["name"] == needed.name or (needed.is_primary and found["is_primary"]))


def _incomplete(needed: Index, name: str, rows: Sequence[asyncpg.Record]) -> Finding:
    """Say of an index that is there, and of no use yet, what is in its way."""
    what, mend = f"{name} is INVALID", f"{_IF_NOBODY} DROP INDEX {name}; {needed}"
    parts = {row["relation"]: row["name"] for row in rows if row["part_of"] == name and row["is_valid"]}
    partitions = {row["relation"] for row in rows if row["is_part"]}
    if lacking := sorted(partitions - set(parts)):
        which = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
        what = f"{name} is INVALID, for want of a valid one of {which}"
        mend = f"make and attach it as {_PROCEDURE}"
    elif partitions:
        # To attach one again is nothing but to look whether the whole is valid now.
        mend = f"ALTER INDEX {name} ATTACH PARTITION {min(parts.values())}"
    return Finding("schema", Level.WRONG, f"{what}: {_without(needed)}", mend)


def _left_over(name: str) -> Finding:
    what = f"{name} is INVALID: making it failed, or is not done; it slows writing, and serves nobody"
    return Finding("schema", Level.NOTE, what, f"{_IF_NOBODY} DROP INDEX {name}, and make it again")
