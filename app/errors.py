"""The one tree of errors: who must act on each, and how a process answers for it.

What was foreseen is a `ChatlogError`; anything else is a bug. Its class says who must act; here is said, once
for each of these, with what status HTTP answers, with what status a command exits, and what is told. A class
of the app that is answered otherwise is an `AppError`, and says how.

    ChatlogError                    who must act                        HTTP   exit
    ├── BadRecord                   nobody: it is a dead letter          500   1
    ├── SinkError
    │   ├── ServiceDown             the service: wait, and try again     503   1
    │   └── CannotGoOn              whoever runs the system              503   1
    ├── KafkaUnavailable            the service                          503   1
    ├── TopicsUnfit                 whoever runs the system              503   1
    ├── DatabaseUnavailable         the service                          503   1
    │   └── DatabaseRefuses         whoever runs the system              503   1
    ├── UnusableAnswer              the service: a server of others      503   1
    ├── ConnectionEnded             the service: a platform              503   1
    ├── NotForUs                    whoever runs the system              503   1
    ├── MigrationError              whoever runs the system              503   1
    ├── UpFailed, EmbeddedError     whoever runs the system              503   1
    ├── ReplayStopped               the service                          503   1
    ├── ExportImpossible, Doomed    who asks                             422   1
    ├── FileExists, CannotShare     who asks                             422   1
    ├── CannotSet, NoSuchPerson     who asks                             422   1
    ├── CannotSearch, CannotSpeak   who asks                             422   1
    ├── SayWhose, TookTooLong       who asks                             422   1
    ├── NothingNamed, NotOtlp       who asks                             422   1
    ├── NotHttp                     who asks                             400   1
    ├── UnfitColumns, NoSuchRun     who asks                             422   1
    ├── RunEnded                    who asks                             422   1
    ├── SourceUnreadable            whoever runs the system              503   1
    ├── NotAllGone                  whoever runs the system              503   1
    ├── LeaseLost, ErasedElsewhere  nobody: another worker has the job   503   1
    ├── StreamEnded                 us                                   500   1, with a traceback
    └── AppError
        ├── ConfigurationError      whoever runs the system              503   2
        ├── AuthError               who asks (`app.access.errors`)       303, 400, 401, 403
        │   └── IssuerUnavailable   the service                          503   1
        ├── NotFound                who asks                             404   1
        ├── NotNow                  who asks                             409   1
        ├── Changed                 who asks                             412   1
        ├── KeyUsed, UnusablePost   who asks                             422   1
        ├── FileGone                who asks                             410   1
        ├── TooManyRequests         who asks                             429   1
        ├── WatchesTooMuch          who asks                             429   1
        ├── TooManyWatch            the service                          503   1
        └── StorageUnusable         whoever runs the system              503   1

Commands exit with 0 when all is done and well; with `EXIT_FAILED` when something has to be mended first, for
a bug (with its traceback), and when `chatlog check` and its like find something wrong; with `EXIT_SETTINGS`
when a setting or the command line cannot be used; a worker with `EXIT_CUT_OFF` when its stop took too long.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from models.errors import ChatlogError, MustAct

if TYPE_CHECKING:
    from collections.abc import Mapping

EXIT_FAILED = 1
EXIT_SETTINGS = 2
EXIT_CUT_OFF = 3
#: When a client may ask again whom a service lets down, in seconds.
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class Words:
    """What a page says of an error.

    Attributes:
        title: what is wrong, in a few words.
        explanation: the same in a sentence.
        advice: what to do.
    """

    title: str
    explanation: str
    advice: str


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """How a process answers for an error.

    Attributes:
        status: by HTTP.
        exit_status: of a command that ends with it; its message is shown, in one line.
        says: what is said by HTTP in place of the message, which is for the log: it may tell of our insides.
        words: what a page says in place of the message, where that is for programs; else the words that
            `app.web.problems` has for the status, with the message.
        retry_after_s: when to ask again by HTTP, in seconds; None if that does not help.
        headers: what else an answer by HTTP has to say.
    """

    status: HTTPStatus
    exit_status: int = EXIT_FAILED
    says: str | None = None
    words: Words | None = None
    retry_after_s: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


ANSWERS = {
    # Records come by Kafka. What a client sends is checked before: what is refused after that is a bug.
    MustAct.RECORD: ErrorAnswer(HTTPStatus.INTERNAL_SERVER_ERROR),
    MustAct.SERVICE: ErrorAnswer(
        HTTPStatus.SERVICE_UNAVAILABLE,
        says="A service that this needs is away: try again in a moment.",
        retry_after_s=RETRY_AFTER_S,
    ),
    MustAct.CALLER: ErrorAnswer(HTTPStatus.UNPROCESSABLE_ENTITY),
    # Such as a right that is missing: whoever runs the system mends it, and the request can come again.
    MustAct.OPERATOR: ErrorAnswer(
        HTTPStatus.SERVICE_UNAVAILABLE,
        says="A service that this needs refuses: whoever runs this system finds why in its log.",
        retry_after_s=RETRY_AFTER_S,
    ),
    MustAct.US: ErrorAnswer(HTTPStatus.INTERNAL_SERVER_ERROR),
}


class AppError(ChatlogError):
    """An error that is answered in a way of its own.

    Attributes:
        answer: how; every class that is raised has it, of its own or inherited.
    """

    answer: ErrorAnswer


class NotFound(AppError):
    """There is no such thing among what the caller may see; whether there is one elsewhere is not said."""

    must_act = MustAct.CALLER
    answer = ErrorAnswer(HTTPStatus.NOT_FOUND)


class NotNow(AppError):
    """It is not in a state in which that can be done; the message says in which it is."""

    must_act = MustAct.CALLER
    answer = ErrorAnswer(HTTPStatus.CONFLICT)


def answer_of(error: ChatlogError) -> ErrorAnswer:
    """Return how a process answers for an error."""
    return error.answer if isinstance(error, AppError) else ANSWERS[error.must_act]
