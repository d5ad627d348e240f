"""Who may do what with which table, as data: what `roles.up.sql` grants, and what `chatlog check` looks for.

Nobody reads `credentials.details`, which holds secrets, and nobody who exports or asks for exports deletes a
row (sessions that are over aside).
"""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Right:
    """An action on a table, or on some of its columns."""

    action: str
    table: str
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it in the words of SQL."""
        if self.columns:
            return f"{self.action} ({', '.join(self.columns)}) of {self.table}"
        return f"{self.action} {'into' if self.action == 'INSERT' else 'from'} {self.table}"


_PAGES = Right("SELECT", "credentials", ("userid", "entity", "facebook_page_id"))
#: What tells whose message it is, and of which survey.
_LOOKUP = (Right("SELECT", "surveys", ("id", "userid", "shortcode", "created")), _PAGES)
_SURVEYS = (
    Right("SELECT", "users", ("id", "email")),
    Right("SELECT", "surveys", ("id", "userid", "shortcode", "title", "survey_name", "created")),
    _PAGES,
)
#: What was said is not among it.
_WHICH_MESSAGE = ("userid", "pageid", "timestamp", "direction", "shortcode", "surveyid")
_PROGRESS = (
    *("status", "export_link", "reason", "attempt", "lease_token", "lease_until"),
    *("rows_done", "rows_estimate", "bytes_done", "object_key", "finished", "cells_not_shown"),
)

RIGHTS: dict[str, tuple[Right, ...]] = {
    "chatlog_writer": (
        Right("INSERT", "chat_log"),
        # Because ON CONFLICT reads the key.
        Right("SELECT", "chat_log"),
        # A dead letter is written, listed, marked as replayed, dropped; what it holds is never altered.
        Right("INSERT", "dead_letters"),
        Right("SELECT", "dead_letters"),
        Right("DELETE", "dead_letters"),
        Right("UPDATE", "dead_letters", ("replayed_at",)),
        *_LOOKUP,
    ),
    "chatlog_exporter": (
        Right("SELECT", "chat_log"),
        Right("SELECT", "responses"),
        *_SURVEYS,
        Right("SELECT", "export_status"),
        # Neither whose it is, nor what was asked for, nor whether its job was sent.
        Right("UPDATE", "export_status", _PROGRESS),
    ),
    "chatlog_api": (
        # For counts; what was said is not for the API to read.
        Right("SELECT", "chat_log", _WHICH_MESSAGE),
        Right(
            "SELECT",
            "responses",
            ("userid", "pageid", "timestamp", "question_ref", "shortcode", "surveyid"),
        ),
        *_SURVEYS,
        Right("SELECT", "export_status"),
        Right("INSERT", "export_status"),
        # Not whose it is, nor of what.
        Right("UPDATE", "export_status", (*_PROGRESS, "options", "published", "removed")),
        Right("SELECT", "ended_sessions"),
        Right("INSERT", "ended_sessions"),
        Right("DELETE", "ended_sessions"),
    ),
    "chatlog_maintainer": (
        Right("SELECT", "chat_log", _WHICH_MESSAGE),
        Right("UPDATE", "chat_log", ("surveyid",)),
        *_LOOKUP,
    ),
    # Where a message is not in chat_log, it may be among the dead letters.
    "chatlog_reader": (Right("SELECT", "chat_log"), Right("SELECT", "dead_letters")),
}


def as_json() -> str:
    """Return all rights for `roles.up.sql`: an array of objects with role, action, relation, names."""
    return json.dumps(
        [
            {
                "role": role,
                "action": right.action,
                "relation": right.table,
                "names": right.columns or None,
            }
            for role, rights in RIGHTS.items()
            for right in rights
        ]
    )
