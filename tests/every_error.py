"""One error of every class in the tree, as it could be raised."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.exports.file import Doomed
from agents.exports.run import Failure
from app.access import KeysUnavailable, ProviderUnavailable, ShownElsewhere, SignInNeeded
from app.access.errors import IssuerUnavailable
from app.access.rate_limits import LimitStanding, TooManyRequests
from app.channels.service import NoSuchRule
from app.commands.export_file import FileExists
from app.conversations.service import NobodyKnown, NoSuchConversation, NoSuchMessage
from app.dead_letters.service import NoSuchDeadLetter, NoSuchReplay
from app.exports.files import FileGone, StorageUnusable
from app.exports.rows import ExportRow
from app.exports.service import NoSuchExport
from app.maintenance.run import NotByPooler
from app.people.opt_outs import NotOptedOut
from app.privacy.rows import NoSuchRequest, PrivacyIsOff
from app.reading.patience import TookTooLong
from app.search.languages import NoSuchPlace
from app.search.lines import NoLine, SayWhose
from app.surveys.service import NoSuchSurvey
from app.threads.rows import Changed, KeyUsed, NoSuchLearner, NoSuchPost, NoSuchThread, ThreadIsFull
from app.turns.sessions import NoSuchSession
from models.errors import BadRecord, ChatlogError, Reason
from models.exports import NO_LINK, ExportOptions, Source, Status
from sinks.postgres.audit_rollback import NotAllGone
from sinks.postgres.audit_runs import NoSuchRun, RunEnded
from tests.our_classes import our_classes

if TYPE_CHECKING:
    from collections.abc import Callable

#: Where errors of ours are.
PACKAGES = ("app", "agents", "sinks", "models", "migrations")
_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_ROW = ExportRow(
    id=uuid.uuid4(),
    user_id="ana@example.org",
    survey_owner=None,
    survey_id="Baseline",
    status=Status.FINISHED,
    source=Source.CHAT_LOG,
    options=ExportOptions(),
    export_link=NO_LINK,
    reason=None,
    rows_done=1,
    rows_estimate=1,
    bytes_done=1,
    cells_not_shown=0,
    object_key=None,
    created=_NOW,
    updated=_NOW,
    finished=_NOW,
    removed=_NOW,
    cancelled=None,
    asked_as=None,
)
#: Those that are made of more than their message, or less.
_MADE: dict[type[ChatlogError], Callable[[], ChatlogError]] = {
    BadRecord: lambda: BadRecord(Reason.NOT_JSON, "it ends in the middle"),
    Doomed: lambda: Doomed(Failure.DATABASE, "PostgreSQL refuses"),
    FileExists: lambda: FileExists(Path("survey.csv")),
    FileGone: lambda: FileGone("The file was removed by its owner: export again.", _ROW),
    IssuerUnavailable: lambda: IssuerUnavailable("it hangs", retry_after_s=7),
    KeysUnavailable: lambda: KeysUnavailable(retry_after_s=7),
    Changed: Changed,
    KeyUsed: KeyUsed,
    NoSuchLearner: NoSuchLearner,
    NoSuchPost: NoSuchPost,
    NoSuchThread: NoSuchThread,
    NoSuchRequest: NoSuchRequest,
    PrivacyIsOff: PrivacyIsOff,
    ThreadIsFull: lambda: ThreadIsFull(1000),
    NoSuchDeadLetter: NoSuchDeadLetter,
    NoSuchReplay: NoSuchReplay,
    NobodyKnown: NobodyKnown,
    NoSuchConversation: NoSuchConversation,
    NoSuchExport: NoSuchExport,
    NoLine: NoLine,
    NoSuchPlace: NoSuchPlace,
    NotByPooler: NotByPooler,
    SayWhose: SayWhose,
    TookTooLong: lambda: TookTooLong("search", 8.0, "name a platform"),
    NoSuchMessage: NoSuchMessage,
    NoSuchRule: NoSuchRule,
    NoSuchRun: lambda: NoSuchRun(7),
    NotAllGone: lambda: NotAllGone(7, 0, 1),
    RunEnded: lambda: RunEnded(7),
    NoSuchSession: NoSuchSession,
    NoSuchSurvey: NoSuchSurvey,
    NotOptedOut: NotOptedOut,
    ProviderUnavailable: lambda: ProviderUnavailable("it hangs", retry_after_s=7),
    ShownElsewhere: lambda: ShownElsewhere("/conversations"),
    SignInNeeded: lambda: SignInNeeded("/surveys"),
    StorageUnusable: StorageUnusable,
    TooManyRequests: lambda: TooManyRequests("caller", LimitStanding(7, 0, 7.5), 0.5),
}


def every_error() -> list[ChatlogError]:
    """Return them, by name; of those classes that say who must act."""
    kinds: set[type[Any]] = {kind for kind in our_classes(*PACKAGES) if issubclass(kind, ChatlogError)}
    raised = sorted((kind for kind in kinds if hasattr(kind, "must_act")), key=lambda kind: kind.__name__)
    return [_MADE[kind]() if kind in _MADE else kind("what happened, and what to do") for kind in raised]
