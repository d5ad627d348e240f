"""The one place where logging is set up: JSON lines for machines, or text for a terminal.

Log events are constant text plus fields (topic, partition, offset, …). Message contents are never logged.
What the libraries say is kept where our own parts do not say it, and never in a flood (`Chatter`).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError

if TYPE_CHECKING:
    from app.settings import Settings

#: The same warning of a library is shown once in so many seconds.
REPEAT_AFTER_S = 30.0
LIBRARIES = ("faust", "mode", "aiokafka")
#: Follows a line with the reason, which is enough.
_ONE_MORE_LINE = "Unable to update metadata from %s"

#: Attributes that the formatters carry along when a log event has them.
FIELDS = (
    "part",
    "topic",
    "partition",
    "offset",
    "last_offset",
    "error",
    "waiting_s",
    "waited_s",
    "partitions",
    "records",
    "seconds",
    "export_id",
    "attempt",
    "bytes",
    "method",
    "route",
    "status",
    "reasons",
)


class TextFormatter(logging.Formatter):
    """Time, level, text, and then the fields as name=value."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname:<7} {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the base class's name
        """Return the line of one log event."""
        fields = " ".join(
            f"{name}={value}" for name in FIELDS if (value := getattr(record, name, None)) is not None
        )
        return f"{super().formatMessage(record)} {fields}".rstrip()


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


def logging_config(settings: Settings) -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`."""
    level = settings.log_level
    quiet = level != "DEBUG"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "fmt": "{asctime}{levelname}{name}{message}",
                "style": "{",
                "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
            },
            "text": {"()": "app.logs.TextFormatter"},
        },
        "filters": {"chatter": {"()": "app.logs.Chatter"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": settings.log_format,
                "filters": ["chatter"] if quiet else [],
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
