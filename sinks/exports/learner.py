"""All that is kept of a learner's threads, as a statement for COPY: each thread, each message, each version.

Whoever asked has to be somebody who may have it (`models.access.may`): what they were when they asked is
asked once more when the file is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.access import Action, may, thread_thing
from models.owners import owner_address
from sinks.exports.columns import LEARNER
from sinks.exports.lines import Query, Statement
from sinks.exports.query import query_for
from sinks.exports.scope import NotShared
from sinks.sql import statements

if TYPE_CHECKING:
    from models.exports import AskedAs, ExportOptions

_ROWS = statements("export_data").export_learner_rows
_COUNT = "SELECT count(*) FROM ({rows}) AS entry"


def learner_query(asked_by: str, asked_as: AskedAs, options: ExportOptions) -> Query:
    """Return what to COPY.

    Args:
        asked_by: the address of whoever asked.
        asked_as: what they were.
        options: of which learner of their tenant.

    Raises:
        NotShared: they may not have it.
    """
    return query_for(LEARNER, _ROWS, _arguments(asked_by, asked_as, options), options)


def learner_count(asked_by: str, asked_as: AskedAs, options: ExportOptions) -> Statement:
    """Return the statement that counts the rows of the file.

    Raises:
        NotShared: whoever asked may not have it.
    """
    return Statement(_COUNT.format(rows=_ROWS), _arguments(asked_by, asked_as, options))


def _arguments(asked_by: str, asked_as: AskedAs, options: ExportOptions) -> tuple[str, str]:
    caller, learner = asked_as.caller(owner_address(asked_by)), options.learner
    if learner is None or not may(caller, Action.EXPORT_LEARNER, thread_thing(caller.tenant, learner)):
        raise NotShared("This learner is not among those of whom you may have a file.")
    return caller.tenant, learner
