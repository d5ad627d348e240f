"""Who may do what with which table, as data: what `roles.up.sql` grants, and what `chatlog check` looks for.

What is not here nobody may, but the owner of the tables. The roles are granted to the users that log in:

    GRANT chatlog_writer TO the_user_of_the_workers_that_capture_and_persist;
    GRANT chatlog_exporter TO the_user_of_the_workers_that_export;
    GRANT chatlog_api TO the_user_of_the_api;
    GRANT chatlog_maintainer TO the_user_of_chatlog_backfill_and_chatlog_people;
    GRANT chatlog_reader TO someone_who_reads;
    GRANT chatlog_assistant TO the_user_of_a_program_that_logs_its_assistants_turns_by_sql;

Nobody reads `credentials.details`, which holds secrets, and nobody who exports or asks for exports deletes a
row (sessions that are over, shares, and rules of channels aside).
"""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Right:
    """An action on a table, on some of its columns, or on a function.

    Attributes:
        action: as GRANT names it.
        thing: the table or view, with its schema if that is not ours; or the function with the types of its
            arguments.
        columns: of the table; none for all of it.
        since: the revision that makes the function.
    """

    action: str
    thing: str
    columns: tuple[str, ...] = ()
    since: str = "0001"

    def __str__(self) -> str:
        """Return it for people."""
        if self.columns:
            return f"{self.action} ({', '.join(self.columns)}) of {self.thing}"
        link = {"INSERT": " into", "EXECUTE": ""}.get(self.action, " from")
        return f"{self.action}{link} {self.thing}"


def _on(table: str, *actions: str) -> tuple[Right, ...]:
    """Return the rights to do something with a whole table."""
    return tuple(Right(action, table) for action in actions)


_PAGES = Right("SELECT", "credentials", ("userid", "entity", "facebook_page_id"))
#: What tells whose message it is, and of which survey.
_LOOKUP = (Right("SELECT", "surveys", ("id", "userid", "shortcode", "created")), _PAGES)
_SURVEYS = (
    Right("SELECT", "users", ("id", "email")),
    # Of a form, its questions are in codebooks.
    Right("SELECT", "surveys", ("id", "userid", "shortcode", "title", "survey_name", "created", "form")),
    _PAGES,
)
#: Each process says of itself that it runs.
_PROCESSES = _on("processes", "INSERT", "SELECT", "UPDATE", "DELETE")
#: What was said is not among it.
_WHICH_MESSAGE = ("userid", "pageid", "timestamp", "direction", "shortcode", "surveyid")
_PROGRESS = (
    *("status", "export_link", "reason", "attempt", "lease_token", "lease_until"),
    *("rows_done", "rows_estimate", "bytes_done", "object_key", "finished", "cells_not_shown"),
)

#: What becomes of a dead letter; what it holds is never altered.
_OF_A_REPLAY = ("replayed_at", "replay", "replay_pending", "replay_problem")
#: What may become another: all but what it is, when and where.
_OF_A_MESSAGE = (
    *("content", "message_type", "role", "author_id", "conversation_id", "reply_to", "response_ms", "weight"),
    *("edited", "deleted", "deletion", "metadata", "raw_payload"),
)
#: What changes of a thread, and what of a message in it.
_OF_A_THREAD = ("title", "metadata", "archived", "changed", "updated", "last_at", "captured")
_OF_A_POST = ("content", "message_type", "metadata", "raw_payload", "edited", "deleted", "deletion")
#: What tells which messages are somebody's; what was said is not among it.
_WHOSE_MESSAGE = (
    "platform",
    "id",
    "timestamp",
    "conversation_id",
    "channel",
    "role",
    "author_id",
    "message_type",
)
#: How far the erasure of a learner is.
_OF_A_DELETION = ("status", "finished", "threads", "messages", "places", "trouble")
_RULES = (Right("SELECT", "chat_logging_config"), Right("SELECT", "chat_logging_config_versions"))

#: What the page of a survey's answers shows.
_OF_AN_ANSWER = (
    *("userid", "pageid", "timestamp", "question_ref", "question_idx", "question_text"),
    *("response", "translated_response", "shortcode", "surveyid"),
)

