"""The one place where logging is set up: JSON lines for machines, or text for a terminal.

Log events are constant text plus fields (topic, partition, offset, …); both formats show all that an event
has. Times are UTC. An event is one line, and what follows it is indented, so that nothing that is logged can
look like another event. Message contents are never logged.
What the libraries say is kept where our own parts do not say it, and never in a flood (`Chatter`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError
from asgi_correlation_id import correlation_id
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter as BaseJsonFormatter

if TYPE_CHECKING:
    from app.settings.logs import LogSettings

#: The same warning of a library is shown once in so many seconds.
REPEAT_AFTER_S = 30.0
LIBRARIES = ("faust", "mode", "aiokafka")
#: Follows a line with the reason, which is enough.
_ONE_MORE_LINE = "Unable to update metadata from %s"

#: Attributes of a record that are no fields: logging's own, and uvicorn's message once more, in colours.
_NO_FIELDS = frozenset({*RESERVED_ATTRS, "message", "color_message"})
#: What of a field's text would need quotes: it could be taken for another field, or for two.
_PLAIN = re.compile(r"[^\s\"=]+")


def _time_of(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


class JsonFormatter(BaseJsonFormatter):
    """One JSON object an event."""

    def __init__(self) -> None:
        super().__init__(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            reserved_attrs=_NO_FIELDS,
        )

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802
        """Return when it was."""
        return _time_of(record)


class TextFormatter(logging.Formatter):
    """Time, level, text, and then the fields as name=value; a traceback, indented, on the next lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return an event."""
        fields = [f"{name}={_value(value)}" for name, value in vars(record).items() if name not in _NO_FIELDS]
        first = " ".join([_time_of(record), f"{record.levelname:<7}", _shown(record.getMessage()), *fields])
        below = [self.formatException(record.exc_info)] if record.exc_info else []
        below += [self.formatStack(record.stack_info)] if record.stack_info else []
        lines = [line for text in below for line in text.splitlines()]
        return "\n".join([first, *(f"    {_shown(line)}" for line in lines)])


def _value(value: object) -> str:
    if not isinstance(value, str):
        return _shown(json.dumps(value, ensure_ascii=False, default=str))
    return _shown(value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False))


def _shown(text: str) -> str:
    """Return a text in which each character shows: no end of a line, no escape code of a terminal."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


class Chatter(logging.Filter):
    """Leaves out what mends itself and is told elsewhere, and what is said again and again.

    - While a broker is away, aiokafka says so 70 times a second; our parts that wait say it once.
    - At every rebalance, Faust restarts its agents by cancelling them, and calls that a crash.
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown_at: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to show it."""
        library = record.name.partition(".")[0]
        if library not in LIBRARIES:
            return True
        mends_itself = _is_tried_again if library == "aiokafka" else _is_a_restarted_agent
        return not (mends_itself(record) or self._was_shown(record))

    def _was_shown(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return False
        line = record.name, str(record.msg)
        if record.created - self._shown_at.get(line, float("-inf")) < REPEAT_AFTER_S:
            return True
        self._shown_at[line] = record.created
        return False


def _is_tried_again(record: logging.LogRecord) -> bool:
    return record.msg == _ONE_MORE_LINE or any(
        isinstance(said, OSError | TimeoutError) or (isinstance(said, KafkaError) and said.retriable)
        for said in _arguments(record)
    )


def _is_a_restarted_agent(record: logging.LogRecord) -> bool:
    return str(record.msg).endswith("Crashed reason=%r") and any(
        isinstance(said, asyncio.CancelledError) for said in _arguments(record)
    )


def _arguments(record: logging.LogRecord) -> tuple[object, ...]:
    return record.args if isinstance(record.args, tuple) else ()


class RequestId(logging.Filter):
    """Has whatever is logged while a request is answered say which."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add it; nothing is left out."""
        if (request_id := correlation_id.get()) is not None:
            record.request_id = request_id
        return True


def logging_config(log: LogSettings) -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`."""
    level = log.level
    quiet = level != "DEBUG"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "app.logs.JsonFormatter"},
            "text": {"()": "app.logs.TextFormatter"},
        },
        "filters": {"chatter": {"()": "app.logs.Chatter"}, "request": {"()": "app.logs.RequestId"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": log.format,
                "filters": ["request", *(["chatter"] if quiet else [])],
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {
            # What these say at INFO is for developing Faust; we tell rebalances and recoveries in a line.
            **{name: {"level": "WARNING" if level == "INFO" else level} for name in LIBRARIES},
            # It warns of every rebalance and of every broker that is away.
            "aiokafka.consumer.group_coordinator": {"level": "ERROR" if quiet else level},
            "aiohttp.access": {"level": "WARNING"},
        },
    }