#: Sums, which name nobody.
_FIGURES = (
    "figure_days",
    "figure_hours",
    "figure_responses",
    "figure_closings",
    "figure_people",
    "figure_weeks",
)

#: What whoever asks for an export gives; the rest of its row has defaults.
_REQUEST = (
    *("user_id", "survey_owner", "survey_id", "status", "export_link"),
    *("source", "options", "published", "asked_as"),
)

_OF_PARTS: dict[str, tuple[Right, ...]] = {
    "chatlog_writer": (
        *_PROCESSES,
        # SELECT because ON CONFLICT reads the key.
        *_on("chat_log", "INSERT", "SELECT"),
        Right("EXECUTE", "chat_log_make_partitions(integer, integer)"),
        # A dead letter is written, listed, marked as replayed, dropped.
        *_on("dead_letters", "INSERT", "SELECT", "DELETE"),
        Right("UPDATE", "dead_letters", _OF_A_REPLAY),
        *_LOOKUP,
        *_on("messages", "INSERT", "SELECT"),
        Right("UPDATE", "messages", _OF_A_MESSAGE),
        Right("EXECUTE", "make_message_partitions(character varying[], integer, integer)", since="0013"),
        *_on("conversations", "INSERT", "SELECT", "UPDATE"),
        *_on("message_days", "INSERT", "SELECT", "UPDATE"),
        *_on("message_day_deltas", "INSERT", "SELECT", "DELETE"),
        *_on("figure_days", "INSERT", "SELECT", "UPDATE"),
        *_on("figure_hours", "INSERT", "SELECT", "UPDATE"),
        *_on("figure_responses", "INSERT", "SELECT", "UPDATE"),
        # That people are to be counted; the owner of the tables does it.
        *_on("figure_closings", "INSERT", "SELECT", "UPDATE"),
        # Figures of the last minutes, of which the old ones go.
        *_on("live_figures", "INSERT", "SELECT", "UPDATE", "DELETE"),
        *_on("message_versions", "INSERT", "SELECT", "UPDATE"),
        # What an update told goes when the message itself has come.
        *_on("told_by_updates", "INSERT", "SELECT", "UPDATE", "DELETE"),
        *_on("message_clears", "INSERT", "SELECT", "UPDATE"),
        *_on("message_feedback", "INSERT", "SELECT", "UPDATE"),
        # Two stays become one, where what was between them comes late.
        *_on("stays", "INSERT", "SELECT", "UPDATE", "DELETE"),
        *_on("stay_deltas", "INSERT", "SELECT", "DELETE"),
        *_on("presences", "INSERT", "SELECT"),
        *_on("sampled_out", "INSERT", "SELECT", "DELETE"),
        *_on("people", "INSERT", "SELECT", "UPDATE"),
        *_on("bot_states", "INSERT", "SELECT", "UPDATE"),
        *_on("bot_state_changes", "INSERT", "SELECT"),
        *_RULES,
        # Who wants nothing recorded is not for a worker to say.
        Right("SELECT", "opt_outs"),
        *_on("channel_parents", "INSERT", "SELECT", "UPDATE"),
        *_on("connector_gaps", "INSERT", "SELECT", "UPDATE"),
        # That a session is there in which nothing was said yet.
        *_on("assistant.chat_sessions", "INSERT", "SELECT", "UPDATE"),
    ),
    "chatlog_exporter": (
        *_PROCESSES,
        Right("SELECT", "chat_log"),
        Right("SELECT", "responses"),
        *_SURVEYS,
        # Whether a survey is still shared with who asked for its export.
        Right("SELECT", "survey_shares"),
        Right("SELECT", "export_status"),
        # Neither whose it is, nor what was asked for, nor whether its job was sent.
        Right("UPDATE", "export_status", _PROGRESS),
        *_on("messages", "SELECT"),
        *_on("conversations", "SELECT"),
        *_on("all_messages", "SELECT"),
        # What a learner's messages said before, in a file of all that is theirs.
        *_on("message_versions", "SELECT"),
        # What authors are called.
        *_on("people", "SELECT"),
        # By which stems words are found.
        *_on("search_languages", "SELECT"),
        # By `chatlog export`, which notes whose messages it reads.
        Right("INSERT", "access_log"),
    ),
    "chatlog_api": (
        *_PROCESSES,
        # What was said is read by those who may, and noted who read it.
        *_on("chat_log", "SELECT"),
        *_on("messages", "SELECT"),
        *_on("all_messages", "SELECT"),
        *_on("conversations", "SELECT"),
        *_on("message_versions", "SELECT"),
        *_on("message_clears", "SELECT"),
        *_on("message_feedback", "SELECT"),
        *_on("people", "SELECT"),
        *_on("stays", "SELECT"),
        *_on("bot_states", "SELECT"),
        *_on("bot_state_changes", "SELECT"),
        *_on("access_log", "SELECT", "INSERT"),
        Right("SELECT", "assistant.chat_sessions"),
        # With which lead a conversation is.
        Right("SELECT", 'crm."Lead"'),
        Right("SELECT", "responses", _OF_AN_ANSWER),
        *_SURVEYS,
        *_on("survey_shares", "SELECT", "INSERT", "DELETE"),
        Right("SELECT", "export_status"),
        Right("INSERT", "export_status", _REQUEST),
        # Not whose it is, nor of what.
        Right("UPDATE", "export_status", (*_PROGRESS, "options", "published", "removed", "cancelled")),
        *_on("ended_sessions", "SELECT", "INSERT", "DELETE"),
        *_on("chat_logging_config", "SELECT", "INSERT", "UPDATE", "DELETE"),
        Right("SELECT", "chat_logging_config_versions"),
        Right("SELECT", "channel_parents"),
        Right("SELECT", "connector_gaps"),
        # By how many were said on which day, a line at random is drawn, too.
        *(
            Right("SELECT", table)
            for table in ("message_days", "message_day_deltas", *_FIGURES, "live_figures")
        ),
        # Put back and dropped by whoever may settle them.
        *_on("dead_letters", "SELECT", "DELETE"),
        Right("UPDATE", "dead_letters", _OF_A_REPLAY),
        # By those who may, for people who ask them; what was recorded before is for `chatlog people`.
        *_on("opt_outs", "SELECT", "INSERT"),
        Right("UPDATE", "opt_outs", ("until",)),
        *_on("search_languages", "SELECT", "INSERT", "UPDATE", "DELETE"),
        # Threads are written here, in one transaction with what is told and counted of them.
        Right("EXECUTE", "make_message_partitions(character varying[], integer, integer)", since="0013"),
        *_on("conversations", "INSERT", "DELETE"),
        Right("UPDATE", "conversations", _OF_A_THREAD),
        Right("INSERT", "messages"),
        Right("UPDATE", "messages", _OF_A_POST),
        *_on("message_versions", "INSERT", "DELETE"),
        Right("UPDATE", "message_versions", ("content", "metadata")),
        Right("DELETE", "message_feedback"),
        Right("INSERT", "message_day_deltas"),
        # Whom it erases, nothing is kept of.
        *_on("person_weeks", "SELECT", "DELETE"),
        *_on("thread_events", "SELECT", "INSERT", "DELETE"),
        Right("UPDATE", "thread_events", ("published", "refused")),
        *_on("idempotency_keys", "SELECT", "INSERT", "DELETE"),
        # That something was deleted is never taken back.
        *_on("chat_deletion_logs", "SELECT", "INSERT"),
        Right("UPDATE", "chat_deletion_logs", _OF_A_DELETION),
        *_on("chat_export_logs", "SELECT", "INSERT"),
    ),
    "chatlog_maintainer": (
        Right("SELECT", "chat_log", _WHICH_MESSAGE),
        Right("UPDATE", "chat_log", ("surveyid",)),
        *_LOOKUP,
        # Takes away what was recorded of somebody before they opted out.
        *_on("people", "SELECT", "INSERT", "DELETE"),
        Right("UPDATE", "people", ("name", "named")),
        *_on("opt_outs", "SELECT", "INSERT"),
        Right("UPDATE", "opt_outs", ("until",)),
        # Writes what audits tell, by the statement of the workers, and takes that away again.
        Right("SELECT", "messages", (*_WHOSE_MESSAGE, "weight", "response_ms")),
        Right("INSERT", "messages"),
        Right("EXECUTE", "make_message_partitions(character varying[], integer, integer)", since="0013"),
        Right("SELECT", "message_versions", ("platform", "source", "id", "changed_by", "applied")),
        Right("SELECT", "told_by_updates"),
        Right("SELECT", "message_feedback", ("platform", "source", "refers_to", "author_id")),
        *_on("conversations", "SELECT", "INSERT", "DELETE"),
        Right(
            "UPDATE", "conversations", ("started", "last_at", "captured", "subject_id", "title", "metadata")
        ),
        *_on("message_day_deltas", "INSERT"),
        *_on("sampled_out", "INSERT", "SELECT"),
        *_on("backfill_runs", "INSERT", "SELECT", "UPDATE"),
        *_on("crm_leads", "INSERT", "SELECT", "UPDATE", "DELETE"),
        *_on("crm_audits", "INSERT", "SELECT", "DELETE"),
        # Who spoke in which weeks, and how many those were, as if what is taken away had not been there.
        *_on("figure_closings", "SELECT", "UPDATE"),
        *_on("figure_weeks", "INSERT", "SELECT", "UPDATE"),
        *_on("stays", "SELECT"),
        *_on("stay_deltas", "SELECT", "INSERT"),
        *_on("presences", "SELECT"),
        *_on("message_clears", "SELECT"),
        *_on("person_weeks", "SELECT"),
        *(
            Right("DELETE", table)
            for table in (
                *("messages", "message_versions", "told_by_updates", "message_feedback", "message_clears"),
                *("stays", "stay_deltas", "presences", "person_weeks"),
            )
        ),
    ),
    # Where a message is not in chat_log, it may be among the dead letters.
    "chatlog_reader": (
        *(
            Right("SELECT", table)
            for table in (
                *(
                    "chat_log",
                    "dead_letters",
                    "messages",
                    "conversations",
                    "message_days",
                    "message_versions",
                ),
                *("message_clears", "message_feedback", "people", "opt_outs", "stays"),
                *("chat_logging_config", "chat_logging_config_versions", "channel_parents"),
                *("connector_gaps", "access_log", "search_languages", "bot_states", "bot_state_changes"),
                *("all_messages", "live.chat_messages", "live.chat_sessions", "live.users"),
                *("assistant.chat_conversations", "assistant.chat_sessions"),
                *('crm."Conversation"', 'crm."Message"', 'crm."Lead"', 'crm."Audit"', "backfill_runs"),
                # In person_weeks, of which some are made, are people.
                *_FIGURES,
                "live_figures",
            )
        ),
        # A command that shows what was said notes that, and names the survey.
        Right("INSERT", "access_log"),
        Right("SELECT", "users", ("id", "email")),
        Right("SELECT", "surveys", ("id", "userid", "survey_name")),
        Right("SELECT", "survey_shares"),
    ),
    # Adds turns, and reads those back; what else was said is not for it.
    "chatlog_assistant": (
        *_on("assistant.chat_conversations", "SELECT", "INSERT"),
        *_on("assistant.chat_sessions", "SELECT", "INSERT", "UPDATE"),
    ),
}


#: To see at which revision the tables are.
OF_EVERYBODY = Right("SELECT", "chatlog_schema_version")
#: By role.
RIGHTS = {role: (*rights, OF_EVERYBODY) for role, rights in _OF_PARTS.items()}


def columns_named(action: str, table: str) -> frozenset[str] | None:
    """Return the columns for which any role has a right; None if one has it on the whole table."""
    all_of_it = [
        right
        for rights in RIGHTS.values()
        for right in rights
        if (right.action, right.thing) == (action, table)
    ]
    if not all(right.columns for right in all_of_it):
        return None
    return frozenset(name for right in all_of_it for name in right.columns)


def as_json() -> str:
    """Return all rights for SQL: an array of objects with role, action, thing, columns, in a fixed order."""
    return json.dumps(
        [
            {"role": role, "action": right.action, "thing": right.thing, "columns": right.columns or None}
            for role, rights in RIGHTS.items()
            for right in rights
        ]
    )
